"""When Debezium has read all rows anew: what was deleted while it could not follow has no event then.

It tells so in a topic of its own, also where no row is left.
https://debezium.io/documentation/reference/stable/configuration/notification.html
"""

from confluent_kafka import Consumer, TopicPartition
from pydantic import BaseModel, ConfigDict, ValidationError

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka.errors import translated
from memory_consumer.settings import ConsumerSettings


class _Notification(BaseModel):
    model_config = ConfigDict(extra="ignore")

    aggregate_type: str
    type: str


#: Its start, too: where Connect is killed after the last row, nothing says that it was done. A verification waits
#: until the connector is past it.
_READ_ANEW = (("Initial Snapshot", "STARTED"), ("Initial Snapshot", "COMPLETED"))


def tells_of_rows_read_anew(value: bytes | None) -> bool:
    """Whether a notification says that all rows are, or were, read. Incremental snapshots read single rows."""
    try:
        told = _Notification.model_validate_json(value or b"")
    except ValidationError:
        return False
    return (told.aggregate_type, told.type) in _READ_ANEW


class Snapshots:
    """Snapshots that were not handled yet, also those of a time when nobody listened. For one thread; close it."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Goes on from the last one that was handled; from the first if there is none."""
        self._waits = False
        self._consumer = Consumer(
            settings.client()
            | {
                "group.id": names.heal_group(settings.facts_version),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        # Assigned, not subscribed: handling one may take longer than a group waits for its members.
        self._consumer.assign([TopicPartition(names.NOTIFICATIONS, 0)])
        self._next: int | None = None

    def waiting(self, within_s: float) -> bool:
        """Whether a snapshot waits to be handled; looks for one for so long. Raises Transient."""
        with translated():
            message = None if self._waits else self._consumer.poll(within_s)
        if message is not None:
            if (error := message.error()) is not None:
                raise Transient(f"Kafka: {error.str()}")
            self._waits = tells_of_rows_read_anew(message.value())
            self._next = (message.offset() or 0) + 1
        return self._waits

    def handled(self) -> None:
        """Notes that it was handled, for later starts too. Raises Transient."""
        assert self._next is not None  # noqa: S101  one waits
        with translated():
            self._consumer.commit(offsets=[TopicPartition(names.NOTIFICATIONS, 0, self._next)], asynchronous=False)
        self._waits = False

    def close(self) -> None:
        """Frees the connection."""
        self._consumer.close()
