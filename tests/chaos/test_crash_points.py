"""Consumers that crash, or fail and go on, at any point: the store ends as the fold of the events all the same."""

import asyncio
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer import names
from memory_consumer.asking.ask import AskStage
from memory_consumer.asking.windows import WindowPolicy
from memory_consumer.extractors import offline
from memory_consumer.filing.project import ProjectStage
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extract import ExtractStage
from memory_consumer.learning.tenures import Tenures
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.records.facts import FactsRecord, fact_hash
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.retry import Backoff
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import point_id
from memory_store.version import FiledVersion
from tests.chaos.crash_points import Fate, FatedCommits, FatedModel, FatedVersion, FatedWriter, fated
from tests.chaos.messages import Messages, assert_written_once_and_in_order, users_of
from tests.support.deadline import wait_until
from tests.support.events import Row
from tests.support.logs import FACTS, Logs, nothing
from tests.support.model import Living, Stored, assert_is_the_fold, offline_facts
from tests.support.scripted import ScriptedModel
from tests.support.services import now

_WAIT_S = 0.05
#: Lives wait for Kafka's clients most of the time, so those of all partitions go on side by side.
_THREADS = 64
#: How often a life ends where it is struck, and how often the next one finds no ledger.
_ENDS, _LEDGER_LOST = 0.8, 0.1


class Assigned:
    """What the stages use of FastStream's consumer, over a partition that is given by hand."""

    def __init__(self, consumer: Consumer, topic: str, partition: int, fate: Fate) -> None:
        self.consumer = FatedCommits(consumer, fate)
        self._consumer = consumer
        self._mine = TopicPartition(topic, partition)

    def begin(self) -> None:
        """Reads from where Kafka says the last one got to."""
        [committed] = self._consumer.committed([self._mine], 30)
        self._mine.offset = max(committed.offset, 0)
        self._consumer.assign([self._mine])

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        self._mine = TopicPartition(topic, partition, offset)
        await asyncio.to_thread(self._consumer.seek, self._mine)

    def records(self, most: int) -> list[Message]:
        """The next ones; none only where the log ends."""
        found = [each for each in self._consumer.consume(most, _WAIT_S) if each.error() is None]
        if not found:
            # It tells its end once; where it has done so, more may have come since.
            self._consumer.assign([self._mine])
            found = [each for each in self._told(most) if each.error() is None]
        if found:
            self._mine.offset = (found[-1].offset() or 0) + 1
        return found

    def _told(self, most: int) -> list[Message]:
        """Whatever comes next: records, or that the log ends."""
        found: list[Message] = []

        def comes() -> bool:
            found.extend(self._consumer.consume(most, _WAIT_S))
            return bool(found)

        wait_until(comes)
        return found


class Life:
    """One consumer, from where Kafka says the last one got to."""

    def __init__(
        self,
        settings: ConsumerSettings,
        partition: int,
        version: FiledVersion,
        model: ScriptedModel | None,
        fate: Fate,
    ) -> None:
        self._partition = partition
        self._version = version
        self._fate = fate
        extractor = fated(offline.EXTRACTOR, fate) if model is None else Deferred(model.version, offline.EXTRACTOR)
        self._tenures = Tenures(settings, extractor, now, partial(FatedWriter, fate=fate))
        # Who waits between two tries is not what is tried here.
        at_once = Backoff(first=0, most=0)
        self._extract = ExtractStage(self._tenures, at_once)
        self._project = ProjectStage(
            FatedVersion(version, fate), HashEmbedder(), LetterBox(settings), now, backoff=at_once
        )
        self._ask = None if model is None else self._asking(FatedModel(model, fate))

    async def live(self, messages: Consumer, facts: Consumer, batches: Iterator[int]) -> None:
        """Learns and files until it is struck, or nothing is left to do."""
        said = Assigned(messages, names.MESSAGES, self._partition, self._fate)
        learnt = Assigned(facts, FACTS, self._partition, self._fate)
        # First the former owner is fenced; then what it committed will not change any more.
        for topic, consumer, stage in ((names.MESSAGES, said, self._extract), (FACTS, learnt, self._project)):
            await asyncio.to_thread(stage.assigned, consumer.consumer, [TopicPartition(topic, self._partition)])
            await asyncio.to_thread(consumer.begin)
        asking = asyncio.create_task(self._ask.run()) if self._ask else None
        try:
            idle = False
            while not self._fate.over and not (idle and self._all_asked()):
                learned = await self._step(self._extract, said, next(batches))
                filed = await self._step(self._project, learnt, next(batches))
                idle = not learned and not filed
        finally:
            if self._ask and asking:
                self._ask.stop()
                await asking
            await asyncio.to_thread(self._extract.close)

    async def _step(self, stage: ExtractStage | ProjectStage, consumer: Assigned, most: int) -> bool:
        if self._fate.over:
            return False
        records = await asyncio.to_thread(consumer.records, most)
        if records:
            await stage.handle(records, consumer)
        return bool(records)

    def _all_asked(self) -> bool:
        return all(receipt.state != "pending" for receipt in self._version.scan_receipts())

    def _asking(self, model: FatedModel) -> AskStage:
        at_once = WindowPolicy(idle=timedelta(0))
        return AskStage(
            self._tenures, model, nothing, at_once, clock=now, concurrency=2, backoff=Backoff(0.001, 0.002)
        )


