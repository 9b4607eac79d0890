"""The extract stage on a real broker: exactly once, whatever interrupts it (design rules 1, 2 and 9)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from faststream.confluent import KafkaBroker

from memory_consumer import facts, names, offline, topics
from memory_consumer.app import subscribe_extract
from memory_consumer.errors import Fenced, Refused
from memory_consumer.extract import ExtractStage
from memory_consumer.facts import FactsRecord
from memory_consumer.log_reader import LogReader, topic_id
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_consumer.tenure import Tenure
from memory_consumer.transactions import Outgoing, TransactionalWriter
from tests.support import events
from tests.support.deadline import eventually
from tests.support.events import Row

ALICE = partition_of("alice")


class Logs:
    """Writes change events and reads facts records."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._producer = Producer(settings.client())
        self._ids = iter(range(1, 10**6))

    def next_id(self) -> int:
        return next(self._ids)

    def write(self, key: bytes, value: bytes | None, partition: int = ALICE) -> None:
        self._producer.produce(names.MESSAGES, key=key, value=value, partition=partition)
        assert self._producer.flush(10) == 0

    def say(self, text: str, op: str = "c") -> Row:
        row = Row(self.next_id(), text)
        self.write(events.key(row.id), events.written(row, op))
        return row

    def facts(self, partition: int = ALICE) -> list[FactsRecord]:
        reader = LogReader(self._settings)
        try:
            read = reader.read(names.facts_log(self._settings.facts_version), partition)
            return [facts.decode(message.value() or b"") for message in read]
        finally:
            reader.close()

    def dead_letters(self) -> list[dict[str, object]]:
        reader = LogReader(self._settings)
        try:
            return [json.loads(message.value() or b"") for message in reader.read(names.DEAD_LETTERS, ALICE)]
        finally:
            reader.close()


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> ConsumerSettings:
    made = ConsumerSettings(kafka=kafka, home=tmp_path)
    topics.ensure(made)
    return made


@pytest.fixture
def logs(settings: ConsumerSettings) -> Logs:
    return Logs(settings)


@pytest.fixture
def tenure(settings: ConsumerSettings) -> Iterator[Tenure]:
    made = opened(settings)
    yield made
    made.close()


def opened(settings: ConsumerSettings) -> Tenure:
    log_id = topic_id(settings, names.facts_log(settings.facts_version))
    return Tenure(settings, ALICE, log_id=log_id, extractor=offline.EXTRACTOR, clock=lambda: datetime.now(UTC))


@asynccontextmanager
async def learning(settings: ConsumerSettings) -> AsyncIterator[ExtractStage]:
    broker = KafkaBroker(
        settings.kafka, allow_auto_create_topics=False, logger=None, config={"enable.auto.offset.store": False}
    )
    stage = ExtractStage(settings, offline.EXTRACTOR, lambda: datetime.now(UTC))
    subscribe_extract(broker, settings, stage)
    await broker.start()
    try:
        yield stage
    finally:
        stage.stop()
        await broker.stop()
        stage.close()


def learn_all(settings: ConsumerSettings, until: int) -> ExtractStage:
    """Runs the stage until it has handled so many events."""

    async def run() -> ExtractStage:
        async with learning(settings) as stage:
            await eventually(lambda: stage.report.events >= until)
        return stage

    return asyncio.run(run())


def test_each_message_gets_one_record_in_its_own_partition(settings: ConsumerSettings, logs: Logs) -> None:
    rows = [logs.say(f"I like number {number}.") for number in range(20)]
    learn_all(settings, until=20)

    records = logs.facts()
    assert [record.message_id for record in records] == [row.id for row in rows]
    assert all(len(record.facts) == 1 for record in records)


def test_what_was_learned_is_not_learned_again_after_a_restart_or_with_a_new_ledger(
    settings: ConsumerSettings, logs: Logs
) -> None:
    row = logs.say("I like tea.")
    learn_all(settings, until=1)
    for op in ("r", "u"):
        logs.write(events.key(row.id), events.written(row, op))
    thrown_away = settings.model_copy(update={"home": settings.home / "another"})
    learn_all(thrown_away, until=2)

    assert len(logs.facts()) == 1


