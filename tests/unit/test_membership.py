"""What is polled beside a batch is read with the next one."""

import asyncio
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from memory_consumer.membership import kept_alive
from tests.support.deadline import eventually


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
        async with kept_alive(group):
            await eventually(lambda: group.polled)

    asyncio.run(run())
    assert group.position == 7
