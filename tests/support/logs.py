"""Kafka's logs as tests write and read them, and the stages at work on them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from itertools import count
from types import MappingProxyType
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from faststream.confluent import KafkaBroker

from memory_consumer import names
from memory_consumer.app import subscribe_extract, subscribe_project
from memory_consumer.asking.ask import AskStage, Near
from memory_consumer.asking.windows import WindowExtractor, WindowPolicy
from memory_consumer.extractors import offline
from memory_consumer.filing.project import Fillable, ProjectStage
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extract import ExtractStage
from memory_consumer.learning.extractor import Extractor
from memory_consumer.learning.tenures import Tenures
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.partition import partition_of
from memory_consumer.profiles import record as profile
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.profiles.stage import ProfileStage
from memory_consumer.records import facts
from memory_consumer.records.dead_letters import DeadLetter
from memory_consumer.records.facts import FactsRecord
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.retry import Backoff
from memory_store.fake import HashEmbedder
from memory_store.models import Memory
from memory_store.port import Embedder
from tests.support import events
from tests.support.deadline import DEADLINE_S, eventually, wait_until
from tests.support.events import Row
from tests.support.services import now

ALICE = partition_of("alice")
FACTS = names.facts_log("v1")
#: Between tries where nobody asks how long.
PROMPT = Backoff(0.01, 0.05)


def nothing(_user_id: str, _text: str) -> Sequence[Memory]:
    """No memory is near."""
    return ()


Headers = list[tuple[str, str | bytes | None]]
#: Of librdkafka.
Config = Mapping[str, int]


class Logs:
    """Writes change events and facts records, reads what the stages made of them."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        # Idempotent: a retry must not write an event twice.
        self._producer = Producer(settings.client() | {"enable.idempotence": True})
        self._ids = count(1)

    def next_id(self) -> int:
        """A message id that was not used yet."""
        return next(self._ids)

    def write(
        self,
        key: bytes,
        value: bytes | None,
        *,
        topic: str = names.MESSAGES,
        partition: int = ALICE,
        headers: Headers | None = None,
    ) -> None:
        """Writes any record."""
        errors: list[object] = []
        self._producer.produce(
            topic,
            key=key,
            value=value,
            partition=partition,
            headers=headers or [],
            on_delivery=lambda error, _: errors.append(error),
        )
        self._producer.flush(30)
        assert errors == [None]

    def change(self, row: Row, op: str = "c") -> Row:
        """Writes the event of an insert, an update (`u`) or a snapshot (`r`)."""
        self.write(events.key(row.id), events.written(row, op), partition=partition_of(row.user_id))
        return row

    def say(self, text: str, **more: Any) -> Row:  # noqa: ANN401  any field of a row
        """Writes the event of a new message."""
        return self.change(Row(self.next_id(), text, **more))

    def remove(self, row: Row) -> None:
        """Writes the event of a delete."""
        self.write(events.key(row.id), events.removed(row.id), partition=partition_of(row.user_id))

    def learn(self, record: FactsRecord) -> None:
        """Writes a facts record."""
        key, value = facts.encode(record)
        self.write(key, value, topic=FACTS, partition=partition_of(record.user_id))

    def settle(self, topic: str = FACTS, partitions: Sequence[int] = (ALICE,)) -> None:
        """Waits for the marker that ends the last transaction: Kafka writes it after the commit is answered."""
        uncommitted = Consumer(
            self._settings.client() | {"group.id": "settling", "isolation.level": "read_uncommitted"}
        )
        with closing(uncommitted), closing(LogReader(self._settings)) as committed:
            end = time.monotonic() + DEADLINE_S
            for each in partitions:
                while uncommitted.get_watermark_offsets(TopicPartition(topic, each), 30)[1] != committed.end(
                    topic, each
                ):
                    assert time.monotonic() < end, "A transaction stayed open."

    def read(self, topic: str, partitions: Sequence[int] = (ALICE,)) -> list[Message]:
        """The committed records of some partitions, once no transaction is open there."""
        self.settle(topic, partitions)
        return self.visible(topic, partitions)

    def visible(self, topic: str, partitions: Sequence[int] = (ALICE,)) -> list[Message]:
        """The records of some partitions that readers see now."""
        with closing(LogReader(self._settings)) as reader:
            return [message for each in partitions for message in reader.read(topic, each)]

    def facts(self, partitions: Sequence[int] = (ALICE,)) -> list[FactsRecord]:
        """What is in the facts log, message by message."""
        messages = [each for each in self.read(FACTS, partitions) if profile.user_of(each.key()) is None]
        return [facts.decode(message.value() or b"") for message in messages]

    def profiles(self, partitions: Sequence[int] = (ALICE,)) -> list[ProfileRecord]:
        """What is in the facts log, user by user."""
        messages = [each for each in self.read(FACTS, partitions) if profile.user_of(each.key()) is not None]
        return [profile.decode(message.key(), message.value() or b"") for message in messages]

    def all_facts(self) -> list[FactsRecord]:
        """What is in the facts log, whoever's it is."""
        return self.facts(range(names.PARTITIONS))

    def standing(self) -> list[DeadLetter]:
        """The dead letters that were not taken back, whoever's they are."""
        self.settle(names.DEAD_LETTERS, range(names.PARTITIONS))
        return list(LetterBox(self._settings).standing().values())

    def dead_letters(self) -> list[dict[str, object]]:
        """What was set aside in Alice's partition."""
        return [json.loads(value) for message in self.read(names.DEAD_LETTERS) if (value := message.value())]

    def committed(self, group: str, topic: str, partitions: Sequence[int] = (ALICE,)) -> list[int]:
        """A group's committed offsets; -1001 where there is none."""
        with closing(Consumer(self._settings.client() | {"group.id": group})) as consumer:
            found = consumer.committed([TopicPartition(topic, each) for each in partitions], 30)
            return [int(each.offset) for each in found]


