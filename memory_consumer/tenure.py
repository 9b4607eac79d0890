"""One partition while this process owns it without a break: its ledger, its writer, its learning."""

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from confluent_kafka import Message, TopicPartition

from memory_consumer import cdc, facts, names
from memory_consumer.errors import Invalid
from memory_consumer.facts import FactsRecord
from memory_consumer.fold import Event, Extractor, fold, set_aside
from memory_consumer.ledger import Ledger
from memory_consumer.log_reader import LogReader
from memory_consumer.settings import ConsumerSettings
from memory_consumer.transactions import Outgoing, TransactionalWriter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a batch came to."""

    events: int
    records: int
    dead: int


class Tenure:
    """Learns one partition of the messages log. One thread at a time."""

    def __init__(
        self,
        settings: ConsumerSettings,
        partition: int,
        *,
        log_id: str,
        extractor: Extractor,
        clock: Callable[[], datetime],
    ) -> None:
        """Fences the former owner, then catches the ledger up to the log's stable end. Raises Transient."""
        self._partition = partition
        self._facts_topic = names.facts_log(settings.facts_version)
        self._extractor = extractor
        self._clock = clock
        path = settings.home / "ledger" / settings.facts_version / f"{partition:02}.db"
        with ExitStack() as opened:
            self._writer = TransactionalWriter(settings, partition)
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
        consumed = TopicPartition(names.MESSAGES, self._partition, last + 1)
        with self._ledger.batch():
            latest: dict[int, FactsRecord] = {}
            dead: list[Outgoing] = []
            for message in messages:
                for record in self._fold(message, dead):
                    latest[record.message_id] = record
            outgoing = [self._outgoing(record) for record in latest.values()]
            offsets = self._writer.write([*outgoing, *dead], consumed, group)
            if outgoing:
                self._ledger.advance(
                    max(offset for (topic, _), offset in offsets.items() if topic == self._facts_topic) + 1
                )
        return Learnt(len(messages), len(latest), len(dead))

    def close(self) -> None:
        """Gives the partition up."""
        self._parts.close()

    def _fold(self, message: Message, dead: list[Outgoing]) -> list[FactsRecord]:
        offset = message.offset() or 0
        try:
            change = cdc.decode(message.key(), message.value())
        except Invalid as exc:
            dead.append(self._dead_letter(message, str(exc)))
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

    def _outgoing(self, record: FactsRecord) -> Outgoing:
        key, value = facts.encode(record)
        return Outgoing(self._facts_topic, self._partition, key, value)

    def _dead_letter(self, message: Message, cause: str) -> Outgoing:
        # A compacted topic refuses records without a key.
        where = {"topic": message.topic(), "partition": self._partition, "offset": message.offset()}
        key = message.key() or json.dumps(where).encode()
        letter = {"cause": cause, "stage": "extract", **where, "at": self._clock().isoformat()}
        return Outgoing(names.DEAD_LETTERS, self._partition, key, json.dumps(letter).encode())

    def _catch_up(self, settings: ConsumerSettings) -> None:
        reader = LogReader(settings)
        try:
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
            value = message.value()
            if value and cdc.message_id(message.key()) is not None:
                self._ledger.put(facts.decode(value))
        except Invalid as exc:
            # Project sets it aside; here it counts as not written, and the next event of its message replaces it.
            _log.warning("Partition %s, offset %s: %s", self._partition, message.offset(), exc)
        self._ledger.advance((message.offset() or 0) + 1)
