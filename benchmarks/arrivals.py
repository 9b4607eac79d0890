"""When change events and facts records reach a plain consumer at the end of both logs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from threading import Event, Thread

from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer import names
from memory_consumer.records import cdc
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import wait_until

_POLL_S = 0.2
_FACTS = names.facts_log("v1")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event: committed in MySQL, written as Kafka has it, and here."""

    committed: float
    written: float
    at: float


class Arrivals:
    """Arrivals by message id, read in a thread of its own."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._consumer = Consumer(
            settings.client() | {"group.id": "oboegaki-benchmark", "enable.auto.commit": False}
        )
        self._ended = Event()
        self._thread = Thread(target=self._read, daemon=True)
        self._events: dict[int, Arrival] = {}
        self._facts: dict[int, float] = {}

    def start(self) -> None:
        """Returns once whatever is written from now on will be seen."""
        ends = []
        for topic, partition in product((names.MESSAGES, _FACTS), range(names.PARTITIONS)):
            _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
            ends.append(TopicPartition(topic, partition, end))
        self._consumer.assign(ends)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def of(self, message_id: int) -> Arrival:
        """The arrival of a message's event, waited for."""
        wait_until(lambda: message_id in self._events)
        return self._events[message_id]

    def of_facts(self, message_id: int) -> float:
        """When a message's first facts record was here, waited for."""
        wait_until(lambda: message_id in self._facts)
        return self._facts[message_id]

    def __len__(self) -> int:
        return len(self._events)

    def _read(self) -> None:
        while not self._ended.is_set():
            message = self._consumer.poll(_POLL_S)
            if message is not None and message.error() is None:
                self._note(message, time.time())

    def _note(self, message: Message, at: float) -> None:
        message_id = cdc.message_id(message.key())
        if message_id is None:
            return
        if message.topic() == _FACTS:
            self._facts.setdefault(message_id, at)
            return
        _, written_ms = message.timestamp()
        source = json.loads(message.value() or b"{}")["source"]
        self._events[message_id] = Arrival(source["ts_us"] / 1_000_000, written_ms / 1000, at)


@contextmanager
def arrivals_at(settings: ConsumerSettings) -> Iterator[Arrivals]:
    """Arrivals from now on."""
    arrivals = Arrivals(settings)
    arrivals.start()
    try:
        yield arrivals
    finally:
        arrivals.stop()
