"""A whole instance as users run it: the command in processes of its own, in a home and on ports of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from chat_api.settings import Account
from devstack import process
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import wait_until
from tests.support.services import DIST, consumer_settings, free_ports

#: Two test processes share the cores: an import that embeds hundreds of texts takes its time.
_COMMAND_S = 420
_STOP_S = 60


def printed(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    said: str | None,
    status: int,
    timeout_s: float = _COMMAND_S,
    more: Callable[[], str] = str,
) -> str:
    """What a command prints, once it has ended as expected; `more` is told where it has not."""
    done = subprocess.run(
        command, env=env, input=said, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}{more()}"
    return done.stdout + done.stderr


class RunningInstance:
    """Its parts are started and stopped by the command, and killed by the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = free_ports(5)
        #: Settings beyond its home and ports.
        self.settings: dict[str, str] = {}
        self.served: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The environment of its commands."""
        names = ("PORT", "MYSQL_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT")
        ports = {f"OBOEGAKI_{name}": str(port) for name, port in zip(names, self.ports, strict=True)}
        return {
            **os.environ,
            "OBOEGAKI_HOME": str(self.home),
            "OBOEGAKI_DIST": str(DIST),
            "COLUMNS": "200",
            **ports,
            **self.settings,
        }

    @property
    def address(self) -> str:
        """Where its API answers."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def stack(self) -> StackSettings:
        """Where its parts are."""
        _, mysql, kafka, controller, connect = self.ports
        return StackSettings(
            home=self.home,
            dist=DIST,
            mysql_port=mysql,
            kafka_port=kafka,
            kafka_controller_port=controller,
            connect_port=connect,
        )

    def secrets(self) -> Secrets:
        """What its parts know each other by."""
        return load_or_create(self.home)

    def consumer(self) -> ConsumerSettings:
        """What its Kafka's clients are set to."""
        return consumer_settings(self.stack(), self.secrets())

    def popen(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401  Popen's own
        """A command that goes on."""
        return subprocess.Popen([sys.executable, "-m", "oboegaki", *arguments], env=self.env, **more)

    def command(self, *arguments: str, said: str = "", status: int = 0) -> str:
        """What a command prints, once it has ended as expected."""
        return printed([sys.executable, "-m", "oboegaki", *arguments], self.env, said=said, status=status)

    def serve(self, *options: str) -> None:
        """Starts the one process and returns once it answers."""
        log = (self.home / "serve.log").open("ab")
        self.served = self.popen("serve", *options, stdout=log, stderr=log)
        log.close()
        wait_until(self.answers)

    def serves(self) -> bool:
        """Whether the one process was started and not stopped."""
        return self.served is not None and self.served.poll() is None

    def answers(self) -> bool:
        """Whether the API is up; fails if its process has ended."""
        assert self.served is not None
        assert self.served.poll() is None, (self.home / "serve.log").read_text()[-2000:]
        try:
            return httpx.get(f"{self.address}/health/live", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Ends the one process at once, as a crash does."""
        self._end(signal.SIGKILL)

    def stop_serving(self) -> None:
        """Ends the one process in order."""
        self._end(signal.SIGTERM)

    def client(self) -> httpx.Client:
        """A client with the key."""
        headers = {"Authorization": f"Bearer {self.key()}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60, trust_env=False)

    def key(self) -> str:
        """The admin key."""
        return self.secrets().api_key.get_secret_value()

    def database(self) -> Account:
        """The API's account."""
        password = self.secrets().mysql_api
        return Account("127.0.0.1", self.ports[1], "chat", "oboegaki_api", password)

    def part(self, name: str) -> psutil.Process:
        """The process of a part that runs, such as `kafka`."""
        found = process.find(self.home, name)
        assert found is not None, f"{name} does not run."
        return psutil.Process(found.pid)

    def processes(self) -> list[psutil.Process]:
        """Whatever runs of it: what has its home in its command line or environment."""
        return [each for each in psutil.process_iter() if str(self.home) in _told(each)]

    def end(self) -> None:
        """Ends all of it: in order as far as it can be, and else at once."""
        self.kill()
        try:
            self.command("down")
        finally:
            for left in self.processes():
                with suppress(psutil.NoSuchProcess):
                    left.kill()

    def _end(self, number: int) -> None:
        if self.served is None:
            return
        self.served.send_signal(number)
        try:
            self.served.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.served.kill()
            self.served.wait(_STOP_S)
            raise
        finally:
            self.served = None


class ExistingInstance(RunningInstance):
    """One that runs already, and that a test only calls over HTTP, as users of its own."""

    def __init__(self, address: str) -> None:
        super().__init__(Path())
        self._address = address.rstrip("/")

    @property
    def address(self) -> str:
        return self._address

    def serve(self, *options: str) -> None:
        assert not options
        assert self.answers(), f"Nothing answers at {self.address}."

    def serves(self) -> bool:
        return self.answers()

    def answers(self) -> bool:
        return httpx.get(f"{self.address}/health/live", timeout=5, trust_env=False).is_success

    def stop_serving(self) -> None:
        """It is somebody else's to stop."""

    def key(self) -> str:
        return os.environ["OBOEGAKI_API_KEY"]


@contextmanager
def instance_at(home: Path) -> Iterator[RunningInstance]:
    """An instance that leaves no process behind, however the test ends."""
    home.mkdir(parents=True, exist_ok=True)
    instance = RunningInstance(home)
    try:
        yield instance
    finally:
        instance.end()


def write_messages(path: Path, messages: Sequence[dict[str, Any]]) -> Path:
    """A file to import."""
    path.write_text("".join(f"{json.dumps(message, ensure_ascii=False)}\n" for message in messages))
    return path


def _told(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) + process.environ().get("OBOEGAKI_HOME", "")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