def test_an_unreadable_record_is_set_aside_and_stops_nothing(settings: ConsumerSettings, logs: Logs) -> None:
    before = logs.say("I like tea.")
    logs.write(b"no key of ours", b"\xff")
    poisoned = logs.next_id()
    logs.write(events.key(poisoned), b'{"op": "c", "after": {"content": "my secret"}}')
    after = logs.say("I like coffee.")
    stage = learn_all(settings, until=4)

    assert [(record.message_id, record.state) for record in logs.facts()] == [
        (before.id, "learned"),
        (poisoned, "dead"),
        (after.id, "learned"),
    ]
    letters = logs.dead_letters()
    assert len(letters) == stage.report.dead == 2
    assert all({"cause", "topic", "partition", "offset"} <= letter.keys() for letter in letters)
    assert "my secret" not in json.dumps(letters)


def test_sweep_records_are_passed_over(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(b'{"sweep": 1}', b"{}")
    logs.say("I like tea.")
    stage = learn_all(settings, until=2)

    assert (len(logs.facts()), stage.report.dead) == (1, 0)


def test_a_former_owner_is_fenced_as_soon_as_a_new_one_opens_the_partition(settings: ConsumerSettings) -> None:
    consumer = Consumer(settings.client() | {"group.id": "fencing"})
    former = TransactionalWriter(settings, ALICE)
    new = TransactionalWriter(settings, ALICE)
    record = Outgoing(names.facts_log("v1"), ALICE, b'{"id":1}', b"{}")
    consumed = TopicPartition(names.MESSAGES, ALICE, 1)

    with pytest.raises(Fenced):
        former.write([record], consumed, consumer.consumer_group_metadata())

    former.close()
    new.close()
    consumer.close()


def test_a_batch_of_a_partition_that_was_given_up_is_dropped(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I like tea.")
    stage = ExtractStage(settings, offline.EXTRACTOR, lambda: datetime.now(UTC))
    taken: list[tuple[str, int, int]] = []
    reader = Consumer(settings.client() | {"group.id": "given-up", "auto.offset.reset": "earliest"})
    reader.assign([TopicPartition(names.MESSAGES, ALICE, 0)])
    message = reader.poll(10)
    assert message is not None

    class Held:
        consumer = reader

        async def seek(self, topic: str, partition: int, offset: int) -> None:
            taken.append((topic, partition, offset))

    stage.stop()
    asyncio.run(stage.handle((message,), Held()))

    assert logs.facts() == []
    assert taken == [(names.MESSAGES, ALICE, 0)]
    reader.close()
    stage.close()


def test_an_aborted_batch_leaves_nothing_in_the_log_and_nothing_in_the_ledger(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    reader = Consumer(settings.client() | {"group.id": "aborted", "auto.offset.reset": "earliest"})
    reader.assign([TopicPartition(names.MESSAGES, ALICE, 0)])
    message = reader.poll(10)
    assert message is not None
    former = opened(settings)
    new = opened(settings)

    with pytest.raises(Fenced):
        former.learn([message], reader.consumer_group_metadata())
    learnt = new.learn([message], reader.consumer_group_metadata())

    assert learnt.records == 1
    assert len(logs.facts()) == 1
    for closed in (former, new, reader):
        closed.close()


def test_two_consumers_share_the_partitions_and_double_nothing(settings: ConsumerSettings, logs: Logs) -> None:
    users = [f"user {number}" for number in range(40)]
    for user in users:
        row = Row(logs.next_id(), "I like tea.", user_id=user)
        logs.write(events.key(row.id), events.written(row), partition_of(user))

    async def run() -> None:
        other = settings.model_copy(update={"home": settings.home / "other"})
        async with learning(settings) as first, learning(other) as second:
            await eventually(lambda: first.report.owned and second.report.owned)
            await eventually(lambda: first.report.owned + second.report.owned == names.PARTITIONS)
            await eventually(lambda: sum(len(logs.facts(p)) for p in range(names.PARTITIONS)) >= len(users))

    asyncio.run(run())
    assert sum(len(logs.facts(p)) for p in range(names.PARTITIONS)) == len(users)


def test_a_topic_that_could_lose_data_is_refused_with_what_to_do(settings: ConsumerSettings) -> None:
    other = settings.model_copy(update={"erased_within": settings.erased_within * 2})

    with pytest.raises(Refused, match=r"segment\.ms.*kafka-configs"):
        topics.ensure(other)
