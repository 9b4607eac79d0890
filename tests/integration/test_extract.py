"""The extract stage on a real broker: exactly once, whatever interrupts it (design rules 1, 2, 3 and 9)."""

import asyncio
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Fenced, Transient
from memory_consumer.extractors import offline
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.kafka.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.learning.extract import ExtractStage
from memory_consumer.learning.extractor import Passage
from memory_consumer.learning.ledger import Ledger
from memory_consumer.learning.tenure import Tenure
from memory_consumer.learning.tenures import Tenures
from memory_consumer.records import facts
from memory_consumer.records.cdc import MessageRow
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.attempts import MOST_TRIES
from oboegaki.metrics import Metrics
from tests.support import events
from tests.support.deadline import DEADLINE_S, eventually
from tests.support.events import Row
from tests.support.logs import ALICE, FACTS, PROMPT, Logs, eventually_read, learn_all, learning
from tests.support.services import now

GROUP = names.extract_group("v1")


def opened(settings: ConsumerSettings) -> Tenure:
    return Tenure(settings, ALICE, log_id=topic_id(settings, FACTS), extractor=offline.EXTRACTOR, clock=now)


@contextmanager
def reading(settings: ConsumerSettings, group: str = "reading") -> Iterator[Consumer]:
    """A consumer of Alice's partition of the messages log, without a group's rebalances."""
    with closing(Consumer(settings.client() | {"group.id": group, "auto.offset.reset": "earliest"})) as made:
        made.assign([TopicPartition(names.MESSAGES, ALICE, 0)])
        yield made


def taken(consumer: Consumer, count: int) -> list[Message]:
    found: list[Message] = consumer.consume(count, DEADLINE_S)
    assert len(found) == count
    return found


def test_each_message_gets_one_record_in_its_own_partition(settings: ConsumerSettings, logs: Logs) -> None:
    rows = [logs.say(f"I like number {number}.") for number in range(20)]
    learn_all(settings, until=20)

    records = logs.facts()
    assert [record.message_id for record in records] == [row.id for row in rows]
    assert all(len(record.facts) == 1 for record in records)


