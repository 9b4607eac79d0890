"""Staying in the consumer group while a batch takes its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from memory_consumer.stages.stage import BatchConsumer, by_partition, rewind

#: How long a batch may take before Kafka is polled beside it, and how often then.
_SILENT_S, _POLL_S = 2.0, 0.5


@asynccontextmanager
async def kept_alive(consumer: BatchConsumer) -> AsyncIterator[None]:
    """Stays in the consumer group, and lets it rebalance, however long it takes what is done inside.

    Nobody polls meanwhile, and Kafka takes a consumer that is silent for `max.poll.interval.ms` for dead.
    """
    done = asyncio.Event()
    polling = asyncio.create_task(_poll_until(done, consumer))
    try:
        yield
    finally:
        done.set()
        await polling


async def _poll_until(done: asyncio.Event, consumer: BatchConsumer) -> None:
    # Most batches take less; pausing throws away what was fetched ahead.
    if await _is_set(done, _SILENT_S):
        return
    paused: dict[tuple[str, int], TopicPartition] = {}
    while not await _is_set(done, _POLL_S):
        polled = await asyncio.to_thread(_poll, consumer.consumer, paused)
        if polled is not None:
            # Of a partition that came a moment ago, by this very poll: to be read with the next batch.
            [partition] = by_partition([polled])
            with suppress(RuntimeError):  # it was closed
                await rewind(consumer, partition, [polled])
    # Also what was lost meanwhile, as in a restart of Kafka: it may come back, and would be paused for good.
    with suppress(KafkaException, RuntimeError):
        consumer.consumer.resume(list(paused.values()))


async def _is_set(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()


def _poll(consumer: Consumer, paused: dict[tuple[str, int], TopicPartition]) -> Message | None:
    # What it raises is of a group that was left, or a consumer that was closed: the stage hears of it by itself.
    with suppress(KafkaException, RuntimeError):
        mine = consumer.assignment()
        paused |= {(each.topic, each.partition): each for each in mine}
        consumer.pause(mine)
        message = consumer.poll(0)
        if message is not None and message.error() is None:
            return message
    return None
