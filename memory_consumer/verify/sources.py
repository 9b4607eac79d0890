"""What the logs and the store hold, read into what a verification compares."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from confluent_kafka import Message

from memory_consumer.errors import Invalid
from memory_consumer.filing.filings import filing
from memory_consumer.records import cdc, facts
from memory_consumer.records.cdc import Written
from memory_consumer.verify.tables import Logged
from memory_store.filings import WITH_MEMORIES

T = TypeVar("T")


def event_of(message: Message) -> Logged | None:
    """A record of the messages log; None for one that tells of no message."""
    key = _message_id(message)
    if key is None or not message.value():
        return None
    partition, offset = message.partition() or 0, message.offset() or 0
    try:
        change = cdc.decode(message.key(), message.value())
    except Invalid:
        return Logged(key, partition, offset, "unreadable")
    if isinstance(change, Written):
        row = change.row
        return Logged(key, partition, offset, "written", row.user_id, row.revision, gtid=change.gtid)
    return Logged(key, partition, offset, "removed")


def record_of(message: Message) -> Logged | None:
    """A record of the facts log; None for one that tells of no message."""
    key, value = _message_id(message), message.value()
    if key is None or not value:
        return None
    partition, offset = message.partition() or 0, message.offset() or 0
    try:
        record = facts.decode(value)
    except Invalid:
        return Logged(key, partition, offset, "unreadable")
    if record.message_id != key:
        return Logged(key, partition, offset, "unreadable")
    memories = filing(record, offset).memories if record.state in WITH_MEMORIES else ()
    return Logged(
        key, partition, offset, record.state, record.user_id, record.revision, len(record.facts), memories
    )


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of so many, the last one shorter."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def _message_id(message: Message) -> int | None:
    try:
        return cdc.message_id(message.key())
    except Invalid:
        return None
