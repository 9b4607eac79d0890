"""Project with partitions that are taken away within a batch (rule 2), and with records that fail (rule 9)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from numpy.typing import NDArray

from memory_consumer.filing.project import Fillable, ProjectStage
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.letters.letter_box import LetterBox, Slot
from memory_consumer.records import facts
from memory_consumer.records.dead_letters import DeadLetter
from memory_consumer.records.facts import FactsRecord
from memory_consumer.stages.attempts import MOST_IN_A_ROW, MOST_TRIES
from memory_consumer.stages.metering import Meter
from memory_consumer.stages.retry import Backoff
from memory_store.errors import Refused
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import Filing, Profile, Vectors
from oboegaki.metrics import Metrics
from tests.support.events import Row, learned
from tests.support.services import now

PARTITIONS = [TopicPartition("f", 0), TopicPartition("f", 1)]
UNREADABLE = b"{}"


class Record:
    """A record of the facts log."""

    def __init__(self, partition: int, offset: int, record: FactsRecord, value: bytes | None = None) -> None:
        self._place = (partition, offset)
        self._key, written = facts.encode(record)
        self._value = value or written

    def topic(self) -> str:
        return "f"

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value


class Group:
    """A consumer that notes what it commits and where it is moved to."""

    def __init__(self) -> None:
        self.consumer = cast("Consumer", self)
        self.committed: dict[int, int] = {}
        self.moved: list[int] = []

    def commit(self, offsets: Sequence[TopicPartition], *, asynchronous: bool) -> Sequence[Any]:
        assert not asynchronous
        self.committed |= {each.partition: each.offset for each in offsets}
        return []

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        assert (topic, offset >= 0) == ("f", True)
        self.moved.append(partition)


class Letters:
    """A letter box of nobody else; something happens when it is read, and it notes what is written."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._meanwhile = meanwhile
        self.written: list[int] = []

    def standing(self, _partitions: Iterable[int]) -> dict[Slot, DeadLetter]:
        self._meanwhile()
        return {}

    def write(self, letters: Sequence[Outgoing]) -> None:
        self.written += [each.partition for each in letters]


class Embedding(HashEmbedder):
    """Something happens while it embeds."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._meanwhile = meanwhile

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._meanwhile()
        return super().passages(texts)


def project(
    embedder: HashEmbedder, letters: Letters, version: Fillable | None = None, meter: Meter | None = None
) -> ProjectStage:
    """The stage, which waits for nothing."""
    no_wait, box = Backoff(first=0.0, most=0.0), cast("LetterBox", letters)
    return ProjectStage(version or FakeStore().create("v1"), embedder, box, now, backoff=no_wait, meter=meter)


def filed_while_the_second_is_given_back(when: str) -> tuple[Group, Letters]:
    def given_back() -> None:
        stage.revoked(cast("Consumer", None), PARTITIONS[1:])
        stage.assigned(cast("Consumer", None), PARTITIONS[1:])

    group = Group()
    letters = Letters(given_back) if when == "reading its letters" else Letters()
    embedder = Embedding(given_back) if when == "embedding" else Embedding()
    stage = project(embedder, letters)
    stage.assigned(cast("Consumer", None), PARTITIONS)
    tea = learned(Row(1, "I like tea."))
    values = enumerate((None, UNREADABLE))
    records = [Record(partition, offset, tea, value) for offset, value in values for partition in (0, 1)]
    asyncio.run(stage.handle(cast("Sequence[Message]", records), group))
    return group, letters


@pytest.mark.parametrize("when", ["embedding", "reading its letters"])
def test_a_partition_given_back_while_its_batch_is_filed_is_not_committed_by_that_batch(when: str) -> None:
    group, _ = filed_while_the_second_is_given_back(when)

    assert group.committed == {0: 2}
    assert group.moved == []


def test_no_letter_is_written_of_a_partition_that_was_given_back_while_its_batch_was_embedded() -> None:
    _, letters = filed_while_the_second_is_given_back("embedding")

    assert letters.written == [0]


def test_a_batch_of_which_nothing_is_taken_away_is_told_of_and_committed_whole() -> None:
    group, letters = filed_while_the_second_is_given_back("never")

    assert (group.committed, letters.written) == ({0: 2, 1: 2}, [0, 1])


class Tripping(HashEmbedder):
    """An embedder with a bug."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("poison" in text for text in texts):
            raise ValueError(texts)
        return super().passages(texts)


