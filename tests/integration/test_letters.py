"""What fails and nobody thought of why: one record is set aside, the others go on (design rule 9)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_consumer import names
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.learning.extractor import Extractor, Passage
from memory_consumer.letters import redriving
from memory_consumer.partition import partition_of
from memory_consumer.records.cdc import MessageRow
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.attempts import MOST_IN_A_ROW, MOST_TRIES
from memory_consumer.stages.retry import LIVE
from memory_store.errors import Refused
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import Filing, Profile, Vectors
from memory_store.version import FiledVersion
from tests.support import events
from tests.support.deadline import eventually
from tests.support.events import Row, learned
from tests.support.logs import ALICE, FACTS, Logs, eventually_read, learning, project_all, projecting

EXTRACT, PROJECT = names.extract_group("v1"), names.project_group("v1")
POISON = "my secret poison"
#: Users of Alice's partition.
IN_ALICES = [user for user in map(str, range(1000)) if partition_of(user) == ALICE][:3]


@pytest.fixture
def version() -> FiledVersion:
    return FakeStore().create("v1")


def tripping(trips: Callable[[MessageRow], bool]) -> Extractor:
    """An extractor with a bug."""

    def extract(row: MessageRow) -> tuple[Passage, ...]:
        if trips(row):
            raise ValueError(row.content)
        return EXTRACTOR.extract(row)

    return replace(EXTRACTOR, extract=extract)


TRIPS = tripping(lambda row: "poison" in row.content)


def learn(settings: ConsumerSettings, until: int, extractor: Extractor = EXTRACTOR) -> None:
    async def run() -> None:
        async with learning(settings, extractor) as stage:
            await eventually(lambda: stage.report.events >= until)

    asyncio.run(run())


def states(logs: Logs) -> dict[int, str]:
    return {record.message_id: record.state for record in logs.all_facts()}


def test_a_poison_message_is_set_aside_with_its_cause_and_never_blocks_another_user(
    settings: ConsumerSettings, logs: Logs
) -> None:
    for number in range(20):
        logs.say(POISON if number == 7 else "I like tea.", user_id="alice" if number == 7 else "ecila")
    learn(settings, 20, TRIPS)

    assert [each for each, state in states(logs).items() if state == "dead"] == [8]
    assert len(states(logs)) == 20
    [letter] = logs.standing()
    assert (letter.message_id, letter.user_id, letter.stage, letter.tries) == (8, "alice", "extract", MOST_TRIES)
    assert (letter.topic, letter.partition, letter.offset) == (names.MESSAGES, ALICE, 7)
    assert letter.cause.startswith("ValueError at test_letters.py:")
    assert logs.committed(EXTRACT, names.MESSAGES) == [20]


def test_what_was_said_before_a_poison_is_learned_before_its_tries_are_over(
    settings: ConsumerSettings, logs: Logs
) -> None:
    for number in range(20):
        logs.say("I like tea." if number < 19 else POISON, user_id="ecila")

    async def run() -> None:
        async with learning(settings, TRIPS, LIVE) as stage:
            await eventually(lambda: stage.report.waiting_for)
            assert stage.report.events == 19
            await eventually(lambda: stage.report.events == 20 and stage.report.waiting_for is None)

    asyncio.run(run())


def test_no_word_of_a_poison_is_in_its_letter_or_in_a_log(
    settings: ConsumerSettings, logs: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    logs.say(POISON)
    learn(settings, 1, TRIPS)

    assert "ValueError at test_letters.py" in caplog.text
    assert POISON not in caplog.text
    assert POISON not in str(logs.standing())
    assert POISON.encode() not in b"".join(m.value() or b"" for m in logs.read(FACTS))


def test_a_record_too_large_for_kafka_is_set_aside_alone_and_the_others_of_its_partition_go_on(
    settings: ConsumerSettings, logs: Logs
) -> None:
    def extract(row: MessageRow) -> tuple[Passage, ...]:
        size = names.MAX_RECORD_BYTES if "poison" in row.content else 1
        return (Passage("x" * size),)

    for number in range(5):
        logs.say(POISON if number == 2 else "I like tea.", user_id="alice" if number == 2 else "ecila")
    learn(settings, 5, replace(EXTRACTOR, extract=extract))

    assert [each for each, state in states(logs).items() if state == "dead"] == [3]
    assert list(states(logs).values()).count("learned") == 4
    [letter] = logs.standing()
    assert (letter.message_id, letter.user_id, letter.tries) == (3, "alice", MOST_TRIES)
    assert letter.cause == "A record is too large for Kafka."
    assert logs.committed(EXTRACT, names.MESSAGES) == [5]


def edit(logs: Logs, row: Row) -> str:
    logs.change(row.edited(content="I like tea."), "u")
    return "learned"


def remove(logs: Logs, row: Row) -> str:
    logs.remove(row)
    return "deleted"


@pytest.mark.parametrize("overtake", [edit, remove])
@pytest.mark.parametrize("garbled", [False, True])
def test_a_letter_that_is_overtaken_is_taken_back_in_the_transaction_that_overtakes_it(
    settings: ConsumerSettings, logs: Logs, overtake: Callable[[Logs, Row], str], garbled: bool
) -> None:
    row = Row(logs.next_id(), POISON)
    if garbled:
        logs.write(events.key(row.id), b"{}")
    else:
        logs.change(row)
    learn(settings, 1, TRIPS)
    before = logs.standing()
    state = overtake(logs, row)
    learn(settings, 1, TRIPS)

    assert [letter.message_id for letter in before] == [row.id]
    assert (states(logs), logs.standing()) == ({row.id: state}, [])
    tombstone = logs.read(names.DEAD_LETTERS)[-1]
    assert (tombstone.key(), tombstone.value()) == (events.key(row.id), None)


def test_a_bad_release_stops_instead_of_setting_everything_aside(settings: ConsumerSettings, logs: Logs) -> None:
    for number in range(100):
        logs.write(events.key(logs.next_id()), b"{}", partition=number % 2)

    async def run() -> None:
        async with learning(settings) as stage:
            told = "stopped: too many records were set aside ("
            await eventually(lambda: (stage.report.waiting_for or "").startswith(told))
            assert stage.report.stopped
            # Partitions that are learned side by side hear of each other's a moment later.
            assert stage.report.dead < 2 * MOST_IN_A_ROW

    asyncio.run(run())
    assert sum(logs.committed(EXTRACT, names.MESSAGES, [0, 1])) == len(logs.standing())


def test_a_stage_that_stopped_goes_on_where_it_stood_once_it_is_started_again(
    settings: ConsumerSettings, logs: Logs
) -> None:
    for number in range(60):
        logs.say(POISON, user_id=IN_ALICES[number % 3])

    async def run() -> None:
        async with learning(settings, tripping(lambda _: True)) as stage:
            await eventually(lambda: stage.report.stopped)

    asyncio.run(run())
    learn(settings, 60 - MOST_IN_A_ROW)

    assert list(states(logs).values()).count("learned") == 60 - MOST_IN_A_ROW


def test_replies_that_cannot_fail_do_not_keep_a_bad_release_going(settings: ConsumerSettings, logs: Logs) -> None:
    for number in range(2 * MOST_IN_A_ROW):
        for role in ("user", "assistant", "assistant"):
            logs.say("Any text.", role=role, user_id=IN_ALICES[number % 3])
    trips = tripping(lambda row: row.role == "user")

    async def run() -> None:
        async with learning(settings, trips) as stage:
            await eventually(lambda: stage.report.stopped or stage.report.events == 6 * MOST_IN_A_ROW)
            assert (stage.report.stopped, stage.report.dead) == (True, MOST_IN_A_ROW)

    asyncio.run(run())


def test_one_users_poison_does_not_stop_learning_for_everybody(settings: ConsumerSettings, logs: Logs) -> None:
    count = MOST_IN_A_ROW + 5
    rows = [logs.say("I like tea.") for _ in range(count)]
    for row in rows:
        logs.write(events.key(row.id), b"{}")
    logs.say("I like tea.", user_id="ecila")
    learn(settings, 2 * count + 1)

    assert states(logs) == {row.id: "dead" for row in rows} | {count + 1: "learned"}
    assert {letter.user_id for letter in logs.standing()} == {"alice"}


def test_a_partition_that_cannot_be_opened_is_no_fault_of_its_records(
    settings: ConsumerSettings, logs: Logs
) -> None:
    (settings.home / "ledger").mkdir(parents=True)
    (settings.home / "ledger" / "v1").write_text("no folder")
    logs.say("I like tea.")

    async def run() -> None:
        async with learning(settings) as stage:
            await eventually(lambda: "ledger" in (stage.report.waiting_for or ""))
            assert stage.report.dead == 0
            (settings.home / "ledger" / "v1").unlink()
            await eventually(lambda: stage.report.events == 1)

    asyncio.run(run())
    assert (states(logs), logs.standing()) == ({1: "learned"}, [])


class Choosy:
    """A version that refuses some messages' memories."""

    def __init__(self, version: FiledVersion, *refused: int) -> None:
        self._version = version
        self._refused = refused
        self.tries = 0

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        if any(each.receipt.message_id in self._refused and each.memories for each in filings):
            self.tries += 1
            raise Refused(POISON)
        self._version.apply(filings, vectors)

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        self._version.apply_profiles(profiles)


