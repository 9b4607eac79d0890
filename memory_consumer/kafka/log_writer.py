"""Records written to Kafka outside of a partition's transactions: to topics whose writer nobody has to fence."""

from collections.abc import Sequence

from confluent_kafka import Message, Producer

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka.errors import translated
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.settings import ConsumerSettings

_TIMEOUT_S = 30.0


def write(settings: ConsumerSettings, records: Sequence[Outgoing]) -> dict[tuple[str, int], int]:
    """Writes records in order and waits until Kafka has all of them; answers each partition's last offset.

    Raises Transient; some may be there then.
    """
    producer = Producer(
        settings.client() | {"enable.idempotence": True, "message.max.bytes": names.MAX_RECORD_BYTES}
    )
    refusals: list[object] = []
    offsets: dict[tuple[str, int], int] = {}

    def delivered(error: object, message: Message) -> None:
        if error is not None:
            refusals.append(error)
        else:
            offsets[str(message.topic()), message.partition() or 0] = message.offset() or 0

    with translated():
        for record in records:
            producer.produce(
                record.topic,
                key=record.key,
                value=record.value,
                partition=record.partition,
                on_delivery=delivered,
            )
        left = producer.flush(_TIMEOUT_S)
    if left or refusals:
        raise Transient(f"Kafka did not take {len(refusals) + left} of {len(records)} records.")
    return offsets
