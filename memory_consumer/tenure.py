"""One partition while this process owns it without a break: its ledger, its writer, its learning."""

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from confluent_kafka import Message, TopicPartition

from memory_consumer import cdc, dead_letters, deferred, facts, names, open_windows
from memory_consumer.deferred import Deferred
from memory_consumer.errors import Fenced, Invalid
from memory_consumer.facts import FactsRecord
from memory_consumer.fold import Event, Extractor, fold, set_aside
from memory_consumer.ledger import Ledger
from memory_consumer.log_reader import LogReader
from memory_consumer.open_windows import OpenWindow
from memory_consumer.profiles import record as profile
from memory_consumer.profiles import upkeep
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.profiles.upkeep import DueProfile
from memory_consumer.settings import ConsumerSettings
from memory_consumer.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.windows import Found, Waiting
from memory_store.models import Memory

_log = logging.getLogger(__name__)

#: Makes the writer of a partition, and so fences the former one. Raises Transient.
OpenWriter = Callable[[ConsumerSettings, int], TransactionalWriter]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a batch came to."""

    events: int
    records: int
    dead: int


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
    ) -> None:
        """Fences the former owner, then catches the ledger up to the log's stable end. Raises Transient."""
        self._partition = partition
        self._facts_topic = names.facts_log(settings.facts_version)
        self._extractor = extractor
        self._clock = clock
        self._turn = Lock()
        self._closed = False
        path = settings.home / "ledger" / settings.facts_version / f"{partition:02}.db"
        with ExitStack() as opened:
            self._writer = writer(settings, partition)
            opened.callback(self._writer.close)
            self._ledger = Ledger(path, log_id=log_id)
            opened.callback(self._ledger.close)
            self._catch_up(settings)
            self._parts = opened.pop_all()

    def learn(self, messages: Sequence[Message], group: Any) -> Learnt:  # noqa: ANN401  opaque to us too
        """Learns a batch of this partition, in order, and commits its facts and its offset as one.

        Raises Transient or Fenced; then nothing of it is kept here, and Kafka's committed offset is the truth.
        """
        last = messages[-1].offset()
        assert last is not None  # noqa: S101  a consumed record has its offset
        consumed = Consumed(TopicPartition(names.MESSAGES, self._partition, last + 1), group)
        latest: dict[int, FactsRecord] = {}
        dead: list[Outgoing] = []
        with self._alone(), self._ledger.batch():
            for message in messages:
                # Read again, as it was not known that it was committed: an older event must not undo a newer one.
                if (message.offset() or 0) >= self._start:
                    for record in self._fold(message, dead):
                        latest[record.message_id] = record
            if last >= self._start:
                self._write(list(latest.values()), dead, consumed)
        return Learnt(len(messages), len(latest), len(dead))

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
            with self._ledger.batch():
                for record in records:
                    self._ledger.put(record)
                self._write(records)
            return len(records)

    def set_aside(self, message_id: int, cause: str) -> None:
        """Makes a pending message dead: nobody could find its facts. Raises Transient and Fenced."""
        with self._alone(), self._ledger.batch():
            record = self._ledger.record(message_id)
            if record is not None and record.state == "pending":
                offset = record.source_offset
                records = set_aside(message_id, offset, self._ledger, self._extractor, self._clock())
                key = cdc.encode_key(message_id)
                self._write(records, [self._dead_letter(key, names.MESSAGES, offset, cause, "ask")])

    def due_profile(self, before: datetime, without: Container[str]) -> DueProfile | None:
        """The next profile that a model is to write, of none of those users. Raises Fenced."""
        with self._alone():
            return upkeep.due(self._ledger, before, without, self._clock())

    def keep_profile(self, written: ProfileRecord) -> None:
        """Writes what a model wrote, without what changed meanwhile. Raises Transient and Fenced."""
        with self._alone(), self._ledger.batch():
            self._write([], profiles=[upkeep.kept_of(self._ledger, written)])

    def close(self) -> None:
        """Gives the partition up; twice is once."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._parts.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            if self._closed:
                raise Fenced(f"Partition {self._partition} was given up.")
            yield

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
        offsets = self._writer.write([*outgoing, *dead], consumed)
        if outgoing:
            self._ledger.advance(
                max(offset for (topic, _), offset in offsets.items() if topic == self._facts_topic) + 1
            )

    def _fold(self, message: Message, dead: list[Outgoing]) -> list[FactsRecord]:
        offset = message.offset() or 0
        try:
            change = cdc.decode(message.key(), message.value())
        except Invalid as exc:
            dead.append(self._dead_letter(message.key(), message.topic(), offset, str(exc), "extract"))
            return self._set_aside(message.key(), offset)
        if change is None:
            return []
        return fold(Event(change, offset), self._ledger, self._extractor, self._clock())

    def _set_aside(self, key: bytes | None, offset: int) -> list[FactsRecord]:
        try:
            message = cdc.message_id(key)
        except Invalid:
            return []
        if message is None:
            return []
        return set_aside(message, offset, self._ledger, self._extractor, self._clock())

    def _dead_letter(self, key: bytes | None, topic: str | None, offset: int, cause: str, stage: str) -> Outgoing:
        letter = dead_letters.letter(
            key,
            cause=cause,
            stage=stage,
            topic=topic,
            partition=self._partition,
            offset=offset,
            at=self._clock(),
        )
        return Outgoing(names.DEAD_LETTERS, self._partition, *letter)

    def _catch_up(self, settings: ConsumerSettings) -> None:
        reader = LogReader(settings, names.extract_group(settings.facts_version))
        try:
            #: Where Kafka says that learning goes on.
            self._start = reader.committed(names.MESSAGES, self._partition)
            if self._ledger.position > reader.end(self._facts_topic, self._partition):
                # The log lost its end, in a crash of its disk: the ledger must not remember what it lost.
                self._ledger.start_anew()
            with self._ledger.batch():
                for message in reader.read(self._facts_topic, self._partition, self._ledger.position):
                    self._absorb(message)
        finally:
            reader.close()

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
