"""Staying in the consumer group while a batch takes its time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from memory_consumer.stages.attempts import named
from memory_consumer.stages.stage import BatchConsumer, by_partition, rewind

_log = logging.getLogger(__name__)

#: How long a batch may take before Kafka is polled beside it, and how often then.
_SILENT_S, _POLL_S = 2.0, 0.5


@asynccontextmanager
async def kept_alive(
    consumer: BatchConsumer, silent_s: float = _SILENT_S, poll_s: float = _POLL_S
) -> AsyncIterator[None]:
    """Stays in the consumer group, and lets it rebalance, however long it takes what is done inside.

    Nobody polls meanwhile, and Kafka takes a consumer that is silent for `max.poll.interval.ms` for dead.
    """
    done = asyncio.Event()
    polling = asyncio.create_task(_poll_until(done, consumer, silent_s, poll_s))
    try:
        yield
    finally:
        done.set()
        await polling


async def _poll_until(done: asyncio.Event, consumer: BatchConsumer, silent_s: float, poll_s: float) -> None:
    # Most batches take less; pausing throws away what was fetched ahead.
    if await _is_set(done, silent_s):
        return
    paused: dict[tuple[str, int], TopicPartition] = {}
    try:
        while not await _is_set(done, poll_s):
            await _poll(consumer, paused)
    finally:
        # Also what was lost meanwhile, as in a restart of Kafka: it may come back, and would be paused for good.
        with suppress(KafkaException, RuntimeError):
            consumer.consumer.resume(list(paused.values()))


async def _poll(consumer: BatchConsumer, paused: dict[tuple[str, int], TopicPartition]) -> None:
    try:
        polled = await asyncio.to_thread(_polled, consumer.consumer, paused)
        if polled is not None:
            # Of a partition that came a moment ago, by this very poll: to be read with the next batch.
            [partition] = by_partition([polled])
            await rewind(consumer, partition, [polled])
    except (KafkaException, RuntimeError):
        # Of a group that was left, or a consumer that was closed: the stage hears of it by itself.
        return
    except Exception as exc:  # noqa: BLE001  whoever polls no more loses the partitions, and keeps them paused
        _log.error("Polling beside a batch failed in a way that was not foreseen: %s.", named(exc))


async def _is_set(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()


def _polled(consumer: Consumer, paused: dict[tuple[str, int], TopicPartition]) -> Message | None:
    mine = consumer.assignment()
    paused |= {(each.topic, each.partition): each for each in mine}
    consumer.pause(mine)
    message = consumer.poll(0)
    return message if message is not None and message.error() is None else None
