"""The project stage: facts records in, memories and receipts out; offsets are committed once they are durable."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from faststream.confluent import KafkaBroker

from memory_consumer import dead_letters, names
from memory_consumer.errors import Transient
from memory_consumer.filings import Slice, first_slice
from memory_consumer.kafka_errors import translated
from memory_consumer.stage import BatchConsumer, Partition, Patience, Report, by_partition, rewind
from memory_store.embed import embed
from memory_store.errors import StoreError
from memory_store.models import Filing, Profile, Vectors
from memory_store.port import Embedder
from memory_store.vector_cache import VectorCache

_log = logging.getLogger(__name__)

#: Memories filed between two polls: a few seconds of embedding, far from the five minutes after which Kafka takes
#: a silent consumer for dead. Only a single long message may be more, up to about 1,300.
_MOST_MEMORIES = 256


class Fillable(Protocol):
    """The part of a version of the store that this stage writes to."""

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        """Files, durably on return; twice is once. Raises Unavailable."""

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        """Puts profiles in the place of former ones, durably on return; twice is once. Raises Unavailable."""


class ProjectStage:
    """Files facts records in one version of the store."""

    def __init__(
        self,
        version: Fillable,
        embedder: Embedder,
        broker: KafkaBroker,
        clock: Callable[[], datetime],
        cache: VectorCache | None = None,
    ) -> None:
        self._version = version
        self._embedder = embedder
        self._cache = cache
        self._broker = broker
        self._clock = clock
        self._owned: set[Partition] = set()
        self.report = Report("project")
        self._patience = Patience(self.report)

    def assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Notes new partitions. In the poll thread."""
        self._owned |= {(item.topic, item.partition) for item in partitions}
        self.report.owned = len(self._owned)

    def revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Notes partitions that were given up. In the poll thread."""
        gone = {(item.topic, item.partition) for item in partitions}
        self._owned -= gone
        self._patience.forget(gone)
        self.report.owned = len(self._owned)

    async def handle(self, records: Sequence[Message], consumer: BatchConsumer) -> None:
        """Files a batch, or the start of a large one, then commits; what was not filed is read again."""
        batch = first_slice(records, _MOST_MEMORIES)
        failure = await self._filed(batch, consumer)
        again = records if failure else records[len(batch.taken) :]
        for partition, messages in by_partition(again).items():
            await rewind(consumer, partition, messages)
        outcomes = dict.fromkeys(by_partition(batch.taken), failure)
        await self._patience.after({each: outcome for each, outcome in outcomes.items() if each in self._owned})

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop."""
        self._patience.stop()

    async def _filed(self, batch: Slice, consumer: BatchConsumer) -> Exception | None:
        try:
            for message, cause in batch.unreadable:
                await self._set_aside(message, cause)
            await asyncio.to_thread(self._file, list(batch.filings.values()))
            if batch.profiles:
                await asyncio.to_thread(self._version.apply_profiles, list(batch.profiles.values()))
            await asyncio.to_thread(_commit, consumer.consumer, batch.taken)
        except Exception as exc:  # noqa: BLE001  FastStream would swallow it and move past the batch
            if not isinstance(exc, (Transient, StoreError)):
                _log.exception("Filing failed in a way that was not foreseen.")
            return exc
        self.report.events += len(batch.taken)
        self.report.written += len(batch.filings) + len(batch.profiles)
        self.report.dead += len(batch.unreadable)
        return None

    def _file(self, filings: Sequence[Filing]) -> None:
        if filings:
            vectors = embed(filings, self._embedder, self._cache)
            filed_at = self._clock()
            dated = [replace(each, receipt=replace(each.receipt, filed_at=filed_at)) for each in filings]
            self._version.apply(dated, vectors)

    async def _set_aside(self, message: Message, cause: str) -> None:
        key, value = dead_letters.letter(
            message.key(),
            cause=cause,
            stage="project",
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            at=self._clock(),
        )
        with translated():
            await self._broker.publish(value, names.DEAD_LETTERS, key=key, partition=message.partition())


def _commit(consumer: Consumer, messages: Sequence[Message]) -> None:
    """Raises Transient, as in a rebalance: read and filed again they change nothing, the owner commits."""
    ends = [
        TopicPartition(topic, partition, (batch[-1].offset() or 0) + 1)
        for (topic, partition), batch in by_partition(messages).items()
    ]
    with translated():
        for end in consumer.commit(offsets=ends, asynchronous=False) or ():
            if end.error is not None:
                raise KafkaException(end.error)
