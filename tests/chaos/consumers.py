"""Consumers as processes that come and go."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import wait_until
from tests.support.services import as_environment

_ROOT = Path(__file__).parents[2]
_END_S = 30


class ConsumerProcess:
    """A consumer with a home of its own."""

    def __init__(self, settings: ConsumerSettings, home: Path) -> None:
        self._settings = settings
        self._home = home
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended."""
        return self._running is not None

    @property
    def owned(self) -> int:
        """Partitions that it owns, as it says."""
        try:
            return int(json.loads((self._home / "reports.json").read_text())["extract"]["owned"])
        except FileNotFoundError:
            return 0

    @property
    def asked(self) -> list[str]:
        """The users its model was asked about."""
        path = self._home / "asked"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def start(self) -> None:
        """Starts it, and returns once it owns something."""
        self._home.mkdir(exist_ok=True)
        (self._home / "reports.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.chaos.consumer_process", str(self._home)]
        env = os.environ | as_environment(self._settings)
        with (self._home / "log").open("ab") as log:
            self._running = subprocess.Popen(command, cwd=_ROOT, env=env, stdout=log, stderr=log)
        wait_until(lambda: self._lives() and self.owned > 0)

    def may_answer(self, allowed: bool = True) -> None:
        """Lets its model answer, or not."""
        self._home.mkdir(exist_ok=True)
        path = self._home / "may-answer"
        path.touch() if allowed else path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Ends it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._end(signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It does nothing, and is there."""
        assert self._running is not None
        self._running.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._running.send_signal(signal.SIGCONT)

    def _lives(self) -> bool:
        assert self._running is not None
        assert self._running.poll() is None, (self._home / "log").read_text()[-2000:]
        return True

    def _end(self, number: int) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            os.kill(running.pid, number)
            try:
                running.wait(_END_S)
            finally:
                running.kill()


@contextmanager
def consumers(settings: ConsumerSettings, home: Path, *names: str) -> Iterator[tuple[ConsumerProcess, ...]]:
    """Consumers that do not run yet; none runs on, however the test ends."""
    made = tuple(ConsumerProcess(settings, home / name) for name in names)
    try:
        yield made
    finally:
        for each in made:
            each.kill()
