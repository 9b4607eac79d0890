"""A Docker engine and docker compose where there are none, as far as this machine lets us: Debian, and root."""

import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack import debian
from tests.containers.stand_ins import CannotMake, check

_PACKAGES = ("docker.io", "iptables", "debootstrap")
#: The first suite that has it; it runs on older ones.
_COMPOSE, _COMPOSE_SUITE = ("docker-compose", "docker-buildx"), "trixie"
_PLUGINS = Path.home() / ".docker" / "cli-plugins"
_READY_S = 60.0


@contextmanager
def running_engine() -> Iterator[None]:
    """An engine answers; one that was started here is ended. Raises CannotMake."""
    _fetch_compose()
    if lacks_engine() is None:
        yield
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotMake("No Docker engine answers. Install Docker; only root of a Debian is helped to one here.")
    if shutil.which("dockerd") is None:
        check(["apt-get", "install", "-y", "--no-install-recommends", *_PACKAGES])
    log = Path(tempfile.gettempdir(), "oboegaki-dockerd.log")
    with log.open("ab") as file:
        engine = subprocess.Popen(["dockerd"], stdout=file, stderr=file, start_new_session=True)
    try:
        _wait_for(engine, log)
        yield
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(_READY_S)


def _wait_for(engine: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_S
    while lacks_engine():
        if engine.poll() is not None or time.monotonic() > end:
            raise CannotMake(f"The Docker engine does not start: {log.read_text()[-1000:]}")
        time.sleep(0.2)


def lacks_compose() -> str | None:
    """That docker cannot read a compose file here; None where it can."""
    if _answers(["docker", "compose", "version"]):
        return None
    return "docker has no compose plugin here. `make test-containers` fetches one where it can."


def lacks_engine() -> str | None:
    """That no Docker engine answers; None where one does."""
    if _answers(["docker", "version"]):
        return None
    return "No Docker engine answers. `make test-containers` starts one where it can."


def _fetch_compose() -> None:
    if lacks_compose() is None:
        return
    if platform.system() != "Linux" or debian.missing_tools():
        raise CannotMake("docker has no compose plugin. Install it: docs.docker.com/compose/install.")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        debian.unpack(_COMPOSE, _COMPOSE_SUITE, root, Path(scratch), print)
        _PLUGINS.mkdir(parents=True, exist_ok=True)
        for plugin in root.rglob("cli-plugins/docker-*"):
            shutil.copy(plugin, _PLUGINS / plugin.name)


def _answers(command: Sequence[str]) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
