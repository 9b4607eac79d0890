"""What happens before learning starts."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka.admin import AdminClient

from memory_consumer import control, names
from memory_consumer.errors import Refused, Transient
from memory_consumer.opening import open_version, version_so_far
from memory_consumer.settings import ConsumerSettings
from memory_consumer.threads import in_thread
from memory_store.fake import FakeStore
from memory_store.models import Layout
from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import said
from tests.contract.stores import embedded, server_in_memory
from tests.support.deadline import eventually, wait_until
from tests.support.events import Row, learned
from tests.support.logs import FACTS, Logs, learn_all, project_all, projecting
from tests.support.services import delete_topics


class Stopped(Exception):
    """As far as the process came."""


class StoppingAfter:
    """A store whose process ends after one of its calls."""

    def __init__(self, store: MemoryStore, call: str) -> None:
        self._store = store
        self._call = call

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the store has
        made = getattr(self._store, name)
        if name != self._call:
            return made

        def stops(*arguments: object) -> None:
            made(*arguments)
            raise Stopped

        return stops


GROUP = names.project_group("v1")


@pytest.fixture
def settings(kafka: ConsumerSettings, tmp_path: Path) -> ConsumerSettings:
    return kafka.model_copy(update={"home": tmp_path})


def opened(
    settings: ConsumerSettings,
    store: MemoryStore,
    embedder: str = "hash-64",
    *,
    extractor: str = "offline-1",
    rebuild: bool = False,
    store_name: str = "fake",
) -> MemoryVersion:
    return open_version(
        settings,
        store,
        version_so_far(settings),
        store_name=store_name,
        extractor=extractor,
        embedder=embedder,
        rebuild=rebuild,
    )


def test_the_first_start_makes_topics_a_version_that_is_live_and_its_record(settings: ConsumerSettings) -> None:
    store = FakeStore()
    version = opened(settings, store)

    assert version is store.live()
    assert control.read(settings)["v1"].state == "live"


def test_a_later_start_opens_the_version_that_is_live_and_goes_on(settings: ConsumerSettings) -> None:
    store = FakeStore()
    first = opened(settings, store)
    logs = Logs(settings)
    logs.learn(learned(Row(1, "I bake bread.")))
    project_all(settings, first, until=1)
    again = opened(settings, store)

    assert again is first
    assert logs.committed(GROUP, FACTS) == [1]


def test_a_lost_store_is_filled_from_the_beginning_of_the_facts_log(settings: ConsumerSettings) -> None:
    lost = opened(settings, FakeStore())
    Logs(settings).learn(learned(Row(1, "I bake bread.")))
    project_all(settings, lost, until=1)
    new = opened(settings, FakeStore())
    project_all(settings, new, until=1)

    assert list(new.scan()) == list(lost.scan())
    assert new.count() == 1


def revisions(version: MemoryVersion) -> dict[int, str | None]:
    return {each.message_id: each.revision for each in version.scan_receipts()}


def test_what_moves_to_a_server_is_filled_from_the_facts_log_and_nothing_is_lost(
    settings: ConsumerSettings, tmp_path: Path
) -> None:
    """The server in qdrant-client's local mode, as none comes with the packages."""
    rows = [Row(1, "I bake bread."), Row(2, "I sell flowers.")]
    with embedded(tmp_path) as small, server_in_memory(tmp_path) as large:
        before = opened(settings, small, store_name="embedded")
        logs = Logs(settings)
        for row in rows:
            logs.learn(learned(row))
        project_all(settings, before, until=2)
        after = opened(settings, large, store_name="server")
        project_all(settings, after, until=2)

        assert [(each.id, each.text) for each in after.scan()] == [(each.id, each.text) for each in before.scan()]
        assert revisions(after) == revisions(before)
        assert after.count() == 2


def test_a_store_that_was_left_for_another_is_refused_until_it_is_filled_anew(
    settings: ConsumerSettings, tmp_path: Path
) -> None:
    with embedded(tmp_path) as small, server_in_memory(tmp_path) as large:
        opened(settings, small, store_name="embedded")
        moved = opened(settings, large, store_name="server")
        Logs(settings).learn(learned(Row(1, "I bake bread.")))
        project_all(settings, moved, until=1)
        with pytest.raises(Refused, match="`oboegaki rebuild`"):
            opened(settings, small, store_name="embedded")
        back = opened(settings, small, store_name="embedded", rebuild=True)
        project_all(settings, back, until=1)

        assert [each.text for each in back.scan()] == ["I bake bread."]


def test_another_store_that_is_empty_may_have_another_embedder(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore(), store_name="embedded")
    opened(settings, FakeStore(), "other-64", store_name="server")

    assert control.read(settings)["v1"].embedder == "other-64"


def test_a_start_that_stopped_before_the_version_was_live_begins_there_again(settings: ConsumerSettings) -> None:
    store = FakeStore()
    store.create("v1")
    version = opened(settings, store)

    assert store.live() is version


