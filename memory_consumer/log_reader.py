"""Reading a log from an offset to its stable end, without a consumer group."""

import uuid
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka_errors import translated
from memory_consumer.settings import ConsumerSettings

_END = KafkaError._PARTITION_EOF  # noqa: SLF001  its public name
#: A poll lasts this long even where the end is reached at once: it waits for a full batch.
_POLL_S = 0.05
_ANSWER_S = 30.0
_SILENT_POLLS = int(_ANSWER_S / _POLL_S)


class LogReader:
    """Reads committed records. Not thread-safe; close it."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Connects on the first read."""
        self._consumer = Consumer(
            settings.client()
            | {
                "group.id": f"{names.PREFIX}-reader-{uuid.uuid4()}",  # never joined, never committed to
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": names.MAX_RECORD_BYTES,
                "fetch.max.bytes": names.MOST_AHEAD_BYTES,
                "queued.max.messages.kbytes": names.MOST_AHEAD_BYTES // 1024,
            }
        )

    def read(self, topic: str, partition: int, start: int = 0) -> Iterator[Message]:
        """Every committed record from `start` to the stable end as it is when reached. Raises Transient."""
        with translated():
            self._consumer.assign([TopicPartition(topic, partition, start)])
        silent = 0
        while silent < _SILENT_POLLS:
            with translated():
                found = self._consumer.consume(num_messages=500, timeout=_POLL_S)
            silent = 0 if found else silent + 1
            for message in found:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == _END:
                    return
                elif not error.retriable():
                    raise Transient(f"Kafka: {error.str()}")
        raise Transient(f"Kafka did not answer for {topic} partition {partition}.")

    def end(self, topic: str, partition: int) -> int:
        """Where a partition ends now. Raises Transient."""
        with translated():
            _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), _ANSWER_S)
        return int(end)

    def close(self) -> None:
        """Frees the connection."""
        self._consumer.close()


def topic_id(settings: ConsumerSettings, topic: str) -> str:
    """Kafka's own id of a topic: another one after it was deleted and made again. Raises Transient."""
    admin = AdminClient(settings.client())  # kept in a name: its answers end with it
    with translated():
        answers = admin.describe_topics(TopicCollection([topic]))
        found = answers[topic].result(_ANSWER_S).topic_id
    # By its parts: as text it is not the same in every release of the client.
    return f"{found.get_most_significant_bits()}:{found.get_least_significant_bits()}"
