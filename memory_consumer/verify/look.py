"""One look at rows, logs and store, in an order in which what changes meanwhile is not taken for lost.

The rows come first, in one snapshot; then the connector has to have read all that MySQL had committed by then;
then each log is read to its stable end, and the stage after it has to have passed that end; the store is last.
What differs then is looked at once more, in the same order: what something happened to meanwhile is under way.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.partition import partition_of
from memory_consumer.verify.logs import Logs
from memory_consumer.verify.rows import RowSource
from memory_consumer.verify.sources import chunks, event_of, record_of
from memory_consumer.verify.tables import Log, Tables
from memory_store.port import MemoryVersion

#: What a verification tells as it goes; each has one key.
Line = Mapping[str, Any]

_LOGS: tuple[Log, ...] = ("messages", "facts")
_STAGES: Mapping[Log, str] = {"messages": "extract", "facts": "project"}
#: So often what the connector tells may be behind before it is nudged; before it is started again where it still
#: tells the same, which takes it some seconds, and then nudged.
_NUDGED, _RESTARTED, _NUDGED_AGAIN = 5, 50, 80
#: Records between two lines of progress.
_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Places:
    """What is looked at."""

    rows: RowSource
    #: The transactions that the connector has read, as it tells them; None while it does not answer.
    captured: Callable[[], str | None]
    #: Makes the connector tell anew: after a transaction without an event, as of a changed table, it does so by
    #: itself with the next one only. It may raise Transient.
    nudge: Callable[[], None]
    #: Starts the connector again: once MySQL was away it hears no nudge. It may raise Transient.
    restart: Callable[[], None]
    logs: Callable[[], Logs]
    version: Callable[[], MemoryVersion]
    #: Whether the stages run: what they have not passed is waited for; where none does, nothing may wait.
    learns: bool
    #: How long the connector, and each stage, may take to get to where a log ended.
    patience: timedelta = timedelta(seconds=60)
    pause: Callable[[float], None] = time.sleep


class Look:
    """Reads everything into tables. Every step may raise Transient and StoreError."""

    def __init__(self, places: Places, tables: Tables, logs: Logs, user_id: str | None) -> None:
        self._places = places
        self._tables = tables
        self._logs = logs
        self._user = user_id
        self._partitions = range(names.PARTITIONS) if user_id is None else (partition_of(user_id),)
        self._ends: dict[Log, dict[int, int]] = {log: dict.fromkeys(self._partitions, 0) for log in _LOGS}
        self._passed: dict[Log, dict[int, int]] = {log: {} for log in _LOGS}

    def whole(self) -> Iterator[Line]:
        """Looks at everything, then once more at what differs."""
        with self._places.rows.snapshot() as moment:
            done = 0
            for page in moment.all(self._user):
                self._tables.put_rows(page)
                done += len(page)
                yield progress("rows", done)
            history = moment.history()
        yield from self._until_captured(history)
        for log in _LOGS:
            yield from self._read(log)
            yield from self._until_passed(log)
        yield from self._stored()
        yield progress("comparing")
        if self._tables.find():
            yield from self.again()

    def again(self) -> Iterator[Line]:
        """Looks at what differs once more."""
        yield progress("looking again")
        self._tables.suspect()
        with self._places.rows.snapshot() as moment:
            for ids in self._tables.candidates():
                self._tables.put_rows(moment.among(ids))
            history = moment.history()
        yield from self._until_captured(history)
        for log in _LOGS:
            yield from self._read(log, again=True)
            yield from self._ask_passed(log)
        version = self._places.version()
        for ids in self._tables.candidates():
            self._tables.put_receipts(version.receipts(ids).values())
            self._tables.put_points(version.filed_under(ids))
        # What was written since the logs were read may be in the store already.
        for log in _LOGS:
            yield from self._read(log, again=True)
        self._tables.find()

    def _read(self, log: Log, *, again: bool = False) -> Iterator[Line]:
        done, ends = 0, self._ends[log]
        read, put = (
            (event_of, self._tables.put_events) if log == "messages" else (record_of, self._tables.put_records)
        )
        for message in self._logs.read(log, dict(ends)):
            ends[message.partition() or 0] = (message.offset() or 0) + 1
            found = read(message)
            if found is not None:
                put((found,))
                if again:
                    self._tables.note_moved((found.message_id,))
            done += 1
            if done % _TOLD == 0:
                yield progress(f"{log} log", done)
        yield progress(f"{log} log", done)

    def _stored(self) -> Iterator[Line]:
        version, done = self._places.version(), 0
        receipts = (each for each in version.scan_receipts() if self._user in (None, each.user_id))
        for some in chunks(receipts, _TOLD):
            self._tables.put_receipts(some)
            done += len(some)
            yield progress("receipts", done)
        done = 0
        memories = (each for each in version.scan() if self._user in (None, each.user_id))
        for several in chunks(memories, _TOLD):
            self._tables.put_points(several)
            done += len(several)
            yield progress("memories", done)

    def _until_captured(self, history: str) -> Iterator[Line]:
        end, told_then = self._deadline(), None
        for asked in count():
            captured = self._places.captured()
            if captured is not None and self._places.rows.covers(captured, history):
                return
            if asked == _NUDGED:
                told_then = captured
            if captured is not None and captured == told_then:
                self._wake(asked)
            if time.monotonic() > end:
                cause = "does not answer" if captured is None else "has not read all that MySQL has"
                raise Transient(
                    f"What is lost cannot be told from what is under way: Kafka Connect {cause}. `oboegaki status`"
                    " shows how it is; try again once it has caught up."
                )
            yield progress("waiting for Kafka Connect")
            self._places.pause(0.2)

    def _wake(self, asked: int) -> None:
        if asked in (_NUDGED, _NUDGED_AGAIN):
            self._places.nudge()
        elif asked == _RESTARTED:
            self._places.restart()

    def _until_passed(self, log: Log) -> Iterator[Line]:
        """Waits for the stage after a log. Raises Transient where it stays behind."""
        end = self._deadline()
        while True:
            yield from self._ask_passed(log)
            behind = self._behind(log)
            if not self._places.learns:
                self._check_nothing_waits(log)
                return
            if behind is None:
                return
            if time.monotonic() > end:
                raise Transient(self._stuck(log, *behind))
            yield progress("waiting for learning")
            self._places.pause(0.2)

    def _ask_passed(self, log: Log) -> Iterator[Line]:
        """Asks until there is an answer: amid a transaction of a stage there is none."""
        end = self._deadline()
        while True:
            try:
                self._passed[log] = self._logs.passed(log, self._partitions)
            except Transient:
                if time.monotonic() > end:
                    raise
            else:
                self._tables.put_passed(log, self._passed[log])
                return
            yield progress("waiting for learning")
            self._places.pause(0.2)

    def _behind(self, log: Log) -> tuple[int, int] | None:
        """A partition whose end its stage has not reached, and how far it came."""
        for partition, end in self._ends[log].items():
            if (passed := self._passed[log].get(partition, 0)) < end:
                return partition, passed
        return None

    def _stuck(self, log: Log, partition: int, passed: int) -> str:
        within_s = self._places.patience.total_seconds()
        return (
            f"What is lost cannot be told from what is under way: the stage {_STAGES[log]} has not got past offset"
            f" {passed} of partition {partition} of the {log} log within {within_s:.0f} seconds; it ends at"
            f" {self._ends[log][partition]}. `oboegaki status` shows what it waits for; try again once it goes on."
        )

    def _check_nothing_waits(self, log: Log) -> None:
        if waiting := self._tables.waiting(log):
            number = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
            raise Transient(
                f"What is lost cannot be told from what is under way: {number} for an oboegaki that runs. Start it"
                " (`oboegaki serve`), and verify again once it has caught up."
            )

    def _deadline(self) -> float:
        return time.monotonic() + self._places.patience.total_seconds()


def progress(step: str, done: int | None = None) -> Line:
    """The line that tells what is being done, and how much of it was."""
    return {"progress": {"step": step, "done": done}}