def test_a_record_that_the_store_refuses_is_set_aside_alone(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for number in range(1, 21):
        logs.learn(learned(Row(number, f"I like number {number}.", user_id="alice" if number == 8 else "ecila")))
    project_all(settings, Choosy(version, 8), until=20)

    assert {receipt.message_id for receipt in version.scan_receipts() if receipt.state == "dead"} == {8}
    assert version.count() == 19
    [letter] = logs.standing()
    assert (letter.message_id, letter.user_id, letter.stage, letter.tries) == (8, "alice", "project", MOST_TRIES)
    assert letter.cause.startswith("Refused at ")
    assert POISON not in str(letter)
    assert logs.committed(PROJECT, FACTS) == [20]


class Tripping(HashEmbedder):
    """An embedder with a bug."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("poison" in text for text in texts):
            raise ValueError(texts)
        return super().passages(texts)


def test_a_record_that_cannot_be_embedded_is_set_aside_alone(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for number in range(1, 21):
        logs.learn(learned(Row(number, POISON if number == 8 else f"I like number {number}.")))

    async def run() -> None:
        async with projecting(settings, version, Tripping()) as stage:
            await eventually(lambda: stage.report.events == 20)

    asyncio.run(run())
    assert version.count() == 19
    assert [letter.message_id for letter in logs.standing()] == [8]


class Refusing(HashEmbedder):
    """An embedder whose server refuses whatever it is asked, as with a wrong key, until it is mended."""

    mended = False
    asked = 0

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += 1
        if not self.mended:
            raise Refused("The server refuses the key.")
        return super().passages(texts)


def test_an_embedder_that_refuses_everything_is_no_fault_of_the_records(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.learn(learned(Row(1, "I like tea.")))
    embedder = Refusing()

    async def run() -> None:
        async with projecting(settings, version, embedder) as stage:
            await eventually(lambda: embedder.asked > MOST_TRIES + 2)
            assert stage.report.waiting_for == "The server refuses the key."
            embedder.mended = True
            await eventually(lambda: stage.report.events == 1)

    asyncio.run(run())
    assert (version.count(), logs.standing()) == (1, [])


def test_what_project_set_aside_is_taken_back_once_it_is_filed(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.learn(learned(Row(1, "I like tea.")))
    project_all(settings, Choosy(version, 1), until=1)
    before = logs.standing()
    logs.learn(learned(Row(1, "I like coffee.")))
    project_all(settings, version, until=1)

    assert [letter.message_id for letter in before] == [1]
    assert logs.standing() == []


def test_what_project_set_aside_is_filed_when_it_is_redriven(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.say("I like tea.")
    learn(settings, 1)
    project_all(settings, Choosy(version, 1), until=2)
    redriving.redrive(settings, logs.standing())
    learn(settings, 1)
    project_all(settings, version, until=1)

    assert [memory.text for memory in version.filed_under([1])] == ["I like tea."]
    assert logs.standing() == []


def test_a_facts_log_of_which_nothing_can_be_read_stops_the_stage(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for number in range(1, 2 * MOST_IN_A_ROW):
        logs.write(events.key(number), b"{}", topic=FACTS)

    async def run() -> None:
        async with projecting(settings, version) as stage:
            await eventually_read(lambda: stage.report.stopped)
            assert stage.report.dead == MOST_IN_A_ROW

    asyncio.run(run())
    assert logs.committed(PROJECT, FACTS) == [MOST_IN_A_ROW]
