"""The project stage on a real broker: facts records become memories and receipts, and none is passed over."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from confluent_kafka.admin import AdminClient

from memory_consumer import names
from memory_consumer.records import dead_letters
from memory_consumer.records.facts import FactsRecord
from memory_consumer.settings import ConsumerSettings
from memory_store.errors import Unavailable
from memory_store.fake import FakeStore
from memory_store.models import Filing, Memory, Profile, Receipt, Vectors, point_id
from memory_store.version import FiledVersion
from tests.support import events
from tests.support.deadline import eventually
from tests.support.events import Row, learned
from tests.support.logs import ALICE, FACTS, Logs, eventually_read, project_all, projecting

GROUP = names.project_group("v1")
EVERYWHERE = range(names.PARTITIONS)

BREAD = Row(1, "I bake bread.")
YEARS = Row(2, "I have done so for 8 years.")


@pytest.fixture
def version() -> FiledVersion:
    return FakeStore().create("v1")


class CutOff:
    """The way to a version, which can be cut; notes what got through."""

    def __init__(self, version: FiledVersion) -> None:
        self._version = version
        self.cut = False
        self.refused = 0
        self.memories: list[int] = []

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        if self.cut:
            self.refused += 1
            raise Unavailable("The store is away.")
        self._version.apply(filings, vectors)
        self.memories.append(len(vectors.text))

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        self._version.apply_profiles(profiles)


def state(version: FiledVersion) -> tuple[list[Memory], list[Receipt]]:
    return list(version.scan()), list(version.scan_receipts())


def texts(version: FiledVersion) -> list[str]:
    return [memory.text for memory in version.filed_under(range(1, 100))]


def as_many_users(start: int) -> list[FactsRecord]:
    return [learned(Row(start + n, "I like tea.", user_id=f"user {n}")) for n in range(40)]


def test_a_facts_record_becomes_its_memories_and_a_receipt(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    record = learned(YEARS, "I bake.", "For 8 years.", before=BREAD)
    logs.learn(record)
    project_all(settings, version, until=1)

    [receipt] = version.receipts([2]).values()
    assert (receipt.revision, receipt.state, receipt.facts, receipt.facts_offset) == (
        YEARS.revision,
        "learned",
        2,
        0,
    )
    assert texts(version) == ["I bake.", "For 8 years."] or texts(version) == ["For 8 years.", "I bake."]
    assert {memory.id for memory in version.filed_under([2])} == {point_id(2, fact.hash) for fact in record.facts}


def test_a_memory_is_embedded_with_the_turn_before_it(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.learn(learned(BREAD))
    logs.learn(learned(YEARS, before=BREAD))
    project_all(settings, version, until=2)

    [first], [second] = version.filed_under([1]), version.filed_under([2])
    vectors = version.vectors_of([first.id, second.id])
    assert vectors[first.id][0] == vectors[first.id][1]
    assert vectors[second.id][0] != vectors[second.id][1]


LATER = [
    (learned(BREAD.edited(content="I sell flowers.")), ["I sell flowers."]),
    (learned(BREAD, state="deleted"), []),
    (learned(BREAD.edited(suppressed="all")).model_copy(update={"facts": ()}), []),
    (learned(BREAD, state="dead"), []),
]


@pytest.fixture(params=LATER, ids=["edited", "deleted", "suppressed", "dead"])
def later(request: pytest.FixtureRequest) -> tuple[FactsRecord, list[str]]:
    """A later record of the same message, and what is to remain."""
    found: tuple[FactsRecord, list[str]] = request.param
    return found


def test_a_later_record_replaces_what_was_filed(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion, later: tuple[FactsRecord, list[str]]
) -> None:
    record, remaining = later
    logs.learn(learned(BREAD))
    project_all(settings, version, until=1)
    logs.learn(record)
    project_all(settings, version, until=1)

    assert texts(version) == remaining
    assert version.receipts([1])[1].state == record.state


def test_the_latest_record_of_a_batch_counts(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion, later: tuple[FactsRecord, list[str]]
) -> None:
    record, remaining = later
    logs.learn(learned(BREAD))
    logs.learn(record)
    project_all(settings, version, until=2)

    assert texts(version) == remaining
    assert version.receipts([1])[1].state == record.state


def test_records_without_facts_leave_a_receipt(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.learn(learned(BREAD).model_copy(update={"facts": ()}))
    logs.learn(learned(YEARS, state="dead"))
    project_all(settings, version, until=2)

    assert version.count() == 0
    assert [(r.message_id, r.state, r.facts) for r in version.scan_receipts()] == [
        (1, "learned", 0),
        (2, "dead", 0),
    ]


def test_offsets_are_held_while_the_store_is_away_and_nothing_is_lost_when_it_is_back(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for number in range(1, 21):
        logs.learn(learned(Row(number, f"I like number {number}.")))

    async def run() -> None:
        way = CutOff(version)
        way.cut = True
        async with projecting(settings, way) as stage:
            await eventually(lambda: way.refused >= 3)
            assert stage.report.waiting_for == "The store is away."
            assert logs.committed(GROUP, FACTS) == [-1001]
            way.cut = False
            await eventually(lambda: stage.report.events == 20 and stage.report.waiting_for is None)

    asyncio.run(run())
    assert len(version.receipts(range(1, 21))) == version.count() == 20
    assert logs.committed(GROUP, FACTS) == [20]


def test_a_stop_while_the_store_is_away_commits_nothing(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.learn(learned(BREAD))

    async def run() -> None:
        way = CutOff(version)
        way.cut = True
        async with projecting(settings, way):
            await eventually(lambda: way.refused)

    asyncio.run(run())
    assert logs.committed(GROUP, FACTS) == [-1001]
    project_all(settings, version, until=1)
    assert texts(version) == [BREAD.content]


UNREADABLE = [
    (events.key(7), b'{"message_id": 7, "facts": "my secret"}'),
    (events.key(8), b"my secret \xff"),
    (b"my key", b"{}"),
    (events.key(9), learned(Row(10, "my secret")).model_dump_json().encode()),
]


def test_an_unreadable_facts_record_is_set_aside_and_stops_nothing(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for key, value in UNREADABLE:
        logs.write(key, value, topic=FACTS)
    logs.learn(learned(BREAD))
    stage = project_all(settings, version, until=5)

    assert texts(version) == [BREAD.content]
    assert stage.report.dead == len(UNREADABLE)
    assert logs.committed(GROUP, FACTS) == [5]


def test_a_dead_letter_of_projecting_tells_cause_and_place_and_never_the_text(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for key, value in UNREADABLE:
        logs.write(key, value, topic=FACTS)
    project_all(settings, version, until=4)

    letters = logs.read(names.DEAD_LETTERS)
    told = [json.loads(letter.value() or b"") for letter in letters]
    assert [letter.key() for letter in letters] == [
        dead_letters.letter_key(key, "project") for key, _ in UNREADABLE
    ]
    assert [(each["topic"], each["partition"], each["offset"]) for each in told] == [
        (FACTS, ALICE, offset) for offset in range(4)
    ]
    assert all(each["cause"] and each["stage"] == "project" for each in told)
    assert "my secret" not in json.dumps(told)


def test_sweep_records_are_passed_over(settings: ConsumerSettings, logs: Logs, version: FiledVersion) -> None:
    logs.write(b'{"sweep": 1}', b"{}", topic=FACTS)
    stage = project_all(settings, version, until=1)

    assert (stage.report.dead, stage.report.written, state(version)) == (0, 0, ([], []))


def test_a_record_delivered_twice_changes_nothing(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for record in (learned(BREAD), learned(YEARS), learned(BREAD.edited(content="Flowers."))):
        logs.learn(record)
    project_all(settings, version, until=3)
    before = state(version)
    admin = AdminClient(settings.client())
    admin.delete_consumer_groups([GROUP])[GROUP].result(30)
    project_all(settings, version, until=3)

    assert state(version) == before
    assert len(before[0]) == 2


def test_a_batch_over_many_partitions_is_committed_in_each(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for record in as_many_users(1):
        logs.learn(record)
    project_all(settings, version, until=40)

    written = [len(logs.read(FACTS, [partition])) for partition in EVERYWHERE]
    assert min(written) > 0
    assert logs.committed(GROUP, FACTS, EVERYWHERE) == written
    assert len(version.receipts(range(1, 41))) == 40


def test_commits_survive_a_rebalance(settings: ConsumerSettings, logs: Logs, version: FiledVersion) -> None:
    async def run() -> None:
        async with projecting(settings, version) as first:
            await eventually(lambda: first.report.owned == names.PARTITIONS)
            async with projecting(settings, version) as second:
                for start in range(1, 401, 40):
                    for record in as_many_users(start):
                        await asyncio.to_thread(logs.learn, record)
                await eventually(lambda: first.report.owned + second.report.owned == names.PARTITIONS)
                await eventually_read(lambda: sum(logs.committed(GROUP, FACTS, EVERYWHERE)) == 400)
                assert first.report.waiting_for is second.report.waiting_for is None

    asyncio.run(run())
    assert len(version.receipts(range(1, 401))) == 400


def test_a_batch_of_long_messages_is_filed_in_parts_so_that_kafka_is_polled_in_time(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    for number in range(1, 7):
        logs.learn(learned(Row(number, ""), *(f"Fact {fact} of message {number}." for fact in range(100))))
    way = CutOff(version)
    project_all(settings, way, until=6)

    assert max(way.memories) == 300
    assert version.count() == 600
    assert logs.committed(GROUP, FACTS) == [6]