def test_what_was_learned_is_not_learned_again_after_a_restart(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I like tea.")
    learn_all(settings, until=1)
    for op in ("c", "r", "u"):
        logs.change(row, op)
    learn_all(settings, until=3)

    assert len(logs.facts()) == 1


def test_a_ledger_that_was_thrown_away_is_read_again_from_the_log(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I like tea.")
    learn_all(settings, until=1)
    shutil.rmtree(settings.home / "ledger")
    logs.change(row, "r")
    logs.remove(row)
    learn_all(settings, until=2)

    assert [(record.state, record.user_id) for record in logs.facts()] == [
        ("learned", "alice"),
        ("deleted", "alice"),
    ]


def test_a_ledger_that_knows_more_than_the_log_is_thrown_away(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I like tea.")
    opened(settings).close()
    path = settings.home / "ledger" / "v1" / f"{ALICE:02}.db"
    ahead = _ledger_with(path, topic_id(settings, FACTS), row)
    learn_all(settings, until=1)

    assert ahead == 100
    assert [record.message_id for record in logs.facts()] == [row.id]


def test_a_delete_and_the_records_it_rewrites_are_one_transaction(settings: ConsumerSettings, logs: Logs) -> None:
    bread = logs.say("I bake bread.")
    logs.say("I have done so for 8 years.")
    learn_all(settings, until=2)
    logs.remove(bread)
    with reading(settings) as reader, closing(opened(settings)) as former:
        [*_, delete] = taken(reader, 3)
        with closing(opened(settings)) as new:
            with pytest.raises(Fenced):
                former.learn([delete], reader.consumer_group_metadata())
            before = logs.facts()
            new.learn([delete], reader.consumer_group_metadata())

    assert len(before) == 2
    gone, rewritten = logs.facts()[2:]
    assert (gone.message_id, gone.state, rewritten.message_id, rewritten.context) == (1, "deleted", 2, None)


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
    assert len(logs.dead_letters()) == stage.report.dead == 2


def test_a_dead_letter_tells_cause_and_place_under_the_same_key_and_never_the_text(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    logs.write(events.key(2), b'{"op": "c", "after": {"content": "my secret"}}')
    learn_all(settings, until=2)

    [letter] = logs.read(names.DEAD_LETTERS)
    told = json.loads(letter.value() or b"")
    assert letter.key() == events.key(2)
    assert (told["topic"], told["partition"], told["offset"]) == (names.MESSAGES, ALICE, 1)
    assert told["cause"].startswith("The event cannot be read: after.")
    assert b"my secret" not in (letter.value() or b"")


def test_a_message_that_was_dead_is_learned_once_its_event_can_be_read(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.write(events.key(1), b"{}")
    logs.change(Row(1, "I like tea."), "r")
    learn_all(settings, until=2)

    assert logs.facts()[-1].state == "learned"


def test_sweep_records_are_passed_over(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(b'{"sweep": 1}', b"{}")
    logs.write(b'{"sweep": 1}', b"{}", topic=FACTS)
    logs.say("I like tea.")
    stage = learn_all(settings, until=2)

    assert (len(logs.read(FACTS)), stage.report.dead) == (3, 0)


def test_a_facts_record_that_cannot_be_read_holds_no_learning_up(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(events.key(1), b"no facts record", topic=FACTS)
    logs.write(b"no key", b"{}", topic=FACTS)
    logs.say("I like tea.")
    learn_all(settings, until=1)

    [*_, learned, _profile] = logs.read(FACTS)
    assert facts.decode(learned.value() or b"").state == "learned"


def test_a_batch_of_a_partition_that_was_given_up_is_dropped(settings: ConsumerSettings, logs: Logs) -> None:
    logs.say("I like tea.")
    stage = ExtractStage(Tenures(settings, offline.EXTRACTOR, now))
    with reading(settings) as reader:
        batch = taken(reader, 1)
        held = Held(reader)
        stage.assigned(reader, [TopicPartition(names.MESSAGES, ALICE)])
        stage.revoked(reader, [TopicPartition(names.MESSAGES, ALICE)])
        asyncio.run(stage.handle(batch, held))
    stage.close()

    assert logs.facts() == []
    assert held.sought == [(names.MESSAGES, ALICE, 0)]
    assert stage.report.waiting_for is None


def test_a_batch_that_could_not_be_written_is_read_again_and_written_once(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    stage = ExtractStage(Tenures(settings, offline.EXTRACTOR, now))
    with reading(settings, GROUP) as reader:
        batch = taken(reader, 1)
        held = Held(reader)
        stage.assigned(reader, [TopicPartition(names.MESSAGES, ALICE)])
        opened(settings).close()
        asyncio.run(stage.handle(batch, held))
        after_the_fence = (held.sought, logs.facts(), stage.report.waiting_for)
        asyncio.run(stage.handle(batch, held))
    stage.close()

    assert after_the_fence[:2] == ([(names.MESSAGES, ALICE, 0)], [])
    assert "fenced" in str(after_the_fence[2])
    assert (len(logs.facts()), stage.report.waiting_for) == (1, None)
    assert logs.committed(GROUP, names.MESSAGES) == [1]


class Unheard(TransactionalWriter):
    """Commits, and fails after its first commit."""

    def __init__(self, settings: ConsumerSettings, partition: int, failures: list[Exception]) -> None:
        self._failures = failures
        super().__init__(settings, partition)

    def write(self, records: Iterable[Outgoing], consumed: Consumed | None = None) -> dict[tuple[str, bytes], int]:
        offsets = super().write(records, consumed)
        if self._failures:
            raise self._failures.pop()
        return offsets


class Silent(TransactionalWriter):
    """Fails before its first commit."""

    def __init__(self, settings: ConsumerSettings, partition: int, failures: list[Exception]) -> None:
        self._failures = failures
        super().__init__(settings, partition)

    def write(self, records: Iterable[Outgoing], consumed: Consumed | None = None) -> dict[tuple[str, bytes], int]:
        if self._failures:
            raise self._failures.pop()
        return super().write(records, consumed)


def handle(settings: ConsumerSettings, stage: ExtractStage, *, count: int, times: int) -> None:
    """Hands the first events of Alice's partition to a stage so many times."""
    with reading(settings, GROUP) as reader:
        batch = taken(reader, count)
        stage.assigned(reader, [TopicPartition(names.MESSAGES, ALICE)])

        async def run() -> None:
            for _ in range(times):
                await stage.handle(batch, Held(reader))

        asyncio.run(run())
    stage.close()


def handle_twice(settings: ConsumerSettings, failure: Exception) -> None:
    """Hands the first two events to a stage twice; the first commit is followed by a failure."""
    failures = [failure]
    writer = partial(Unheard, failures=failures)
    handle(settings, ExtractStage(Tenures(settings, offline.EXTRACTOR, now, writer)), count=2, times=2)
    assert failures == []


def test_a_batch_that_was_committed_unheard_is_not_learned_again(settings: ConsumerSettings, logs: Logs) -> None:
    row = logs.say("I like tea.")
    logs.change(row.edited(content="I like coffee."), "u")

    handle_twice(settings, Transient("Kafka did not answer."))

    assert [record.facts[0].text for record in logs.facts()] == ["I like coffee."]
    assert logs.committed(GROUP, names.MESSAGES) == [2]


def test_a_meter_is_told_of_every_batch_of_what_failed_and_of_the_facts(
    settings: ConsumerSettings, logs: Logs
) -> None:
    metrics = Metrics("0")
    logs.say("I like tea. My sister has a dog.")
    silent = partial(Silent, failures=[Transient("Kafka did not answer.")])
    stage = ExtractStage(Tenures(settings, offline.EXTRACTOR, now, silent), PROMPT, metrics)
    handle(settings, stage, count=1, times=2)

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"oboegaki_learning_{name}", labels)

    assert told("batch_duration_seconds_count", stage="extract") == 2
    assert told("batch_records_sum", stage="extract") == 2
    assert told("failures_total", stage="extract", kind="Transient") == 1
    assert told("rewinds_total", stage="extract") == 1
    assert told("facts_written_total") == len(logs.facts()[0].facts) > 0


def test_a_batch_that_failed_unforeseen_after_its_commit_is_not_written_again_one_by_one(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    logs.say("I have a cat.")

    handle_twice(settings, RuntimeError("broken"))

    assert sorted(record.facts[0].text for record in logs.all_facts()) == ["I have a cat.", "I like tea."]


def test_who_comes_after_a_commit_that_was_not_heard_of_does_not_go_on_with_a_ledger_that_is_behind(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    log_id = topic_id(settings, FACTS)
    unheard = partial(Unheard, failures=[RuntimeError("broken")])
    tenure = Tenure(settings, ALICE, log_id=log_id, extractor=offline.EXTRACTOR, clock=now, writer=unheard)
    with reading(settings) as reader, closing(tenure):
        batch = taken(reader, 1)
        with pytest.raises(RuntimeError):
            tenure.learn(batch, reader.consumer_group_metadata())
        with pytest.raises(Fenced):
            tenure.learn(batch, reader.consumer_group_metadata())
    assert [record.state for record in logs.facts()] == ["learned"]


def test_a_record_that_trips_learning_does_not_have_its_partition_opened_anew(
    settings: ConsumerSettings, logs: Logs
) -> None:
    def extract(row: MessageRow) -> tuple[Passage, ...]:
        raise ValueError(row.id)

    def writer(settings: ConsumerSettings, partition: int) -> TransactionalWriter:
        openings.append(partition)
        return TransactionalWriter(settings, partition)

    openings: list[int] = []
    logs.say("I like tea.")
    stage = ExtractStage(Tenures(settings, replace(offline.EXTRACTOR, extract=extract), now, writer), PROMPT)
    handle(settings, stage, count=1, times=MOST_TRIES + 1)

    assert [record.state for record in logs.facts()] == ["dead"]
    assert openings == [ALICE]


def test_a_partition_whose_opening_fails_unforeseen_is_no_fault_of_its_records(
    settings: ConsumerSettings, logs: Logs
) -> None:
    def writer(_settings: ConsumerSettings, _partition: int) -> TransactionalWriter:
        raise RuntimeError("broken")

    logs.say("I like tea.")
    stage = ExtractStage(Tenures(settings, offline.EXTRACTOR, now, writer), PROMPT)
    handle(settings, stage, count=1, times=MOST_TRIES + 1)

    assert (stage.report.events, stage.report.dead) == (0, 0)
    assert str(stage.report.waiting_for).startswith(f"Partition {ALICE} could not be opened: RuntimeError at")
    assert logs.standing() == []


def test_an_aborted_batch_leaves_nothing_in_the_log_and_nothing_in_the_ledger(
    settings: ConsumerSettings, logs: Logs
) -> None:
    logs.say("I like tea.")
    with reading(settings) as reader, closing(opened(settings)) as former, closing(opened(settings)) as new:
        batch = taken(reader, 1)
        with pytest.raises(Fenced):
            former.learn(batch, reader.consumer_group_metadata())
        learnt = new.learn(batch, reader.consumer_group_metadata())

    assert learnt.records == 1
    assert len(logs.facts()) == 1


def test_two_consumers_share_the_partitions_and_lose_and_double_nothing(
    settings: ConsumerSettings, logs: Logs
) -> None:
    async def run() -> None:
        other = settings.model_copy(update={"home": settings.home / "other"})
        async with learning(settings) as first:
            await asyncio.to_thread(say_as_many_users, logs)
            async with learning(other) as second:
                await asyncio.to_thread(say_as_many_users, logs)
                await eventually(lambda: second.report.owned)
                await eventually(lambda: first.report.owned + second.report.owned == names.PARTITIONS)
                await asyncio.to_thread(say_as_many_users, logs)
                await eventually(lambda: second.report.events)
            await asyncio.to_thread(say_as_many_users, logs)
            await eventually_read(lambda: len(logs.all_facts()) >= 160)

    asyncio.run(run())
    assert sorted(record.message_id for record in logs.all_facts()) == list(range(1, 161))


def say_as_many_users(logs: Logs) -> None:
    for number in range(40):
        logs.say("I like tea.", user_id=f"user {number}")


class Held:
    """A consumer as FastStream hands it over, which notes where it was moved to."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.sought: list[tuple[str, int, int]] = []

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        self.sought.append((topic, partition, offset))


def _ledger_with(path: Path, log_id: str, row: Row) -> int:
    ledger = Ledger(path, log_id=log_id)
    with ledger.batch():
        ledger.put(events.learned(row))
        ledger.advance(100)
    ledger.close()
    return 100
