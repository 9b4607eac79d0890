"""Staying in the group beside a long batch: whatever is polled or paused meanwhile is read afterwards."""

import asyncio
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from memory_consumer.stages.membership import kept_alive
from tests.support.deadline import eventually, wait_until

#: Polls beside a batch from its first moment on.
AT_ONCE = (0.0, 0.01)


class Polled:
    """A record of a partition that came while a batch took its time."""

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def error(self) -> None:
        return None


class Group:
    """A consumer of one record, which refuses to be moved a few times, as in a rebalance."""

    def __init__(self, refusals: int) -> None:
        self.position = 7
        self.polled = 0
        self.consumer = cast("Consumer", self)
        self._refusals = refusals

    def assignment(self) -> list[Any]:
        return []

    def pause(self, _partitions: list[Any]) -> None:
        pass

    def resume(self, _partitions: list[Any]) -> None:
        pass

    def poll(self, _timeout: float) -> Message | None:
        if self.position == 8:
            return None
        self.position = 8
        self.polled += 1
        return cast("Message", Polled())

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        if self._refusals:
            self._refusals -= 1
            raise KafkaException(KafkaError(KafkaError._STATE))  # noqa: SLF001  its public name
        assert (topic, partition) == ("t", 0)
        self.position = offset


@pytest.mark.parametrize("refusals", [0, 2])
def test_a_record_polled_beside_a_batch_is_read_again_though_kafka_refuses_it_at_first(refusals: int) -> None:
    group = Group(refusals)

    async def run() -> None:
        async with kept_alive(group, *AT_ONCE):
            await eventually(lambda: group.polled)

    asyncio.run(run())
    assert group.position == 7


class Restarted:
    """A consumer whose partitions are lost with a restart of Kafka; no pause is forgotten, as in librdkafka."""

    def __init__(self) -> None:
        self.consumer = self
        self.paused: set[tuple[str, int]] = set()
        self._mine = [TopicPartition("t", 4)]

    def assignment(self) -> list[TopicPartition]:
        return self._mine

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {(each.topic, each.partition) for each in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {(each.topic, each.partition) for each in partitions}

    def poll(self, _timeout: float) -> None:
        self._mine = []


async def through_a_restart(consumer: Restarted) -> None:
    either: Any = consumer
    async with kept_alive(either, *AT_ONCE):
        await asyncio.to_thread(wait_until, lambda: consumer.paused and not consumer.assignment())


def test_a_partition_that_is_lost_while_it_is_paused_is_read_once_it_is_back() -> None:
    consumer = Restarted()

    asyncio.run(through_a_restart(consumer))

    assert consumer.paused == set()


class Tripping(Restarted):
    """One whose callback of a rebalance trips over something, in its first poll."""

    polls = 0

    def poll(self, _timeout: float) -> None:
        self.polls += 1
        if self.polls == 1:
            raise OSError("Nobody thought of that.")


def test_a_poll_that_fails_unforeseen_is_not_the_last_and_leaves_nothing_paused() -> None:
    consumer = Tripping()

    async def run() -> None:
        either: Any = consumer
        async with kept_alive(either, *AT_ONCE):
            await eventually(lambda: consumer.polls > 2)
            assert consumer.paused == {("t", 4)}

    asyncio.run(run())
    assert consumer.paused == set()