@asynccontextmanager
async def learning(
    settings: ConsumerSettings,
    extractor: Extractor | Deferred = offline.EXTRACTOR,
    backoff: Backoff = PROMPT,
    config: Config = MappingProxyType({}),
) -> AsyncIterator[ExtractStage]:
    """The extract stage at work; `config` is librdkafka's."""
    broker = _broker(settings, config)
    stage = ExtractStage(Tenures(settings, extractor, now), backoff)
    subscribe_extract(broker, settings, stage)
    await broker.start()
    try:
        yield stage
    finally:
        stage.stop()
        await broker.stop()
        stage.close()


@asynccontextmanager
async def beside_extract(
    settings: ConsumerSettings, tenures: Tenures, stage: AskStage | ProfileStage
) -> AsyncIterator[None]:
    """The extract stage and one that asks a model, at work on the same tenures."""
    broker = _broker(settings)
    extract = ExtractStage(tenures)
    subscribe_extract(broker, settings, extract)
    await broker.start()
    running = asyncio.create_task(stage.run())
    try:
        yield
    finally:
        extract.stop()
        stage.stop()
        await running
        await broker.stop()
        extract.close()


@asynccontextmanager
async def asking(
    settings: ConsumerSettings,
    model: WindowExtractor,
    *,
    near: Near = nothing,
    idle: timedelta = timedelta(0),
    concurrency: int = 2,
) -> AsyncIterator[AskStage]:
    """The extract and the model stage at work."""
    tenures = Tenures(settings, Deferred(model.version, offline.EXTRACTOR), now)
    policy = WindowPolicy(idle=idle)
    stage = AskStage(tenures, model, near, policy, clock=now, concurrency=concurrency, backoff=PROMPT)
    async with beside_extract(settings, tenures, stage):
        yield stage


@asynccontextmanager
async def projecting(
    settings: ConsumerSettings,
    version: Fillable,
    embedder: Embedder | None = None,
    backoff: Backoff = PROMPT,
    config: Config = MappingProxyType({}),
) -> AsyncIterator[ProjectStage]:
    """The project stage at work."""
    broker = _broker(settings, config)
    stage = ProjectStage(version, embedder or HashEmbedder(), LetterBox(settings), now, backoff=backoff)
    subscribe_project(broker, settings, stage)
    await broker.start()
    try:
        yield stage
    finally:
        stage.stop()
        await broker.stop()


def learn_all(settings: ConsumerSettings, until: int) -> ExtractStage:
    """Runs the extract stage until it has handled so many events."""

    async def run() -> ExtractStage:
        async with learning(settings) as stage:
            await eventually(lambda: stage.report.events >= until)
        return stage

    return asyncio.run(run())


def project_all(settings: ConsumerSettings, version: Fillable, until: int) -> ProjectStage:
    """Runs the project stage until it has handled so many records."""

    async def run() -> ProjectStage:
        async with projecting(settings, version) as stage:
            await eventually(lambda: stage.report.events >= until)
        return stage

    return asyncio.run(run())


async def eventually_read(condition: Callable[[], object]) -> None:
    """Waits for a condition that reads from Kafka, without holding the stages up."""
    await asyncio.to_thread(wait_until, condition)


def _broker(settings: ConsumerSettings, config: Config = MappingProxyType({})) -> KafkaBroker:
    # FastStream's type lists only a part of what librdkafka takes.
    told: Any = (
        settings.client()
        # Short, as a record that is to be read again waits for the fetch under way.
        | {"enable.auto.offset.store": False, "fetch.wait.max.ms": 20}
        | dict(config)
    )
    return KafkaBroker(settings.kafka, allow_auto_create_topics=False, logger=None, config=told)
