"""After MySQL's binlog was purged before it was read: what was deleted meanwhile leaves the logs and the memories.

Debezium then reads all rows anew, so what was written or edited comes by itself; a deleted row leaves no trace.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from random import Random, SystemRandom
from threading import Event, Thread
from typing import Any, Protocol

from memory_consumer.errors import Transient
from memory_consumer.stages.retry import Backoff
from memory_consumer.verify.look import Line

_log = logging.getLogger(__name__)

_LISTEN_S = 1.0
#: Each try looks at everything, so what cannot be healed is tried once an hour in the end.
_PATIENCE = Backoff(first=30.0, most=3600.0)
#: So long a stop waits for it; a healing that is cut off is done again.
_STOP_S = 2.0
#: What follows from it that MySQL was found to have lost rows.
HELD = "Nothing is healed by itself until `oboegaki verify --repair` has been run."


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
        self,
        snapshots: Callable[[], Snapshots],
        heal: Callable[[], Iterable[Line]],
        *,
        patience: Backoff = _PATIENCE,
        chance: Random | None = None,
        stop_s: float = _STOP_S,
    ) -> None:
        """`heal` mends what is orphaned, and tells how it went; `patience` is waited where that failed."""
        self._patience = patience
        self._chance = chance or SystemRandom()
        self._stop_s = stop_s
        self._snapshots = snapshots
        self._heal = heal
        self._stopping = Event()
        self._failures = 0
        self._cause = ""
        self._thread = Thread(target=self._run, name="healing", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, also amid a healing, for which it waits a moment only: the next start takes it up again."""
        self._stopping.set()
        self._thread.join(self._stop_s)

    def stage(self) -> Mapping[str, Any]:
        """What healing waits for, if anything; for status."""
        return {"name": "healing", "waiting_for": self._cause or None}

    def _run(self) -> None:
        with closing(self._snapshots()) as snapshots:
            while not self._stopping.is_set():
                try:
                    self._listen(snapshots)
                except Exception as exc:  # noqa: BLE001  the boundary of the thread: learning goes on without it
                    # Its own text may quote what was said.
                    self._fail(f"what was not foreseen ({type(exc).__name__})")

    def _listen(self, snapshots: Snapshots) -> None:
        try:
            waits = snapshots.waiting(_LISTEN_S)
        except Transient as exc:
            # Listening costs nothing, so it is not put off for longer and longer.
            self._wait(str(exc), self._patience.wait(1, self._chance.random()))
            return
        try:
            if waits:
                if not self._healed():
                    return
                snapshots.handled()
        except Transient as exc:
            self._fail(str(exc))
        else:
            self._cause, self._failures = "", 0

    def _healed(self) -> bool:
        for line in self._heal():
            if self._stopping.is_set():
                return False
            if "unsure" in line:
                self._fail(line["unsure"])
                return False
            if "held" in line:
                self._failures = 0
                self._wait(f"{line['held']} {HELD}", self._patience.wait(1, self._chance.random()))
                return False
            if "report" in line:
                return self._is_whole(line["report"]["differences"])
        return False

    def _is_whole(self, left: Mapping[str, int]) -> bool:
        if left.get("orphaned"):
            self._fail(f"{left['orphaned']} deleted messages are still known.")
            return False
        _log.info("Rows were read anew; what was deleted before is forgotten.", extra={"action": "healed"})
        if left:
            _log.warning("%s messages differ: `oboegaki verify` tells which.", sum(left.values()))
        return True

    def _fail(self, cause: str) -> None:
        self._failures += 1
        self._wait(cause, self._patience.wait(self._failures, self._chance.random()))

    def _wait(self, cause: str, pause_s: float) -> None:
        if cause != self._cause:
            _log.warning("Gaps in the binlog cannot be healed now: %s", cause, extra={"action": "healing_waits"})
        self._cause = cause
        self._stopping.wait(pause_s)
