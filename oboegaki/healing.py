"""After MySQL's binlog was purged before it was read: what was deleted meanwhile leaves the logs and the memories.

Debezium then reads all rows anew, so what was written or edited comes by itself; a deleted row leaves no trace.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from threading import Event, Thread
from typing import Protocol

from memory_consumer.errors import Transient
from memory_consumer.verify.look import Line

_log = logging.getLogger(__name__)

_LISTEN_S = 1.0
_PAUSE_S = 60.0


class Snapshots(Protocol):
    """Tells of snapshots of all rows; see `memory_consumer.verify.snapshots`."""

    def waiting(self, within_s: float) -> bool:
        """Whether one waits to be handled; looks for one for so long. Raises Transient."""

    def handled(self) -> None:
        """Notes that it was handled, for later starts too. Raises Transient."""

    def close(self) -> None:
        """Ends it."""


class Healer:
    """A thread that waits for snapshots and has their gaps healed; what it cannot do now it tries again."""

    def __init__(
        self, snapshots: Callable[[], Snapshots], heal: Callable[[], Iterable[Line]], *, pause_s: float = _PAUSE_S
    ) -> None:
        """`heal` mends what is orphaned, and tells how it went; `pause_s` is waited where that failed."""
        self._pause_s = pause_s
        self._snapshots = snapshots
        self._heal = heal
        self._stopping = Event()
        self._cause = ""
        self._thread = Thread(target=self._run, name="healing", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, also amid a healing: the next start takes it up again."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(self._snapshots()) as snapshots:
            while not self._stopping.is_set():
                try:
                    if snapshots.waiting(_LISTEN_S) and self._healed():
                        snapshots.handled()
                except Transient as exc:
                    self._wait(str(exc))
                except Exception:  # noqa: BLE001  the boundary of the thread: learning goes on without it
                    _log.exception("Healing failed in a way that was not foreseen.")
                    self._stopping.wait(self._pause_s)

    def _healed(self) -> bool:
        for line in self._heal():
            if self._stopping.is_set():
                return False
            if "unsure" in line:
                self._wait(line["unsure"])
                return False
            if "report" in line:
                return self._is_whole(line["report"]["differences"])
        return False

    def _is_whole(self, left: Mapping[str, int]) -> bool:
        if left.get("orphaned"):
            self._wait(f"{left['orphaned']} deleted messages are still known.")
            return False
        _log.info("Rows were read anew; what was deleted before is forgotten.", extra={"action": "healed"})
        if left:
            _log.warning("%s messages differ: `oboegaki verify` tells which.", sum(left.values()))
        self._cause = ""
        return True

    def _wait(self, cause: str) -> None:
        if cause != self._cause:
            _log.warning("Gaps in the binlog cannot be healed now: %s", cause, extra={"action": "healing_waits"})
        self._cause = cause
        self._stopping.wait(self._pause_s)
