"""Topics that could lose data are refused, with a sentence that says what to do (design rule 11)."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from memory_consumer import names
from memory_consumer.errors import LostRecords, Refused, Transient
from memory_consumer.kafka import topics
from memory_consumer.settings import ConsumerSettings
from tests.support.logs import FACTS
from tests.support.services import delete_topics, free_ports, set_topic

LOGS = (names.MESSAGES, FACTS, names.DEAD_LETTERS, names.CONTROL)
COMPACTED = {"cleanup.policy": ("delete", "compact,delete"), "retention.ms": ("604800000",)}
HARMLESS = {
    "segment.ms": "604800000",
    "max.compaction.lag.ms": "604800000",
    "file.delete.delay.ms": "60000",
    "max.message.bytes": "1048588",
}
KEPT = {"cleanup.policy": ("compact",), "retention.ms": ("604800000",), "retention.bytes": ("1000000",)}
LOSING = [(topic, name, value) for topic in LOGS for name, values in COMPACTED.items() for value in values] + [
    (topic, name, value)
    for topic in (names.SIGNAL, names.SCHEMA_HISTORY)
    for name, values in KEPT.items()
    for value in values
]


@pytest.fixture(scope="module")
def settings(broker: ConsumerSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsumerSettings]:
    made = broker.model_copy(update={"home": tmp_path_factory.mktemp("home")})
    topics.ensure(made)
    yield made
    delete_topics(broker)


def test_topics_that_were_made_here_are_accepted_at_every_start(settings: ConsumerSettings) -> None:
    topics.ensure(settings)


@pytest.mark.parametrize(("topic", "name", "value"), LOSING)
def test_a_setting_that_could_lose_data_is_refused_with_what_to_do(
    settings: ConsumerSettings, topic: str, name: str, value: str
) -> None:
    set_topic(settings, topic, name, value)
    with pytest.raises(Refused, match="Data could be lost, or not erased"):
        topics.check(settings)

    with pytest.raises(LostRecords) as refusal:
        topics.ensure(settings)

    assert topic in str(refusal.value)
    assert f"{name}={value}" in str(refusal.value)
    assert "oboegaki verify --repair" in str(refusal.value)
    # What it says can be followed: nothing more is lost, and the next start goes on.
    assert topics_config(settings, topic)[name] == configured(settings, topic)[name]
    topics.ensure(settings)


@pytest.mark.parametrize("topic", LOGS)
@pytest.mark.parametrize(("name", "value"), HARMLESS.items())
def test_a_setting_that_throws_nothing_away_is_set_back_and_told(
    settings: ConsumerSettings, caplog: pytest.LogCaptureFixture, topic: str, name: str, value: str
) -> None:
    set_topic(settings, topic, name, value)

    topics.ensure(settings)

    assert configured(settings, topic)[name] == topics_config(settings, topic)[name]
    [line] = [record.getMessage() for record in caplog.records if record.name == "memory_consumer.kafka.topics"]
    assert topic in line
    assert f"{name}={value}" in line


def test_several_settings_are_set_back_at_once_and_only_those_that_lose_are_refused(
    settings: ConsumerSettings,
) -> None:
    set_topic(settings, FACTS, "segment.ms", "604800000")
    set_topic(settings, FACTS, "retention.ms", "604800000")
    set_topic(settings, names.MESSAGES, "cleanup.policy", "delete")

    with pytest.raises(LostRecords) as refusal:
        topics.ensure(settings)

    assert "retention.ms=604800000" in str(refusal.value)
    assert "cleanup.policy=delete" in str(refusal.value)
    assert "segment.ms" not in str(refusal.value)
    topics.check(settings)


def configured(settings: ConsumerSettings, topic: str) -> dict[str, str | None]:
    asked = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient(settings.client())
    found = admin.describe_configs([asked])[asked].result(30)
    return {name: entry.value for name, entry in found.items()}


def topics_config(settings: ConsumerSettings, topic: str) -> dict[str, str]:
    return next(dict(spec.config) for spec in topics.specs(settings) if spec.name == topic)


def test_another_promise_for_erased_text_is_kept_from_the_next_start_on(settings: ConsumerSettings) -> None:
    other = settings.model_copy(update={"erased_within": settings.erased_within * 2})

    topics.ensure(other)

    assert configured(settings, FACTS)["segment.ms"] == "43200000"
    topics.check(other)
    topics.ensure(settings)
    topics.check(settings)


def test_erased_text_is_compacted_within_three_quarters_of_the_promise(settings: ConsumerSettings) -> None:
    config = topics_config(settings, names.MESSAGES)

    assert int(config["segment.ms"]) + int(config["max.compaction.lag.ms"]) == 18 * 3600 * 1000


def test_another_number_of_partitions_is_refused_with_what_to_do(
    kafka: ConsumerSettings, settings: ConsumerSettings
) -> None:
    topics.ensure(settings)
    admin = AdminClient(settings.client())
    for future in admin.create_partitions([NewPartitions(FACTS, names.PARTITIONS + 1)]).values():
        future.result(30)

    with pytest.raises(Refused, match=rf"{FACTS} has 13 partitions instead of 12.*OBOEGAKI_FACTS_VERSION"):
        topics.ensure(settings)
    assert kafka.kafka == settings.kafka
    # What it says can be followed.
    topics.ensure(settings.model_copy(update={"facts_version": "v2"}))


def test_a_kafka_that_is_away_is_no_refusal(settings: ConsumerSettings) -> None:
    [port] = free_ports(1)
    away = settings.model_copy(update={"kafka": f"127.0.0.1:{port}"})

    with pytest.raises(Transient):
        topics.ensure(away)
