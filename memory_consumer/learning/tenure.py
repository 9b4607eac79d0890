"""One partition while this process owns it without a break: its ledger, its writer, its learning."""

import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from threading import Lock, Thread
from types import MappingProxyType
from typing import Any

from confluent_kafka import Message, TopicPartition

from memory_consumer import names
from memory_consumer.asking import open_windows
from memory_consumer.asking.open_windows import OpenWindow
from memory_consumer.asking.windows import Found, Waiting
from memory_consumer.errors import Fenced, Invalid, Transient
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.kafka.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.learning import deferred
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extractor import Extractor
from memory_consumer.learning.fold import Event, fold, set_aside
from memory_consumer.learning.ledger import Ledger
from memory_consumer.profiles import record as profile
from memory_consumer.profiles import upkeep
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.profiles.upkeep import DueProfile
from memory_consumer.records import cdc, dead_letters, facts
from memory_consumer.records.cdc import Change, Removed, Written
from memory_consumer.records.dead_letters import GivenUp, Place
from memory_consumer.records.facts import LEARNED_ROLES, FactsRecord
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.attempts import Went
from memory_store.models import Extent, Memory

_log = logging.getLogger(__name__)

#: Makes the writer of a partition, and so fences the former one. Raises Transient.
OpenWriter = Callable[[ConsumerSettings, int], TransactionalWriter]
#: So long the end of a transaction may take to arrive among the offsets.
_DECIDED_S = 5.0
#: Records by which a ledger is caught up at a time: what was caught up is kept where it ends early.
_CAUGHT_UP = 500


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a batch came to, or as much of it as was taken: how each event went."""

    went: tuple[Went, ...]
    records: int
    facts: int
    #: Why the last of them was.
    cause: str = ""

    @property
    def events(self) -> int:
        """How many were taken, from the start."""
        return len(self.went)

    @property
    def dead(self) -> int:
        """How many were set aside."""
        return _dead(self.went)


@dataclass(slots=True)
class _Writing:
    """What a batch is going to write."""

    records: dict[int, FactsRecord] = field(default_factory=dict)
    letters: list[Outgoing] = field(default_factory=list)
    went: list[Went] = field(default_factory=list)
    cause: str = ""


class Tenure:
    """Learns one partition of the messages log. Safe to call from any thread; one at a time gets in."""

    def __init__(
        self,
        settings: ConsumerSettings,
        partition: int,
        *,
        log_id: str,
        extractor: Extractor | Deferred,
        clock: Callable[[], datetime],
        writer: OpenWriter = TransactionalWriter,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """Fences the former owner, then catches the ledger up to the log's stable end.

        That may take minutes; it ends early with Fenced once the partition is not ours. Raises Transient.
        """
        self._partition = partition
        self._facts_topic = names.facts_log(settings.facts_version)
        self._extractor = extractor
        self._clock = clock
        self._turn = Lock()
        self._closed = False
        #: Whether Kafka may have what the ledger does not: it failed between the two.
        self.unsure = False
        path = settings.home / "ledger" / settings.facts_version / f"{partition:02}.db"
        with ExitStack() as opened:
            self._writer = writer(settings, partition)
            opened.callback(self._writer.close)
            self._ledger = Ledger(path, log_id=log_id)
            opened.callback(self._ledger.close)
            self._catch_up(settings, is_ours)
            self._parts = opened.pop_all()

    def learn(
        self,
        messages: Sequence[Message],
        group: Any,  # noqa: ANN401  opaque to us too
        given_up: Mapping[int, GivenUp] = MappingProxyType({}),
        most_dead: int | None = None,
    ) -> Learnt:
        """Learns a batch of this partition, in order, and commits its facts and its offset as one.

        Events at offsets that were `given_up` are set aside; it ends early after setting `most_dead` aside.
        Raises Transient or Fenced, and what was not foreseen; then nothing of it is kept here, and Kafka's
        committed offset is the truth.
        """
        writing = _Writing()
        with self._alone(), self._batch():
            for message in messages:
                if (message.offset() or 0) < self._start:
                    # Read again, as it was not known that it was committed: it must not undo a newer one.
                    writing.went.append(Went(None))
                    continue
                self._take(message, given_up.get(message.offset() or 0), writing)
                if writing.went[-1].set_aside and _dead(writing.went) == most_dead:
                    break
            last = messages[len(writing.went) - 1].offset()
            assert last is not None  # noqa: S101  a consumed record has its offset
            if last >= self._start:
                consumed = Consumed(TopicPartition(names.MESSAGES, self._partition, last + 1), group)
                self._write(list(writing.records.values()), writing.letters, consumed)
        facts = sum(len(record.facts) for record in writing.records.values())
        return Learnt(tuple(writing.went), len(writing.records), facts, writing.cause)

    def waiting(self) -> list[Waiting]:
        """The users with pending messages; none while a batch is being learned."""
        if not self._turn.acquire(blocking=False):
            return []
        try:
            return [] if self._closed else self._ledger.waiting()
        finally:
            self._turn.release()

    def open_window(self, user_id: str, *, messages: int, tokens: int, after: int = 0) -> OpenWindow | None:
        """A user's first pending messages, after so many, as a window; None if there are none. Raises Fenced."""
        with self._alone():
            return open_windows.opened(self._ledger, user_id, messages=messages, tokens=tokens, after=after)

    def with_known(self, window: OpenWindow, near: Sequence[Memory]) -> OpenWindow:
        """The window with the memories near it that still stand, and the user's latest. Raises Fenced."""
        with self._alone():
            return open_windows.with_known(window, self._ledger, near)

    def keep(self, window: OpenWindow, found: Sequence[Found]) -> int | None:
        """Writes what was found; answers the number of records, None where the window changed meanwhile.

        Then nothing is written, as what was found may rest on what was deleted. Raises Transient and Fenced.
        """
        with self._alone():
            if not open_windows.stands(window, self._ledger):
                return None
            also = partial(open_windows.also, window)
            records = deferred.settled(window.given, found, self._clock(), also)
            with self._batch():
                for record in records:
                    self._ledger.put(record)
                self._write(records)
            return len(records)

    def set_aside(self, window: OpenWindow, given_up: GivenUp) -> bool:
        """Makes the pending message of a window of one dead: nobody could find its facts.

        Answers False where the window changed meanwhile: what it says now was not tried. Raises Transient and
        Fenced.
        """
        [message_id] = window.learns
        with self._alone(), self._batch():
            if not open_windows.stands(window, self._ledger):
                return False
            record = window.given[message_id]
            offset = record.source_offset
            records = set_aside(message_id, offset, self._ledger, self._extractor, self._clock())
            key = cdc.encode_key(message_id)
            self._write(records, [self._letter(key, offset, given_up, "ask", record.user_id)])
            return True

    def due_profile(self, before: datetime, without: Container[str]) -> DueProfile | None:
        """The next profile that a model is to write, of none of those users. Raises Fenced."""
        with self._alone():
            return upkeep.due(self._ledger, before, without, self._clock())

    def keep_profile(self, written: ProfileRecord) -> None:
        """Writes what a model wrote, without what changed meanwhile. Raises Transient and Fenced."""
        with self._alone(), self._batch():
            self._write([], profiles=[upkeep.kept_of(self._ledger, written)])

    def erase(self, extent: Extent) -> int:
        """Writes of a version that nobody learns any more what the deletion of these messages would have written.

        Answers how many records. Raises Transient and Fenced.
        """
        written = 0
        with self._alone():
            while ids := self._ledger.with_words(extent, _CAUGHT_UP):
                records: dict[int, FactsRecord] = {}
                with self._batch():
                    for message_id in ids:
                        gone = Event(Removed(message_id, self._clock()), 0)
                        changed = fold(gone, self._ledger, self._extractor, self._clock())
                        records |= {record.message_id: record for record in changed}
                    self._write(list(records.values()))
                written += len(records)
        return written

    def close(self, *, wait: bool = True) -> bool:
        """Gives the partition up; twice is once. Answers False where it would wait for what is under way."""
        if not self._turn.acquire(blocking=wait):
            return False
        try:
            if not self._closed:
                self._closed = True
                self._parts.close()
        finally:
            self._turn.release()
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            # Who waited for its turn behind one that failed must not go on with a ledger that may be behind.
            if self._closed or self.unsure:
                raise Fenced(f"Partition {self._partition} was given up, or is to be opened anew.")
            yield

    @contextmanager
    def _batch(self) -> Iterator[None]:
        """What is written inside is kept in the ledger too, once Kafka has it."""
        with self._ledger.batch():
            yield
        self.unsure = False

    def _write(
        self,
        records: Sequence[FactsRecord],
        dead: Sequence[Outgoing] = (),
        consumed: Consumed | None = None,
        *,
        profiles: Sequence[ProfileRecord] = (),
    ) -> None:
        profiles = [*profiles, *upkeep.changed(self._ledger, self._ledger.touched, self._clock())]
        for each in profiles:
            self._ledger.put_profile(each)
        written = [facts.encode(record) for record in records] + [profile.encode(each) for each in profiles]
        outgoing = [Outgoing(self._facts_topic, self._partition, key, value) for key, value in written]
        self.unsure = True
        try:
            offsets = self._writer.write([*outgoing, *dead], consumed)
        except Invalid:
            self.unsure = False
            raise
        if outgoing:
            self._ledger.advance(
                max(offset for (topic, _), offset in offsets.items() if topic == self._facts_topic) + 1
            )

    def _take(self, message: Message, given_up: GivenUp | None, writing: _Writing) -> None:
        offset, change = message.offset() or 0, None
        try:
            change = cdc.decode(message.key(), message.value())
        except Invalid as exc:
            given_up = GivenUp(str(exc), tries=1)
        if given_up is not None:
            records = self._set_aside(message, change, writing, given_up)
        elif change is not None:
            was_dead = self._is_dead(change.message_id)
            records = fold(Event(change, offset), self._ledger, self._extractor, self._clock())
            if records and was_dead:
                writing.letters.append(self._taken_back(message.key() or b""))
        else:
            records = self._once_more(message.key())
        writing.records |= {record.message_id: record for record in records}
        writing.went.append(_went(change, given_up, records))

    def _set_aside(
        self, message: Message, change: Change | None, writing: _Writing, given_up: GivenUp
    ) -> list[FactsRecord]:
        row = change.row if isinstance(change, Written) else None
        offset, records = message.offset() or 0, []
        with suppress(Invalid):
            if (dead := cdc.message_id(message.key())) is not None:
                records = set_aside(dead, offset, self._ledger, self._extractor, self._clock(), row=row)
        user_id = records[0].user_id if records else None
        writing.letters.append(self._letter(message.key(), offset, given_up, "extract", user_id))
        writing.cause = given_up.cause
        return records

    def _once_more(self, key: bytes | None) -> list[FactsRecord]:
        """The latest record of a message that is to be filed again."""
        message = cdc.refiles(key)
        record = None if message is None else self._ledger.record(message)
        return [] if record is None else [record]

    def _is_dead(self, message_id: int) -> bool:
        known = self._ledger.record(message_id)
        return known is not None and known.state == "dead"

    def _letter(
        self, key: bytes | None, offset: int, given_up: GivenUp, stage: str, user_id: str | None
    ) -> Outgoing:
        place = Place(names.MESSAGES, self._partition, offset)
        letter = dead_letters.letter(
            key, given_up, stage=stage, place=place, user_id=user_id or None, at=self._clock()
        )
        return Outgoing(names.DEAD_LETTERS, self._partition, *letter)

    def _taken_back(self, key: bytes) -> Outgoing:
        return Outgoing(names.DEAD_LETTERS, self._partition, key, None)

    def _catch_up(self, settings: ConsumerSettings, is_ours: Callable[[], bool]) -> None:
        reader = LogReader(settings, names.extract_group(settings.facts_version))
        try:
            #: Where Kafka says that learning goes on.
            self._start = self._committed(reader)
            if self._ledger.position > reader.end(self._facts_topic, self._partition):
                # The log lost its end, in a crash of its disk: the ledger must not remember what it lost.
                self._ledger.start_anew()
            messages = reader.read(self._facts_topic, self._partition, self._ledger.position)
            while step := list(islice(messages, _CAUGHT_UP)):
                if not is_ours():
                    raise Fenced(f"Partition {self._partition} was given up.")
                with self._ledger.batch():
                    for message in step:
                        self._absorb(message)
        finally:
            # It takes up to a second, for which a rebalance need not wait.
            Thread(target=reader.close, name="closing", daemon=True).start()

    def _committed(self, reader: LogReader) -> int:
        try:
            return reader.committed(names.MESSAGES, self._partition, _DECIDED_S)
        except Transient:
            # No transaction of this partition is under way: making the writer has ended the former owner's.
            nowhere = TopicPartition(names.MESSAGES, self._partition, 0)
            self._writer.end_left_open(Consumed(nowhere, reader.group()))
            return reader.committed(names.MESSAGES, self._partition)

    def _absorb(self, message: Message) -> None:
        try:
            key, value = message.key(), message.value()
            if value and profile.user_of(key) is not None:
                self._ledger.put_profile(profile.decode(key, value))
            elif value and cdc.message_id(key) is not None:
                self._ledger.put(facts.decode(value))
        except Invalid as exc:
            # Project sets it aside; here it counts as not written, and the next event of its message replaces it.
            _log.warning("Partition %s, offset %s: %s", self._partition, message.offset(), exc)
        self._ledger.advance((message.offset() or 0) + 1)


def _dead(went: Sequence[Went]) -> int:
    return sum(each.set_aside is True for each in went)


def _went(change: Change | None, given_up: GivenUp | None, records: Sequence[FactsRecord]) -> Went:
    """How an event went that wrote these records, its message's own first."""
    user_id = records[0].user_id if records else None
    if given_up is not None:
        return Went(set_aside=True, user_id=user_id)
    # Replies, deletes and what is known already go well whatever is wrong with the learning.
    learns = isinstance(change, Written) and change.row.role in LEARNED_ROLES and change.row.suppressed != "all"
    return Went(False if learns and records else None, user_id)
