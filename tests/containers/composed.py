"""An instance in containers, as users start it: `docker compose up`, under a project and ports of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
import pytest
from testcontainers.compose import DockerCompose

from chat_api.settings import Account
from devstack import kafka
from devstack.containers import USERS
from memory_consumer.settings import ConsumerSettings
from tests.containers import stand_ins
from tests.containers.engine import lacks_compose, lacks_engine
from tests.support.instance import RunningInstance, printed
from tests.support.services import free_ports

ROOT = Path(__file__).parents[2]
_COMMAND_S = 600
#: The home, as the containers see it.
_INSIDE = "/oboegaki"

Size = Literal["small", "server"]
#: Which service answers over HTTP and which learns.
_SERVICES: dict[Size, tuple[str, str]] = {
    "small": ("oboegaki", "oboegaki"),
    "server": ("chat_api", "memory_consumer"),
}


class ComposedInstance(RunningInstance):
    """Its containers are started and stopped by docker compose; it is looked into by ports of the tests' own."""

    def __init__(self, project: str, size: Size = "small") -> None:
        super().__init__(Path())
        self.project = project
        self.size = size
        self.answering, self.learning = _SERVICES[size]
        profiles = ["server"] if size == "server" else None
        self._compose = DockerCompose(ROOT, self.files.split(":"), profiles=profiles)
        self._mysql, self._kafka = free_ports(2)
        self._home: Path | None = None

    @property
    def home(self) -> Path:
        """Where the engine keeps the volume of the home."""
        if self._home is None:
            told = self._docker("volume", "inspect", "-f", "{{.Mountpoint}}", f"{self.project}_home")
            self._home = Path(told.strip())
        return self._home

    @home.setter
    def home(self, _path: Path) -> None:
        self._home = None

    @property
    def env(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("OBOEGAKI_")},
            "OBOEGAKI_PORT": str(self.ports[0]),
            "TEST_MYSQL_PORT": str(self._mysql),
            "TEST_KAFKA_PORT": str(self._kafka),
            **({"OBOEGAKI_SMALL": "0"} if self.size == "server" else {}),
            **self.settings,
        }

    def resized(self, size: Size) -> "ComposedInstance":
        """The same once it has been moved to another size."""
        moved = ComposedInstance(self.project, size)
        moved.ports, moved._mysql, moved._kafka = self.ports, self._mysql, self._kafka
        return moved

    #: As docker compose takes them.
    files = f"{ROOT / 'docker-compose.yml'}:{ROOT / 'tests/containers/look_in.yml'}"

    def compose(self, *arguments: str, said: str | None = None, status: int = 0) -> str:
        """What `docker compose` prints, once it has ended as expected."""
        return printed(
            self._command(*arguments), self.env, said=said, status=status, timeout_s=_COMMAND_S, more=self._logs
        )

    def up(self) -> None:
        """All of it, healthy."""
        self.compose("up", "-d", "--wait")

    def command(self, *arguments: str, said: str = "", status: int = 0) -> str:
        if arguments == ("up",):
            self.up()
            return ""
        if arguments == ("down",):
            return self.compose("down")
        inside = [self._inside(each) for each in arguments]
        service = self.answering
        if self.is_up(service):
            width = ("-e", "COLUMNS=200")
            return self.compose("exec", "-T", *width, service, "oboegaki", *inside, said=said, status=status)
        return self.compose("run", "--rm", "--no-deps", "-T", service, *inside, said=said, status=status)

    def serve(self, *options: str) -> None:
        assert not options, "The container serves as docker-compose.yml says."
        # Tests look into files as root, which may leave some behind.
        for path in self.home.rglob("*"):
            os.chown(path, USERS["oboegaki"], USERS["oboegaki"], follow_symlinks=False)
        self.compose("up", "-d", "--no-deps", "--wait", *self.ours)

    def serves(self) -> bool:
        return self.answers()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health/ready", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.compose("kill", *self.ours)

    def stop_serving(self) -> None:
        self.compose("stop", *self.ours)

    @property
    def ours(self) -> tuple[str, ...]:
        """The services that are oboegaki itself."""
        return tuple(dict.fromkeys((self.answering, self.learning)))

    def is_up(self, service: str) -> bool:
        """Whether the container of a service runs."""
        return bool(self.compose("ps", "-q", "--status", "running", service).strip())

    def inspected(self, service: str) -> Any:  # noqa: ANN401  JSON
        """What the engine tells of a service's container."""
        container = self.compose("ps", "-q", "-a", service).split()[0]
        return json.loads(self._docker("inspect", container))[0]

    def database(self) -> Account:
        return Account("127.0.0.1", self._mysql, "chat", "oboegaki_api", self.secrets().mysql_api)

    def consumer(self) -> ConsumerSettings:
        return ConsumerSettings(
            kafka=f"127.0.0.1:{self._kafka}",
            kafka_user=kafka.CLIENT,
            kafka_password=self.secrets().kafka,
            home=self.home,
        )

    def part(self, name: str) -> psutil.Process:
        [child] = psutil.Process(self.inspected(name)["State"]["Pid"]).children()
        return child

    def end(self) -> None:
        self.compose("--profile", "*", "down", "-v", "--remove-orphans")

    def _inside(self, argument: str) -> str:
        """A file of the machine is put where the container sees it."""
        path = Path(argument)
        if not path.is_absolute() or not path.is_file():
            return argument
        copied = Path(shutil.copy(path, self.home / path.name))
        copied.chmod(0o644)
        return f"{_INSIDE}/{path.name}"

    def _logs(self) -> str:
        with suppress(subprocess.SubprocessError):
            done = subprocess.run(
                self._command("logs", "--tail", "20"),
                env=self.env,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            return done.stdout[-6000:]
        return ""

    def _command(self, *arguments: str) -> list[str]:
        return [*self._compose.docker_compose_command(), "-p", self.project, *arguments]

    def _docker(self, *arguments: str) -> str:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=True, timeout=60
        ).stdout


@contextmanager
def composed_instance(
    project: str = "oboegaki-test", size: Size = "small", **settings: str
) -> Iterator[ComposedInstance]:
    """An instance in containers of its own; skips where there can be none, and says why."""
    if why := obstacle(size):
        pytest.skip(why)
    instance = ComposedInstance(project, size)
    instance.settings.update(settings)
    instance.end()
    try:
        instance.up()
        yield instance
    finally:
        instance.end()


def obstacle(size: Size = "small") -> str | None:
    """Why no containers can be started here; None where they can."""
    if why := lacks_engine() or lacks_compose():
        return why
    more = (*stand_ins.SERVER_NAMES, f"oboegaki:{stand_ins.EARLIER}") if size == "server" else ()
    needed = (*stand_ins.NAMES, stand_ins.OURS, *more)
    lacking = [name for name in needed if not stand_ins.is_there(name)]
    if lacking:
        return f"Images are missing: {', '.join(lacking)}. `make test-containers` makes stand-ins for them."
    return None
