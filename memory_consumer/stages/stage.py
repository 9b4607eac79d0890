"""What both stages do with a batch: sort it by partition, hold the offsets when a part is away."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import stamina
from confluent_kafka import Consumer, KafkaException, Message

from memory_consumer.stages.retry import LIVE, Backoff

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
    #: It does nothing more before it is started again; `waiting_for` says why.
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {field: getattr(self, field) for field in self.__slots__}


@dataclass(frozen=True, slots=True)
class _Failing:
    times: int
    cause: str


class Patience:
    """Waits between tries, longer after each failure in a row of a partition; a stop ends the wait."""

    def __init__(self, report: Report, backoff: Backoff = LIVE, chance: random.Random | None = None) -> None:
        self._report = report
        self._backoff = backoff
        self._chance = chance or random.SystemRandom()
        self._failing: dict[Partition, _Failing] = {}
        self._stopping = asyncio.Event()

    async def after(self, outcomes: Mapping[Partition, Exception | None]) -> None:
        """Notes how each partition of a batch went; if one failed it waits."""
        most = 0
        for partition, failure in outcomes.items():
            before = self._failing.pop(partition, None)
            if failure is not None:
                times = before.times + 1 if before else 1
                self._failing[partition] = _Failing(times, str(failure))
                most = max(most, times)
        self._tell()
        if most:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._backoff.wait(most, self._chance.random()))

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drops what was noted of partitions that were given up."""
        for partition in partitions:
            self._failing.pop(partition, None)
        self._tell()

    def stop(self) -> None:
        """Ends the wait under way and all later ones."""
        self._stopping.set()

    def _tell(self) -> None:
        self._report.waiting_for = next((failing.cause for failing in self._failing.values()), None)


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
    """Reads a partition from the first of these messages on: MANUAL has moved past them."""
    # A seek that stays refused is for a partition that was given up: its new owner reads from what is committed.
    with suppress(KafkaException):
        async for attempt in stamina.retry_context(
            on=KafkaException, attempts=5, timeout=2.0, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        ):
            with attempt:
                await consumer.seek(*partition, messages[0].offset() or 0)
