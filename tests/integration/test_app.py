"""Both stages together, as the process runs them: change events in, memories and receipts out."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from memory_consumer import app, names
from memory_consumer.app import Learning
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.filing.project import Fillable
from memory_consumer.kafka import topics
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import Filing, Profile, Vectors
from memory_store.version import FiledVersion
from tests.support.deadline import eventually
from tests.support.logs import FACTS, Logs, nothing
from tests.support.services import now, running_kafka, stack_settings

EVERYWHERE = range(names.PARTITIONS)


@pytest.fixture
def version() -> FiledVersion:
    return FakeStore().create("v1")


@asynccontextmanager
async def running(settings: ConsumerSettings, version: Fillable) -> AsyncIterator[Learning]:
    learning = app.build(settings, version, HashEmbedder(), now, extractor=EXTRACTOR, near=nothing)
    await learning.broker.start()
    try:
        yield learning
    finally:
        await learning.stop()


def run_until_filed(settings: ConsumerSettings, version: FiledVersion, message_ids: Sequence[int]) -> Learning:
    async def run() -> Learning:
        async with running(settings, version) as learning:
            await eventually(lambda: len(version.receipts(message_ids)) == len(message_ids))
        return learning

    return asyncio.run(run())


def test_what_was_said_edited_and_deleted_becomes_memories_and_receipts(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    bread, dog, thanks = logs.say("I bake bread."), logs.say("I have a dog."), logs.say("Thanks!")
    other = logs.say("犬を飼っています。", user_id="ハハ")
    logs.change(bread.edited(content="I sell flowers."), "u")
    logs.remove(dog)
    learning = run_until_filed(settings, version, [bread.id, dog.id, thanks.id, other.id])

    assert [(m.user_id, m.text) for m in version.filed_under(range(1, 5))] == [
        ("alice", "I sell flowers."),
        ("ハハ", "犬を飼っています。"),
    ]
    assert [r.state for r in version.scan_receipts()] == ["learned", "deleted", "learned", "learned"]
    assert (learning.extract.report.events, learning.extract.report.dead) == (6, 0)


def test_a_header_that_is_no_text_hides_no_record(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    before = logs.say("I bake bread.")
    logs.write(b'{"sweep": 1}', b"{}", headers=[("trace", b"\xff\xfe"), ("empty", None)])
    logs.write(b'{"sweep": 1}', b"{}", topic=FACTS, headers=[("trace", b"\xff\xfe")])
    after = logs.say("I have a dog.")
    run_until_filed(settings, version, [before.id, after.id])

    assert version.count() == 2


def test_records_of_a_stage_tell_what_it_owns_and_whether_it_waits(
    settings: ConsumerSettings, version: FiledVersion
) -> None:
    async def run() -> None:
        async with running(settings, version) as learning:
            reports = (learning.extract.report, learning.project.report)
            await eventually(lambda: all(report.owned == names.PARTITIONS for report in reports))
            assert [report.waiting_for for report in reports] == [None, None]
        assert [report.owned for report in reports] == [0, 0]

    asyncio.run(run())


class Halting:
    """A version that files nothing until it is let go."""

    def __init__(self, version: FiledVersion) -> None:
        self._version = version
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        self.reached.set()
        assert self.let_go.wait(60)
        self._version.apply(filings, vectors)

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        self._version.apply_profiles(profiles)


def test_a_stop_lets_the_batch_under_way_finish_and_commits_it(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    logs.say("I bake bread.")

    async def run() -> None:
        halting = Halting(version)
        learning = app.build(settings, halting, HashEmbedder(), now, extractor=EXTRACTOR, near=nothing)
        await learning.broker.start()
        await eventually(halting.reached.is_set)
        stopping = asyncio.create_task(learning.stop())
        await asyncio.sleep(0)
        halting.let_go.set()
        await stopping

    asyncio.run(run())
    assert version.count() == 1
    assert logs.committed(names.project_group("v1"), FACTS) == [2]


def test_stops_in_the_middle_lose_and_double_nothing(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion
) -> None:
    small = settings.model_copy(update={"extract_batch": 7, "project_batch": 5})
    rows = [logs.say(f"I like number {number}.", user_id=f"user {number % 5}") for number in range(300)]

    async def run_until(filed: int) -> None:
        async with running(small, version):
            await eventually(lambda: version.count() >= filed)

    for filed in (1, 60, 120):
        asyncio.run(run_until(filed))
    run_until_filed(settings, version, [row.id for row in rows])

    assert version.count() == 300
    assert sorted(record.message_id for record in logs.all_facts()) == [row.id for row in rows]


def test_learning_waits_while_kafka_is_away_and_goes_on_by_itself(tmp_path: Path, version: FiledVersion) -> None:
    stack = stack_settings(tmp_path / "kafka")

    async def run() -> None:
        with running_kafka(stack) as found:
            settings = found.model_copy(update={"home": tmp_path / "home"})
            topics.ensure(settings)
            learning = app.build(settings, version, HashEmbedder(), now, extractor=EXTRACTOR, near=nothing)
            await learning.broker.start()
            Logs(settings).say("I bake bread.")
            await eventually(lambda: version.count() == 1)
        with running_kafka(stack):
            logs = Logs(settings)
            logs.next_id()
            logs.say("I have a dog.")
            await eventually(lambda: version.count() == 2)
            await learning.stop()

    asyncio.run(run())
    assert [memory.text for memory in version.filed_under([1, 2])] == ["I bake bread.", "I have a dog."]


def test_what_was_said_is_in_no_log_of_the_process(
    settings: ConsumerSettings, logs: Logs, version: FiledVersion, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row = logs.say("The safe opens with 4711.")
    logs.write(b'{"id": 2}', b'{"op": "c", "after": {"content": "4711"}}')
    logs.write(b'{"id": 3}', b'{"message_id": 3, "facts": "4711"}', topic=FACTS)
    run_until_filed(settings, version, [row.id, 2])

    assert caplog.records
    assert "4711" not in caplog.text
