"""What both stages do with a batch: sort it by partition, hold the offsets when a part is away."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, ParamSpec, Protocol

import stamina
from confluent_kafka import Consumer, KafkaException, Message

from memory_consumer.errors import Transient
from memory_consumer.stages.attempts import named
from memory_consumer.stages.retry import LIVE, Backoff
from memory_consumer.threads import in_thread

P = ParamSpec("P")

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
    """Waits between tries, longer after each failure in a row of a partition; a stop ends the wait.

    Partitions may be forgotten from any thread.
    """

    def __init__(self, report: Report, backoff: Backoff = LIVE, chance: random.Random | None = None) -> None:
        self._report = report
        self._backoff = backoff
        self._chance = chance or random.SystemRandom()
        self._failing: dict[Partition, _Failing] = {}
        self._noting = Lock()
        self._stopping = asyncio.Event()

    async def after(self, outcomes: Mapping[Partition, Exception | None]) -> None:
        """Notes how each partition of a batch went; if one failed it waits."""
        with self._noting:
            most = max((self._note(*outcome) for outcome in outcomes.items()), default=0)
            self._tell()
        if most:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._backoff.wait(most, self._chance.random()))

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drops what was noted of partitions that were given up."""
        with self._noting:
            for partition in partitions:
                self._failing.pop(partition, None)
            self._tell()

    def stop(self) -> None:
        """Ends the wait under way and all later ones."""
        self._stopping.set()

    def _note(self, partition: Partition, failure: Exception | None) -> int:
        """How often it has failed in a row now."""
        before = self._failing.pop(partition, None)
        if failure is None:
            return 0
        times = before.times + 1 if before else 1
        self._failing[partition] = _Failing(times, str(failure))
        return times

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


async def attempted(
    what: Callable[P, tuple[int, Exception | None]], *args: P.args, **kwargs: P.kwargs
) -> tuple[int, Exception | None]:
    """How much of a batch was done, in a thread of its own, and what it failed with. Raises nothing."""
    try:
        return await in_thread(what, *args, **kwargs)
    except Exception as exc:  # noqa: BLE001  the boundary of a batch: a machine out of threads has some later
        return 0, Transient(f"A batch could not be begun: {named(exc)}.")


@asynccontextmanager
async def read_again(consumer: BatchConsumer, left: Mapping[Partition, Sequence[Message]]) -> AsyncIterator[None]:
    """What is `left` by then is read again where what is done inside fails."""
    try:
        yield
    except Exception:
        # FastStream goes on behind the batch of a handler that raised.
        for partition, messages in left.items():
            await rewind(consumer, partition, messages)
        raise


async def rewind(consumer: BatchConsumer, partition: Partition, messages: Sequence[Message]) -> None:
    """Reads a partition from the first of these messages on: MANUAL has moved past them."""
    # A seek that stays refused is for a partition that was given up: its new owner reads from what is committed.
    with suppress(KafkaException):
        async for attempt in stamina.retry_context(
            on=KafkaException, attempts=5, timeout=2.0, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        ):
            with attempt:
                await consumer.seek(*partition, messages[0].offset() or 0)
