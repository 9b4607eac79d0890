"""What is done to an instance, and how its supervisor gets it going again."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from devstack import process
from devstack.process import Process
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

#: API, learning and store.
SERVER = "oboegaki"
CONNECT, KAFKA, MYSQL = "connect", "kafka", "mysql"
PARTS = (SERVER, CONNECT, KAFKA, MYSQL)
#: Without these a call of the API is not answered.
ANSWERING = frozenset({SERVER, MYSQL})

_GONE_S = 30
#: For an instance of a few hundred messages; a log has its index files beside.
_ROOM = "1g"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to parts of an instance."""

    kind: Literal["kill", "stop", "time out", "no room"]
    parts: tuple[str, ...]

    def __str__(self) -> str:
        what = "all" if len(self.parts) == len(PARTS) else " + ".join(self.parts)
        return f"{self.kind}: {what}"


_SLOW = [Fault("time out", (part,)) for part in (CONNECT, KAFKA, MYSQL)]
_MANY = 12
NO_ROOM = Fault("no room", (KAFKA,))


def dealt(chance: Random, count: int) -> list[Fault]:
    """So many kills and stops in random order; each kind comes once before one comes again.

    Many of them leave time for parts that are stopped until others have noticed.
    """
    found: list[Fault] = []
    while len(found) < count:
        each = _one_of_each(chance) + (_SLOW if count >= _MANY else [])
        found += chance.sample(each, len(each))
    return found[:count]


def _one_of_each(chance: Random) -> list[Fault]:
    kills = [Fault("kill", (part,)) for part in PARTS]
    two = sorted(chance.sample(PARTS, 2), key=PARTS.index)
    together = [Fault("kill", tuple(two)), Fault("kill", PARTS)]
    stops = [Fault("stop", (part,)) for part in (CONNECT, KAFKA, MYSQL)]
    return [*kills, *together, *stops]


class Supervisor:
    """Ends parts as a crash does, and starts them again by the command, as often as it must."""

    def __init__(self, instance: RunningInstance) -> None:
        self._instance = instance
        #: What the command said where it had to be given again.
        self.refusals: list[str] = []

    def kill(self, parts: Sequence[str]) -> None:
        """Ends parts at once, at the same time."""
        found = [self._found(part) for part in parts]
        for each in found:
            os.kill(each.pid, signal.SIGKILL)
        if SERVER in parts:
            self._instance.kill()
        wait_until(lambda: not any(process.is_running(each) for each in found), _GONE_S)

    @contextmanager
    def stopped(self, parts: Sequence[str]) -> Iterator[None]:
        """Parts that do nothing, and are there."""
        found = [self._found(part) for part in parts]
        for each in found:
            os.kill(each.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in found:
                os.kill(each.pid, signal.SIGCONT)

    def start(self, parts: Sequence[str]) -> None:
        """Returns once those that were ended are up again; all of them are started at the same time."""
        starts: list[Callable[[], None]] = []
        if SERVER in parts:
            starts.append(self._instance.serve)
        if set(parts) - {SERVER}:
            starts.append(self._up)
        with ThreadPoolExecutor(len(starts)) as threads:
            for each in [threads.submit(start) for start in starts]:
                each.result()

    def runs(self, part: str) -> bool:
        """Whether a part is there."""
        return process.find(self._instance.home, part) is not None

    def _up(self) -> None:
        for again in (True, True, False):
            try:
                self._instance.command("up")
            except AssertionError as exc:
                self.refusals.append(str(exc))
                if not again:
                    raise
            else:
                return

    def _found(self, part: str) -> Process:
        found = process.find(self._instance.home, part)
        assert found is not None, f"{part} does not run."
        return found


class Disk:
    """A disk of its own for a folder, of any size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self) -> None:
        """Leaves no room, also where somebody writes meanwhile."""
        wait_until(self._shrinks)

    def make_room(self) -> None:
        """Leaves room again."""
        self._resize(_ROOM)

    def _shrinks(self) -> bool:
        """Whether it could be made as large as what is on it: not where that has grown since it was looked at."""
        found = os.statvfs(self._folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        try:
            self._resize(str(used))
        except subprocess.CalledProcessError:
            return False
        return True

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self._folder))


@contextmanager
def disk(folder: Path) -> Iterator[Disk | None]:
    """A disk mounted at a folder; None where nothing may be mounted here."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={_ROOM},mode=0700", "tmpfs", str(folder))
    except (subprocess.CalledProcessError, FileNotFoundError):
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # Lazily: whoever still has a file open there keeps it, and nobody else sees it.
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)
