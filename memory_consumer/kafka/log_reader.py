"""Reading a log from an offset to its stable end, without a consumer group."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import stamina
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.kafka.errors import error_of, translated
from memory_consumer.settings import ConsumerSettings

_END = KafkaError._PARTITION_EOF  # noqa: SLF001  its public name
#: A poll lasts this long even where the end is reached at once: it waits for a full batch.
_POLL_S = 0.05
_ANSWER_S = 30.0
_SILENT_POLLS = int(_ANSWER_S / _POLL_S)
#: Whoever keeps a group's offsets is being chosen, or has just been; the client asks again for some of these only.
_BETWEEN_COORDINATORS = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)


class LogReader:
    """Reads committed records. Not thread-safe; close it."""

    def __init__(self, settings: ConsumerSettings, group: str | None = None) -> None:
        """Connects on the first read. `group` is whose committed offsets can be asked for; it is never joined."""
        self._consumer = Consumer(
            settings.client()
            | {
                "group.id": group or f"{names.PREFIX}-reader-{uuid.uuid4()}",  # never joined or committed to
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
        return self.read_from(topic, {partition: start})

    def read_from(self, topic: str, starts: Mapping[int, int]) -> Iterator[Message]:
        """The same of several partitions side by side, each in its order. Raises Transient."""
        with translated():
            self._consumer.assign([TopicPartition(topic, each, start) for each, start in starts.items()])
        silent, left = 0, set(starts)
        while silent < _SILENT_POLLS:
            with translated():
                found = self._consumer.consume(num_messages=500, timeout=_POLL_S)
            silent = 0 if found else silent + 1
            for message in found:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == _END:
                    left.discard(message.partition())
                    if not left:
                        return
                elif not error.retriable():
                    raise Transient(f"Kafka: {error.str()}")
        raise Transient(f"Kafka did not answer for {topic} partition {min(left)}.")

    def end(self, topic: str, partition: int) -> int:
        """Where a partition ends now. Raises Transient."""
        with translated():
            _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), _ANSWER_S)
        return int(end)

    def committed(self, topic: str, partition: int, within_s: float = _ANSWER_S) -> int:
        """Up to where the group has consumed a partition; 0 where it has not, or the log no longer reaches there.

        Raises Transient, also while a transaction of the group is undecided.
        """
        with translated():
            for attempt in stamina.retry_context(
                on=_is_between_coordinators,
                attempts=None,
                timeout=within_s,
                wait_initial=0.02,
                wait_max=0.5,
                wait_jitter=0.05,
            ):
                with attempt:
                    [found] = self._consumer.committed([TopicPartition(topic, partition)], within_s)
                    if found.error is not None:
                        raise KafkaException(found.error)
        return int(found.offset) if 0 <= found.offset <= self.end(topic, partition) else 0

    def group(self) -> Any:  # noqa: ANN401  opaque to us too
        """The metadata of the group, as of nobody in it."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Frees the connection."""
        self._consumer.close()


def _is_between_coordinators(exc: Exception) -> bool:
    return isinstance(exc, KafkaException) and error_of(exc).code() in _BETWEEN_COORDINATORS


def topic_id(settings: ConsumerSettings, topic: str) -> str:
    """Kafka's own id of a topic: another one after it was deleted and made again. Raises Transient."""
    admin = AdminClient(settings.client())  # kept in a name: its answers end with it
    with translated():
        answers = admin.describe_topics(TopicCollection([topic]))
        found = answers[topic].result(_ANSWER_S).topic_id
    # By its parts: as text it is not the same in every release of the client.
    return f"{found.get_most_significant_bits()}:{found.get_least_significant_bits()}"
