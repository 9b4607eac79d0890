"""What happens before learning starts."""

from pathlib import Path

import pytest

from memory_consumer import control, names
from memory_consumer.errors import Refused
from memory_consumer.opening import open_version
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore
from memory_store.port import MemoryVersion
from tests.support.events import Row, learned
from tests.support.logs import FACTS, Logs, project_all

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
