"""What happens before learning starts."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from memory_consumer import control, names
from memory_consumer.errors import Refused
from memory_consumer.opening import open_version
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore
from memory_store.port import MemoryVersion
from tests.support.deadline import wait_until
from tests.support.events import Row, learned
from tests.support.logs import FACTS, Logs, project_all
from tests.support.services import delete_topics

GROUP = names.project_group("v1")


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> ConsumerSettings:
    return ConsumerSettings(kafka=kafka, home=tmp_path)


def opened(settings: ConsumerSettings, store: FakeStore, embedder: str = "hash-64") -> MemoryVersion:
    return open_version(settings, store, store_name="fake", extractor="offline-1", embedder=embedder)


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


def test_a_start_that_stopped_before_the_version_was_live_begins_there_again(settings: ConsumerSettings) -> None:
    store = FakeStore()
    made = store.create("v1")
    opened(settings, store)

    assert store.live() is made


def test_another_embedder_is_refused_before_the_store_is_touched(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore())
    store = FakeStore()

    with pytest.raises(Refused, match="other-64"):
        opened(settings, store, embedder="other-64")
    assert store.versions() == []


def test_a_store_that_was_filled_from_a_log_that_is_gone_is_refused_until_it_is_moved_away(
    settings: ConsumerSettings, broker: str
) -> None:
    store = FakeStore()
    opened(settings, store)
    delete_topics(broker)

    with pytest.raises(Refused, match=r"filled from a facts log .* Move .*store away"):
        opened(settings, store)
    assert opened(settings, FakeStore()).name == "v1"


def test_a_lost_store_is_filled_again_although_the_log_was_made_anew(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore())
    admin = AdminClient(settings.client())
    for future in admin.delete_topics([names.facts_log("v1")]).values():
        future.result(30)
    wait_until(lambda: names.facts_log("v1") not in admin.list_topics(timeout=10).topics)
    store = FakeStore()
    opened(settings, store)

    assert opened(settings, store).name == "v1"
