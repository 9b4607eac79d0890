"""The thread beside learning that lets erased text go where nothing else would: logs nobody writes to, files."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from threading import Event, Thread
from typing import Any, Protocol

from memory_consumer.errors import LearningError
from memory_store.errors import StoreError

_log = logging.getLogger(__name__)

_SHORTEST_S, _LONGEST_S = 0.5, 600.0
#: So long a stop waits for a round; one that is cut off is done again.
_STOP_S = 2.0


class Sweeps(Protocol):
    """Lets logs roll; see `memory_consumer.erasing.sweeping`."""

    def sweep(self, partitions: Iterable[int]) -> int:
        """Writes to these partitions where they need it. Raises Transient."""


class Housekeeper:
    """Goes round and round; what it cannot do now it does the next time."""

    def __init__(
        self,
        sweeps: Sweeps,
        owned: Callable[[], Iterable[int]],
        purge: Callable[[Callable[[], bool]], None],
        within: timedelta,
    ) -> None:
        """`purge` writes files anew that hold what was removed, until it is told to end.

        It goes round once in a sixteenth of `within`.
        """
        self._sweeps = sweeps
        self._owned = owned
        self._purge = purge
        self._pause_s = min(max(within.total_seconds() / 16, _SHORTEST_S), _LONGEST_S)
        self._cause = ""
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, also amid a round."""
        self._stopping.set()
        self._thread.join(_STOP_S)

    def stage(self) -> Mapping[str, Any]:
        """What it waits for, if anything; for status."""
        return {"name": "erasing", "waiting_for": self._cause or None}

    def go_round(self) -> None:
        """Once; what the one cannot do does not hold up the other. Raises Transient and the store's errors."""
        try:
            self._sweeps.sweep(self._owned())
        finally:
            self._purge(self._stopping.is_set)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_s):
            try:
                self.go_round()
            except (LearningError, StoreError) as exc:
                self._note(str(exc))
            except Exception as exc:  # noqa: BLE001  the boundary of the thread: learning goes on without it
                # Its own text may quote what was said.
                self._note(f"what was not foreseen ({type(exc).__name__})")
            else:
                self._cause = ""

    def _note(self, cause: str) -> None:
        if cause != self._cause:
            _log.warning(
                "Erased text stays in logs or files for now: %s", cause, extra={"action": "erasing_waits"}
            )
        self._cause = cause