def test_another_embedder_is_refused_before_the_store_is_touched(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore())
    store = FakeStore()

    with pytest.raises(Refused, match="other-64"):
        opened(settings, store, embedder="other-64")
    assert store.versions() == []


def test_a_store_that_was_filled_from_a_log_that_is_gone_is_refused_until_it_is_moved_away(
    settings: ConsumerSettings, broker: ConsumerSettings
) -> None:
    store = FakeStore()
    opened(settings, store)
    delete_topics(broker)

    with pytest.raises(Refused, match=r"filled from a facts log .*`oboegaki rebuild`"):
        opened(settings, store)
    assert opened(settings, FakeStore()).name == "v1"


def test_a_rebuild_fills_the_memories_again_from_a_log_that_was_made_anew(
    settings: ConsumerSettings, broker: ConsumerSettings
) -> None:
    store = FakeStore()
    former = opened(settings, store)
    Logs(settings).learn(learned(Row(1, "I bake bread.")))
    project_all(settings, former, until=1)
    delete_topics(broker)

    assert opened(settings, store, rebuild=True).count() == 0
    assert opened(settings, store) is store.live()


def test_a_rebuild_files_what_was_learned_anew_and_registers_the_embedder(settings: ConsumerSettings) -> None:
    store = FakeStore()
    first = opened(settings, store)
    logs = Logs(settings)
    logs.learn(learned(Row(1, "I bake bread.")))
    project_all(settings, first, until=1)
    before = list(first.scan())
    rebuilt = opened(settings, store, "other-64", rebuild=True)
    assert (rebuilt.count(), store.live()) == (0, rebuilt)
    project_all(settings, rebuilt, until=1)

    assert list(rebuilt.scan()) == before
    assert control.read(settings)["v1"].embedder == "other-64"
    assert opened(settings, store, "other-64") is rebuilt


@pytest.mark.parametrize("call", ["retire", "create", "activate"])
def test_a_rebuild_that_stopped_anywhere_is_done_by_the_next_and_refused_without_it(
    settings: ConsumerSettings, tmp_path: Path, call: str
) -> None:
    with embedded(tmp_path) as store:
        opened(settings, store)
    other = Layout("other-64", 64)
    with embedded(tmp_path, other) as store, pytest.raises(Stopped):
        opened(settings, cast("MemoryStore", StoppingAfter(store, call)), "other-64", rebuild=True)
    with embedded(tmp_path, other) as store:
        if call == "retire":
            with pytest.raises(Refused, match="`oboegaki rebuild`"):
                opened(settings, store, "other-64")
        assert opened(settings, store, "other-64", rebuild=True).name == "v1"
    with embedded(tmp_path, other) as store:
        assert opened(settings, store, "other-64") is store.live()


def test_a_rebuild_is_refused_before_anything_is_deleted_while_somebody_files(settings: ConsumerSettings) -> None:
    store = FakeStore()
    version = opened(settings, store)
    Logs(settings).learn(learned(Row(1, "I bake bread.")))

    async def ask_meanwhile() -> None:
        async with projecting(settings, version):
            await eventually(lambda: version.count() == 1)
            with pytest.raises(Transient, match="Stop each that learns"):
                await in_thread(opened, settings, store, "other-64", rebuild=True)

    asyncio.run(ask_meanwhile())
    assert (store.live(), version.count()) == (version, 1)
    assert opened(settings, store, "other-64", rebuild=True).count() == 0


def test_another_extractor_is_refused_before_a_rebuild_deletes_anything(settings: ConsumerSettings) -> None:
    store = FakeStore()
    first = opened(settings, store)

    with pytest.raises(Refused, match="OBOEGAKI_FACTS_VERSION=v2"):
        opened(settings, store, extractor="mem0-1", rebuild=True)
    assert store.live() is first


def test_another_facts_version_learns_everything_anew_beside_the_first_and_becomes_live(
    settings: ConsumerSettings,
) -> None:
    store = FakeStore()
    first = opened(settings, store)
    logs = Logs(settings)
    logs.say("I bake bread.")
    logs.say("I moved to Lisbon.")
    learn_all(settings, until=2)
    project_all(settings, first, until=2)
    anew = settings.model_copy(update={"facts_version": "v2"})
    second = opened(anew, store, extractor="mem0-1")
    learn_all(anew, until=2)
    project_all(anew, second, until=2)

    assert store.live() is second
    assert said(second.scan()) == said(first.scan())
    assert {name: record.extractor for name, record in control.read(settings).items()} == {
        "v1": "offline-1",
        "v2": "mem0-1",
    }
    assert sorted(path.name for path in (settings.home / "ledger").iterdir()) == ["v1", "v2"]
    assert opened(anew, store, extractor="mem0-1") is second


def test_a_lost_store_is_filled_again_although_the_log_was_made_anew(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore())
    admin = AdminClient(settings.client())
    for future in admin.delete_topics([names.facts_log("v1")]).values():
        future.result(30)
    wait_until(lambda: names.facts_log("v1") not in admin.list_topics(timeout=10).topics)
    store = FakeStore()
    opened(settings, store)

    assert opened(settings, store).name == "v1"
