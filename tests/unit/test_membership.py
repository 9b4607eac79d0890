"""Staying in the group: whatever is paused meanwhile is read again afterwards."""

import asyncio
from typing import Any

from confluent_kafka import TopicPartition

from memory_consumer.membership import kept_alive
from tests.support.deadline import wait_until

FACTS = "oboegaki.chat.facts.v1"


class Restarted:
    """A consumer whose partitions are lost with a restart of Kafka; no pause is forgotten, as in librdkafka."""

    def __init__(self) -> None:
        self.consumer = self
        self.paused: set[tuple[str, int]] = set()
        self._mine = [TopicPartition(FACTS, 4)]

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
    async with kept_alive(either):
        await asyncio.to_thread(wait_until, lambda: consumer.paused and not consumer.assignment())


def test_a_partition_that_is_lost_while_it_is_paused_is_read_once_it_is_back() -> None:
    consumer = Restarted()

    asyncio.run(through_a_restart(consumer))

    assert consumer.paused == set()
