"""What both stages do with a batch: sort it by partition, hold the offsets when a part is away."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, Message

from memory_consumer.retry import LIVE, Backoff

Partition = tuple[str, int]


class BatchConsumer(Protocol):
    """The part of FastStream's consumer that the stages use."""

    consumer: Consumer

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        """Moves the next read of a partition."""


@dataclass(slots=True)
class Report:
    """What a stage has done since it started, and what it waits for; read by status and health."""

    name: str
    events: int = 0
    written: int = 0
    dead: int = 0
    owned: int = 0
    waiting_for: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {field: getattr(self, field) for field in self.__slots__}


class Patience:
    """Waits between tries, longer after each failure in a row; a stop ends the wait."""

    def __init__(self, report: Report, backoff: Backoff = LIVE, chance: random.Random | None = None) -> None:
        self._report = report
        self._backoff = backoff
        self._chance = chance or random.SystemRandom()
        self._failures = 0
        self._stopping = asyncio.Event()

    async def after(self, failure: Exception | None) -> None:
        """Notes how a batch went; after a failure it waits."""
        if failure is None:
            self._failures = 0
            self._report.waiting_for = None
            return
        self._failures += 1
        self._report.waiting_for = str(failure)
        wait = self._backoff.wait(self._failures, self._chance.random())
        try:
            await asyncio.wait_for(self._stopping.wait(), wait)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Ends the wait under way and all later ones."""
        self._stopping.set()


def by_partition(messages: Iterable[Message]) -> dict[Partition, list[Message]]:
    """A batch's records by partition, in the order of their offsets."""
    found: dict[Partition, list[Message]] = {}
    for message in messages:
        topic, partition = message.topic(), message.partition()
        assert topic is not None  # noqa: S101  a consumed record has both
        assert partition is not None  # noqa: S101
        found.setdefault((topic, partition), []).append(message)
    return found


async def rewind(consumer: BatchConsumer, partition: Partition, messages: Sequence[Message]) -> None:
    """Reads a partition's batch again. MANUAL has moved past it; a partition given up meanwhile is not ours."""
    try:
        await consumer.seek(*partition, messages[0].offset() or 0)
    except KafkaException:
        return
