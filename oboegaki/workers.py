"""Several processes of the API behind one port, and the one over them that starts and ends them."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from oboegaki.errors import CommandError

_log = logging.getLogger(__name__)

_LOOK_S = 0.2
#: Whoever ends so soon after a start would do so again.
_SETTLED_S = 10.0
#: Longer than a worker takes for the replies under way.
_END_S = 20.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several: its number from 0, the socket of all, and a pipe that ends with who started it."""

    number: int
    listens_on: int
    lifeline: int

    def options(self) -> list[str]:
        """How a process is told that it is this one."""
        return [f"--worker={self.number},{self.listens_on},{self.lifeline}"]


def worker(told: str | None) -> Worker | None:
    """The worker of an option's value. Raises CommandError for what is none."""
    try:
        return None if told is None else Worker(*(int(each) for each in told.split(",")))
    except (ValueError, TypeError):
        raise CommandError("--worker is for `oboegaki api --workers` itself.") from None


class Process(Protocol):
    """As much of a `subprocess.Popen` as is needed."""

    def poll(self) -> int | None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Workers:
    """So many, each started again where it ended; but whoever ends right after a start ends all."""

    def __init__(
        self, start: Callable[[int], Process], count: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._monotonic = monotonic
        self._running = {number: (start(number), monotonic()) for number in range(count)}

    def look(self) -> None:
        """Starts those again that have ended. Raises CommandError where that would not help."""
        for number, (process, since) in self._running.items():
            status = process.poll()
            if status is None:
                continue
            if self._monotonic() - since < _SETTLED_S:
                raise CommandError(f"Worker {number} ended right after its start. What it wrote above says why.")
            _log.error("Worker %s ended (status %s) and is started again.", number, status)
            self._running[number] = (self._start(number), self._monotonic())

    def end(self) -> None:
        """Ends all: in order as far as they do, the rest at once."""
        processes = [process for process, _ in self._running.values()]
        for process in processes:
            process.terminate()
        deadline = self._monotonic() + _END_S
        for process in processes:
            try:
                process.wait(max(0.0, deadline - self._monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(count: int, listens_on: int) -> None:
    """Serves until SIGTERM or SIGINT, or until a worker cannot be kept running. Raises CommandError then."""
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with _lifeline() as lifeline:
        workers = Workers(lambda number: _started(Worker(number, listens_on, lifeline)), count)
        try:
            while not stopping.wait(_LOOK_S):
                workers.look()
        finally:
            workers.end()


@contextmanager
def _lifeline() -> Iterator[int]:
    # What the kernel closes with this process, however it ends: no worker goes on without it.
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


def _started(one: Worker) -> Process:
    command = [sys.executable, "-m", "oboegaki", "api", *one.options()]
    return subprocess.Popen(command, pass_fds=(one.listens_on, one.lifeline))
