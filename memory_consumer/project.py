"""The project stage: facts records in, memories and receipts out; offsets are committed once they are durable."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from faststream.confluent import KafkaBroker

from memory_consumer import cdc, facts, names
from memory_consumer.errors import Invalid, Transient
from memory_consumer.facts import Fact, FactsRecord
from memory_consumer.kafka_errors import error_of
from memory_consumer.stage import BatchConsumer, Patience, Report, by_partition, rewind
from memory_store.embed import embed
from memory_store.errors import StoreError
from memory_store.models import Filing, Memory, Receipt, SourceRef, point_id
from memory_store.port import Embedder, MemoryVersion

_log = logging.getLogger(__name__)


class ProjectStage:
    """Files facts records in one version of the store."""

    def __init__(
        self,
        version: MemoryVersion,
        embedder: Embedder,
        broker: KafkaBroker,
        clock: Callable[[], datetime],
    ) -> None:
        self._version = version
        self._embedder = embedder
        self._broker = broker
        self._clock = clock
        self.report = Report("project")
        self._patience = Patience(self.report)

    async def handle(self, records: Sequence[Message], consumer: BatchConsumer) -> None:
        """Files a batch, then commits its offsets; what cannot be filed now is read again later."""
        try:
            filings = await self._readable(records)
            await asyncio.to_thread(self._file, filings)
            await asyncio.to_thread(_commit, consumer.consumer, records)
        except Exception as exc:  # noqa: BLE001  FastStream would swallow it and move past the batch
            if not isinstance(exc, (Transient, StoreError)):
                _log.exception("Filing failed in a way that was not foreseen.")
            for partition, messages in by_partition(records).items():
                await rewind(consumer, partition, messages)
            await self._patience.after(exc)
            return
        self.report.events += len(records)
        self.report.written += len(filings)
        await self._patience.after(None)

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop."""
        self._patience.stop()

    async def _readable(self, messages: Sequence[Message]) -> list[Filing]:
        latest: dict[int, Filing] = {}
        for message in messages:
            try:
                filing = read(message)
            except Invalid as exc:
                await self._set_aside(message, str(exc))
            else:
                if filing is not None:
                    latest[filing.receipt.message_id] = filing
        return list(latest.values())

    def _file(self, filings: Sequence[Filing]) -> None:
        if filings:
            self._version.apply(filings, embed(filings, self._embedder))

    async def _set_aside(self, message: Message, cause: str) -> None:
        where = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        letter = {"cause": cause, "stage": "project", **where, "at": self._clock().isoformat()}
        await self._broker.publish(
            json.dumps(letter).encode(),
            names.DEAD_LETTERS,
            key=message.key() or json.dumps(where).encode(),
            partition=message.partition(),
        )
        self.report.dead += 1


def read(message: Message) -> Filing | None:
    """A record of the facts log as what to file; None for sweeps. Raises Invalid."""
    value = message.value()
    if cdc.message_id(message.key()) is None or not value:
        return None
    return filing(facts.decode(value), message.offset() or 0)


def filing(record: FactsRecord, offset: int) -> Filing:
    """What a facts record, found at an offset of its log, files under its message. Pure."""
    receipt = Receipt(
        message_id=record.message_id,
        user_id=record.user_id,
        revision=record.revision,
        state=record.state,
        facts=len(record.facts),
        learned_at=record.learned_at,
        facts_offset=offset,
    )
    return Filing(receipt=receipt, memories=tuple(_memory(record, fact) for fact in record.facts))


def _memory(record: FactsRecord, fact: Fact) -> Memory:
    return Memory(
        id=point_id(record.message_id, fact.hash),
        message_id=record.message_id,
        user_id=record.user_id,
        conversation_id=record.conversation_id,
        text=fact.text,
        context=record.context.text if record.context else "",
        hash=fact.hash,
        extractor=record.extractor,
        sources=tuple(SourceRef(message_id=s.message_id, revision=s.revision) for s in fact.sources),
        supersedes=fact.supersedes,
        said_at=fact.said_at,
        speaker=fact.speaker,
        lang=fact.lang,
        role=record.role,
        learned_at=record.learned_at,
    )


def _commit(consumer: Consumer, messages: Sequence[Message]) -> None:
    ends = [
        TopicPartition(topic, partition, (batch[-1].offset() or 0) + 1)
        for (topic, partition), batch in by_partition(messages).items()
    ]
    try:
        consumer.commit(offsets=ends, asynchronous=False)
    except KafkaException as exc:
        # Filing again changes nothing, so whoever owns the partition now may do so.
        _log.info("Offsets were not committed: %s", error_of(exc).str())
