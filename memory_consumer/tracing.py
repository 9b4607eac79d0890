"""What the two logs hold of one message."""

from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Message

from memory_consumer import names
from memory_consumer.errors import Invalid
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc, facts
from memory_consumer.records.facts import FactsRecord
from memory_consumer.settings import ConsumerSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies and when it was written."""

    topic: str
    partition: int
    offset: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A message's latest event and latest facts record; `record` is None where it cannot be read."""

    event: Place | None
    op: str | None
    facts: Place | None
    record: FactsRecord | None


def find(settings: ConsumerSettings, message_id: int, user_id: str, *, facts_offset: int = 0) -> LoggedMessage:
    """Looks a message up in both logs; `facts_offset` is where to begin in the facts log. Raises Transient."""
    partition = partition_of(user_id)
    reader = LogReader(settings)
    try:
        facts_topic = names.facts_log(settings.facts_version)
        found = _last(reader, facts_topic, partition, message_id, facts_offset)
        record = _record(found) if found else None
        start = record.source_offset if record else 0
        event = _last(reader, names.MESSAGES, partition, message_id, start)
    finally:
        reader.close()
    return LoggedMessage(
        event=_place(event) if event else None,
        op=_op(event) if event else None,
        facts=_place(found) if found else None,
        record=record,
    )


def _last(reader: LogReader, topic: str, partition: int, message_id: int, start: int) -> Message | None:
    latest = None
    for message in reader.read(topic, partition, start):
        if message.value() and _is_of(message, message_id):
            latest = message
    return latest


def _is_of(message: Message, message_id: int) -> bool:
    try:
        return cdc.message_id(message.key()) == message_id
    except Invalid:
        return False


def _record(found: Message) -> FactsRecord | None:
    try:
        return facts.decode(found.value() or b"")
    except Invalid:
        return None


def _op(event: Message) -> str:
    try:
        change = cdc.decode(event.key(), event.value())
    except Invalid:
        return "unreadable"
    return "delete" if isinstance(change, cdc.Removed) else "write"


def _place(message: Message) -> Place:
    _, written_ms = message.timestamp()
    return Place(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        written_at=datetime.fromtimestamp(written_ms / 1000, UTC),
    )
