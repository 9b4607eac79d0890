"""Batches that take long on a real broker: the consumer stays in its group, and the group can rebalance."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.learning.extractor import Extractor, Passage
from memory_consumer.records.cdc import MessageRow
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.retry import Backoff
from memory_store.errors import Unavailable
from memory_store.fake import FakeStore, HashEmbedder
from tests.support.deadline import DEADLINE_S, eventually
from tests.support.events import Row, learned
from tests.support.logs import Logs, eventually_read, learning, projecting

#: The least that Kafka allows.
_SHORT = {"max.poll.interval.ms": 6000, "session.timeout.ms": 6000}
#: A batch takes longer than that.
_LONG_S = 9.0
#: Who fails waits as long as a test lasts.
_FOR_GOOD = Backoff(10_000, 10_000)


class Slow:
    """Takes its time with one text, and counts how often it was asked for it."""

    def __init__(self, takes_s: float = _LONG_S) -> None:
        self._takes_s = takes_s
        self._lock = Lock()
        self.begun = Event()
        self.let_go = Event()
        self.times = 0

    def __call__(self, text: str) -> None:
        if "slow" in text:
            with self._lock:
                self.times += 1
            self.begun.set()
            self.let_go.wait(self._takes_s)

    def extractor(self) -> Extractor:
        def extract(row: MessageRow) -> tuple[Passage, ...]:
            self(row.content)
            return EXTRACTOR.extract(row)

        return replace(EXTRACTOR, extract=extract)


class SlowEmbedder(HashEmbedder):
    """Embeds one text slowly."""

    def __init__(self, slow: Slow) -> None:
        self._slow = slow

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._slow(" ".join(texts))
        return super().passages(texts)


def test_learning_longer_than_kafka_waits_for_a_poll_is_done_once(settings: ConsumerSettings, logs: Logs) -> None:
    slow = Slow()
    logs.say("I am slow.")

    async def run() -> None:
        async with learning(settings, slow.extractor(), config=_SHORT) as stage:
            await eventually(lambda: stage.report.events == 1)
            await asyncio.to_thread(logs.say, "I like tea.")
            await eventually(lambda: stage.report.events == 2)
            assert stage.report.owned == names.PARTITIONS

    asyncio.run(run())
    assert slow.times == 1
    assert len(logs.facts()) == 2


def test_filing_longer_than_kafka_waits_for_a_poll_is_done_once(settings: ConsumerSettings, logs: Logs) -> None:
    slow, version = Slow(), FakeStore().create("v1")
    logs.learn(learned(Row(1, "I am slow.")))

    async def run() -> None:
        async with projecting(settings, version, SlowEmbedder(slow), config=_SHORT) as stage:
            await eventually(lambda: stage.report.events == 1)
            await asyncio.to_thread(logs.learn, learned(Row(2, "I like tea.")))
            await eventually(lambda: stage.report.events == 2)
            assert stage.report.owned == names.PARTITIONS

    asyncio.run(run())
    assert slow.times == 1
    assert version.count() == 2


def test_a_rebalance_does_not_wait_for_what_is_being_learned(settings: ConsumerSettings, logs: Logs) -> None:
    slow = Slow(DEADLINE_S)
    for number in range(40):
        logs.say("I am slow.", user_id=f"user {number}")

    async def run() -> None:
        other = settings.model_copy(update={"home": settings.home / "other"})
        async with learning(settings, slow.extractor()) as first:
            assert await asyncio.to_thread(slow.begun.wait, DEADLINE_S)
            async with learning(other) as second:
                await eventually(lambda: second.report.owned == names.PARTITIONS // 2)
                await eventually(lambda: second.report.events)
                slow.let_go.set()
                await eventually_read(lambda: len(logs.all_facts()) == 40)
                assert first.report.owned + second.report.owned == names.PARTITIONS

    asyncio.run(run())
    assert sorted(record.message_id for record in logs.all_facts()) == list(range(1, 41))


def test_a_rebalance_does_not_wait_for_what_is_being_filed(settings: ConsumerSettings, logs: Logs) -> None:
    slow, version = Slow(DEADLINE_S), FakeStore().create("v1")
    for number in range(40):
        logs.learn(learned(Row(number + 1, "I am slow.", user_id=f"user {number}")))

    async def run() -> None:
        async with projecting(settings, version, SlowEmbedder(slow)):
            assert await asyncio.to_thread(slow.begun.wait, DEADLINE_S)
            async with projecting(settings, version) as second:
                await eventually(lambda: second.report.owned == names.PARTITIONS // 2)
                await eventually(lambda: second.report.events)
                slow.let_go.set()
                await eventually(lambda: version.count() == 40)

    asyncio.run(run())
    assert len(version.receipts(range(1, 41))) == 40


def test_a_rebalance_does_not_wait_for_the_next_try_of_what_could_not_be_learned(
    settings: ConsumerSettings, logs: Logs
) -> None:
    def extract(_row: MessageRow) -> tuple[Passage, ...]:
        raise Transient("What learning needs is away.")

    for number in range(40):
        logs.say("I like tea.", user_id=f"user {number}")

    async def run() -> None:
        other = settings.model_copy(update={"home": settings.home / "other"})
        async with learning(settings, replace(EXTRACTOR, extract=extract), _FOR_GOOD) as first:
            await eventually(lambda: first.report.waiting_for)
            async with learning(other) as second:
                await eventually(lambda: second.report.owned == names.PARTITIONS // 2)
                await eventually(lambda: second.report.events)
                assert first.report.owned == names.PARTITIONS // 2
        assert first.report.events == 0

    asyncio.run(run())


class Away(HashEmbedder):
    """An embedder that is never there."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise Unavailable(f"The embedder of {len(texts)} texts is away.")


def test_a_rebalance_does_not_wait_for_the_next_try_of_what_could_not_be_filed(
    settings: ConsumerSettings, logs: Logs
) -> None:
    version = FakeStore().create("v1")
    for number in range(40):
        logs.learn(learned(Row(number + 1, "I like tea.", user_id=f"user {number}")))

    async def run() -> None:
        async with projecting(settings, version, Away(), _FOR_GOOD) as first:
            await eventually(lambda: first.report.waiting_for)
            async with projecting(settings, version) as second:
                await eventually(lambda: second.report.owned == names.PARTITIONS // 2)
                await eventually(lambda: second.report.events)
                assert first.report.owned == names.PARTITIONS // 2
        assert first.report.events == 0

    asyncio.run(run())
