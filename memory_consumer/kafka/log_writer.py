"""Records written to Kafka outside of a partition's transactions: to topics whose writer nobody has to fence."""

from collections.abc import Sequence

from confluent_kafka import Producer

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka.errors import translated
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.settings import ConsumerSettings

_TIMEOUT_S = 30.0


def write(settings: ConsumerSettings, records: Sequence[Outgoing]) -> None:
    """Writes records in order and waits until Kafka has all of them. Raises Transient; some may be there then."""
    producer = Producer(
        settings.client() | {"enable.idempotence": True, "message.max.bytes": names.MAX_RECORD_BYTES}
    )
    refusals: list[object] = []
    with translated():
        for record in records:
            producer.produce(
                record.topic,
                key=record.key,
                value=record.value,
                partition=record.partition,
                on_delivery=lambda error, _: refusals.append(error) if error is not None else None,
            )
        left = producer.flush(_TIMEOUT_S)
    if left or refusals:
        raise Transient(f"Kafka did not take {len(refusals) + left} of {len(records)} records.")
