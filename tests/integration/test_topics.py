"""Topics that could lose data are refused, with a sentence that says what to do (design rule 11)."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from memory_consumer import names, topics
from memory_consumer.errors import Refused, Transient
from memory_consumer.settings import ConsumerSettings
from tests.support.deadline import wait_until
from tests.support.logs import FACTS
from tests.support.services import delete_topics, free_ports

LOGS = (names.MESSAGES, FACTS, names.DEAD_LETTERS, names.CONTROL)
COMPACTED = {
    "cleanup.policy": ("delete", "compact,delete"),
    "retention.ms": ("604800000",),
    "segment.ms": ("604800000",),
    "max.compaction.lag.ms": ("604800000",),
    "max.message.bytes": ("1048588",),
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


def alter(settings: ConsumerSettings, topic: str, name: str, value: str) -> None:
    """Sets a topic's setting, and waits until the broker answers with it."""
    admin = AdminClient(settings.client())
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([changed])[changed].result(30)
    asked = ConfigResource(ResourceType.TOPIC, topic)
    wait_until(lambda: admin.describe_configs([asked])[asked].result(30)[name].value == value)


def test_topics_that_were_made_here_are_accepted_at_every_start(settings: ConsumerSettings) -> None:
    topics.ensure(settings)


@pytest.mark.parametrize(("topic", "name", "value"), LOSING)
def test_a_setting_that_could_lose_data_is_refused_with_what_to_do(
    settings: ConsumerSettings, topic: str, name: str, value: str
) -> None:
    alter(settings, topic, name, value)
    try:
        with pytest.raises(Refused) as refusal:
            topics.ensure(settings)
    finally:
        alter(settings, topic, name, topics_config(settings, topic)[name])

    assert topic in str(refusal.value)
    assert f"{name}={value}" in str(refusal.value)
    assert "kafka-configs" in str(refusal.value)


def topics_config(settings: ConsumerSettings, topic: str) -> dict[str, str]:
    return next(dict(spec.config) for spec in topics.specs(settings) if spec.name == topic)


def test_another_promise_for_erased_text_needs_the_topics_to_be_set_so(settings: ConsumerSettings) -> None:
    other = settings.model_copy(update={"erased_within": settings.erased_within * 2})

    with pytest.raises(Refused, match=r"segment\.ms=43200000"):
        topics.ensure(other)


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

    with pytest.raises(Refused, match=rf"{FACTS} has 13 partitions instead of 12.*OBOEGAKI_HOME"):
        topics.ensure(settings)
    assert kafka.kafka == settings.kafka


def test_a_kafka_that_is_away_is_no_refusal(settings: ConsumerSettings) -> None:
    [port] = free_ports(1)
    away = settings.model_copy(update={"kafka": f"127.0.0.1:{port}"})

    with pytest.raises(Transient):
        topics.ensure(away)
