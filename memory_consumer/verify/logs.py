"""The two logs, and how far the stages after them have come, as a verification reads them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from confluent_kafka import Message

from memory_consumer import names
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.settings import ConsumerSettings
from memory_consumer.verify.tables import Log


class Logs(Protocol):
    """Both logs. Every call may raise Transient."""

    def read(self, log: Log, starts: Mapping[int, int]) -> Iterator[Message]:
        """The committed records of partitions, each from an offset to its stable end and in its order."""

    def passed(self, log: Log, partitions: Iterable[int]) -> dict[int, int]:
        """The offset from which on the stage after a log has yet to go, by partition."""

    def close(self) -> None:
        """Lets go of connections."""


class KafkaLogs:
    """The logs in Kafka."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Connects on the first read."""
        self._reader = LogReader(settings)
        version = settings.facts_version
        self._topics: dict[Log, str] = {"messages": names.MESSAGES, "facts": names.facts_log(version)}
        self._asking: dict[Log, LogReader] = {
            "messages": LogReader(settings, names.extract_group(version)),
            "facts": LogReader(settings, names.project_group(version)),
        }

    def read(self, log: Log, starts: Mapping[int, int]) -> Iterator[Message]:
        return self._reader.read_from(self._topics[log], starts)

    def passed(self, log: Log, partitions: Iterable[int]) -> dict[int, int]:
        asking, topic = self._asking[log], self._topics[log]
        return {each: asking.committed(topic, each) for each in partitions}

    def close(self) -> None:
        for each in (self._reader, *self._asking.values()):
            each.close()