def in_capitals(row: Living) -> dict[str, tuple[int, str, str]]:
    """The facts of a row as the scripted model finds them."""
    text = row.content.upper()
    return {} if row.suppressed else {point_id(row.id, fact_hash(text)): (row.id, row.user_id, text)}


def living(row: Row) -> Living:
    suppressed = None if row.suppressed is None else json.dumps(row.suppressed)
    return Living(row.id, row.user_id, row.conversation_id, row.role, row.content, suppressed, row.revision)


def as_it_was_told(record: FactsRecord) -> FactsRecord:
    """A record without when it was learned."""
    return record.model_copy(update={"learned_at": None})


def stored(version: FiledVersion) -> Stored:
    memories = {memory.id: memory for memory in version.scan()}
    return Stored(memories, {each.message_id: each for each in version.scan_receipts()}, {})


def consumer_of(settings: ConsumerSettings, group: str) -> Consumer:
    return Consumer(
        settings.client()
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
        }
    )


@dataclass(frozen=True, slots=True)
class History:
    """A partition's messages, and what a line of consumers makes of them."""

    partition: int
    settings: ConsumerSettings
    messages: Messages
    chance: Random
    version: FiledVersion
    model: ScriptedModel | None

    async def lived(self, lives: int) -> list[str]:
        """So many lives, and one that nothing happens to. Returns where they were struck."""
        struck: list[str] = []
        with (
            closing(consumer_of(self.settings, names.extract_group("v1"))) as messages,
            closing(consumer_of(self.settings, names.project_group("v1"))) as facts,
        ):
            for _ in range(lives):
                await asyncio.to_thread(self.messages.go_on, self.chance.randrange(10))
                if self.chance.random() < _LEDGER_LOST:
                    shutil.rmtree(self.settings.home / "ledger", ignore_errors=True)
                fate = Fate(self.chance.randrange(1, 12), ends=self.chance.random() < _ENDS)
                await self._live(fate, messages, facts)
                struck += [fate.at] if fate.at else []
            await self._live(Fate(0, ends=False), messages, facts)
        return struck

    async def _live(self, fate: Fate, messages: Consumer, facts: Consumer) -> None:
        life = Life(self.settings, self.partition, self.version, self.model, fate)
        await life.live(messages, facts, iter(lambda: self.chance.randrange(1, 30), None))


def history(settings: ConsumerSettings, logs: Logs, chance: Random, partition: int, *, asks: bool) -> History:
    """A history that has not begun."""
    lot = Random(chance.random())  # noqa: S311  crash points, not secrets
    return History(
        partition,
        settings.model_copy(update={"home": settings.home / str(partition)}),
        Messages(logs, users_of(partition, 2), lot),
        lot,
        FakeStore().create("v1"),
        ScriptedModel() if asks else None,
    )


async def all_lived(histories: Sequence[History], lives: int) -> list[str]:
    """Side by side, so many lives in all."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    each = -(-lives // len(histories))
    struck = await asyncio.gather(*(one.lived(each) for one in histories))
    return [point for of_one in struck for point in of_one]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What a crash point raises was not foreseen, and is logged each time."""
    caplog.set_level(logging.CRITICAL, "memory_consumer")


@pytest.mark.timeout(0)
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("asks", [False, True], ids=["offline", "model"])
def test_wherever_a_consumer_crashes_the_store_ends_as_the_fold_of_the_events(
    settings: ConsumerSettings, logs: Logs, chance: Random, pytestconfig: pytest.Config, *, asks: bool
) -> None:
    lives = pytestconfig.getoption("--lives")
    histories = [history(settings, logs, chance, partition, asks=asks) for partition in range(names.PARTITIONS)]
    struck = asyncio.run(all_lived(histories, lives))

    for each in histories:
        rows = [living(row) for row in each.messages.rows.values()]
        assert_is_the_fold(stored(each.version), rows, in_capitals if asks else offline_facts)
    assert_written_once_and_in_order(logs.all_facts(), as_it_was_told)
    assert logs.read(names.DEAD_LETTERS, range(names.PARTITIONS)) == []
    print(f"{len(struck)} of {lives} lives were struck:", *sorted(Counter(struck).items()), sep="\n  ")  # noqa: T201
    assert len(struck) > lives / 2