def filed(*told: FactsRecord) -> ProjectStage:
    """The stage once it has filed these records of one partition, or has stopped."""
    stage = project(Tripping(), Letters())
    stage.assigned(cast("Consumer", None), PARTITIONS)
    group, records = Group(), [Record(0, offset, record) for offset, record in enumerate(told)]

    async def run() -> None:
        while not stage.report.stopped and (done := group.committed.get(0, 0)) < len(records):
            await stage.handle(cast("Sequence[Message]", records[done:]), group)

    asyncio.run(run())
    return stage


def test_an_embedder_that_trips_stops_the_stage_whatever_is_filed_without_memories_between() -> None:
    def said(number: int) -> FactsRecord:
        return learned(Row(number, "poison", user_id=f"user {number % 3}"))

    def reply(number: int) -> FactsRecord:
        return learned(Row(1000 + number, "", role="assistant")).model_copy(update={"facts": ()})

    numbers = range(1, 2 * MOST_IN_A_ROW)
    stage = filed(*(each for number in numbers for each in (said(number), reply(number), reply(100 + number))))

    assert (stage.report.stopped, stage.report.dead) == (True, MOST_IN_A_ROW)


def test_one_users_memories_that_cannot_be_embedded_do_not_stop_filing_for_everybody() -> None:
    stage = filed(*(learned(Row(number, "poison")) for number in range(1, 61)), learned(Row(61, "I like tea.")))

    assert (stage.report.stopped, stage.report.dead, stage.report.events) == (False, 60, 61)


class RefusingStore:
    """A store that takes nothing."""

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        del filings, vectors
        raise Refused("The store refuses the key.")

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        del profiles
        raise Refused("The store refuses the key.")


def test_a_store_that_refuses_everything_is_waited_for_and_is_no_fault_of_the_records() -> None:
    letters, group = Letters(), Group()
    stage = project(HashEmbedder(), letters, RefusingStore())
    stage.assigned(cast("Consumer", None), PARTITIONS)
    records = [Record(0, offset, learned(Row(offset + 1, "I like tea."))) for offset in range(3)]

    async def run() -> None:
        for _ in range(3 * MOST_TRIES):
            await stage.handle(cast("Sequence[Message]", records), group)

    asyncio.run(run())
    assert (stage.report.dead, stage.report.stopped, group.committed, letters.written) == (0, False, {}, [])
    assert stage.report.waiting_for == "The store refuses the key."


def test_a_meter_is_told_of_every_batch_and_of_what_is_tried_again() -> None:
    metrics, group = Metrics("0"), Group()
    records = [Record(0, offset, learned(Row(offset + 1, "I like tea."))) for offset in range(3)]
    for store in (RefusingStore(), FakeStore().create("v1")):
        stage = project(HashEmbedder(), Letters(), store, metrics)
        stage.assigned(cast("Consumer", None), PARTITIONS)
        asyncio.run(stage.handle(cast("Sequence[Message]", records), group))
    stage.revoked(cast("Consumer", None), PARTITIONS[1:])

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"oboegaki_learning_{name}", labels)

    assert told("batch_records_sum", stage="project") == 6
    assert told("batch_duration_seconds_count", stage="project") == 2
    assert told("failures_total", stage="project", kind="Refused") == 1
    assert told("rewinds_total", stage="project") == 1
    assert told("memories_filed_total") == 3
    assert told("partition_changes_total", stage="project", change="assigned") == 4
    assert told("partition_changes_total", stage="project", change="revoked") == 1
