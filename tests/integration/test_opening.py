"""Where learning begins: a new or a lost store is filled from the beginning, a known one goes on."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from memory_consumer import names, opening, topics
from memory_consumer.errors import Refused
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import FakeStore
from memory_store.port import MemoryVersion

GROUP = names.project_group("v1")


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> ConsumerSettings:
    return ConsumerSettings(kafka=kafka, home=tmp_path)


def opened(settings: ConsumerSettings, store: FakeStore, extractor: str = "offline-1") -> MemoryVersion:
    return opening.open_version(settings, store, store_name="embedded", extractor=extractor, embedder="hash-64")


def commit(settings: ConsumerSettings, offset: int) -> None:
    consumer = Consumer(settings.client() | {"group.id": GROUP})
    consumer.commit(offsets=[TopicPartition(names.facts_log("v1"), 0, offset)], asynchronous=False)
    consumer.close()


def committed(settings: ConsumerSettings) -> int:
    admin = AdminClient(settings.client())
    asked = ConsumerGroupTopicPartitions(GROUP, [TopicPartition(names.facts_log("v1"), 0)])
    [found] = admin.list_consumer_group_offsets([asked]).values()
    [place] = found.result(30).topic_partitions or []
    return int(place.offset)


def test_the_first_start_makes_topics_and_a_live_version(settings: ConsumerSettings) -> None:
    store = FakeStore()
    version = opened(settings, store)

    topics.check(settings)
    assert store.live().name == version.name == "v1"


def test_a_known_store_goes_on_where_it_was(settings: ConsumerSettings) -> None:
    store = FakeStore()
    opened(settings, store)
    commit(settings, 5)
    opened(settings, store)

    assert committed(settings) == 5


def test_a_lost_store_is_filled_from_the_beginning_of_the_log(settings: ConsumerSettings) -> None:
    opened(settings, FakeStore())
    commit(settings, 5)
    opened(settings, FakeStore())

    assert committed(settings) < 0


def test_a_stop_before_the_version_went_live_begins_again(settings: ConsumerSettings) -> None:
    store = FakeStore()
    topics.ensure(settings)
    store.create("v1")
    commit(settings, 5)
    opened(settings, store)

    assert committed(settings) < 0
    assert store.live().name == "v1"


def test_another_extractor_is_refused_for_what_was_built_with_this_one(settings: ConsumerSettings) -> None:
    store = FakeStore()
    opened(settings, store)

    with pytest.raises(Refused, match=r"offline-1 .* offline-2"):
        opened(settings, store, extractor="offline-2")
