"""Our topics, with settings that keep data: made before anything writes to them, checked at each start."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import stamina
from confluent_kafka import TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from memory_consumer import names
from memory_consumer.errors import LostRecords, Refused, Transient
from memory_consumer.kafka.errors import translated
from memory_consumer.settings import ConsumerSettings

_log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
#: A wrong value of these throws nothing away: it erases late, or refuses what is to be written.
_HARMLESS = frozenset({"segment.ms", "max.compaction.lag.ms", "file.delete.delay.ms", "max.message.bytes"})
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it has to be."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A setting of a topic that is not as it has to be."""

    topic: str
    setting: str
    found: str | None
    wanted: str

    @property
    def loses(self) -> bool:
        return self.setting not in _HARMLESS


def specs(settings: ConsumerSettings) -> tuple[TopicSpec, ...]:
    """Every topic that the pipeline needs, Debezium's too."""
    log = _compacted(settings.erased_within)
    return (
        TopicSpec(names.MESSAGES, names.PARTITIONS, log),
        TopicSpec(names.facts_log(settings.facts_version), names.PARTITIONS, log),
        TopicSpec(names.DEAD_LETTERS, names.PARTITIONS, log),
        TopicSpec(names.CONTROL, 1, log),
        TopicSpec(names.SIGNAL, 1, _FOREVER),
        TopicSpec(names.NOTIFICATIONS, 1, _FOREVER),
        TopicSpec(names.SCHEMA_HISTORY, 1, _FOREVER),
        TopicSpec(names.HEARTBEAT, 1, {"cleanup.policy": "compact", "segment.ms": "3600000"}),
    )


def segment_time(erased_within: timedelta) -> timedelta:
    """How old a segment may be before the next record begins another one."""
    return erased_within / 4


def _compacted(erased_within: timedelta) -> dict[str, str]:
    # A segment ends after a quarter of the promised time and is cleaned after half of it, so that the cleaner's
    # own pauses, 15 seconds, still fit.
    return {
        "cleanup.policy": "compact",
        "retention.ms": "-1",
        "segment.ms": str(segment_time(erased_within) // _MILLISECOND),
        "max.compaction.lag.ms": str(erased_within // 2 // _MILLISECOND),
        # How long files stay after they were cleaned or left.
        "file.delete.delay.ms": "1000",
        "max.message.bytes": str(names.MAX_RECORD_BYTES),
    }


def facts_logs(settings: ConsumerSettings) -> list[str]:
    """Of every version, as each may hold words; also the one of these settings. Raises Transient."""
    former = [name for name in _partitions(AdminClient(settings.client())) if name.startswith(names.facts_log(""))]
    return sorted({names.facts_log(settings.facts_version), *former})


def ensure(settings: ConsumerSettings) -> None:
    """Makes what is missing, checks what is there and sets its settings back where they are others.

    Raises LostRecords, naming topic, setting and remedy, where one could have lost data, once that is ended: the
    next call accepts it. Raises Refused each time for another number of partitions, Transient if Kafka is away.
    """
    admin = AdminClient(settings.client())
    wanted = specs(settings)
    existing = _partitions(admin)
    missing = [spec for spec in wanted if spec.name not in existing]
    if missing:
        _create(admin, missing)
    present = [spec for spec in wanted if spec.name in existing]
    _check_partitions(present, existing)
    wrong = _deviations(admin, present)
    if wrong:
        _set_back(admin, wrong)
        _wait_until_set(admin, present)
    losses = [each for each in wrong if each.loses]
    if losses:
        raise LostRecords(_lost(losses))


def check(settings: ConsumerSettings) -> None:
    """Makes nothing. Raises Refused as ensure does, and where a topic is missing; Transient if Kafka is away."""
    admin = AdminClient(settings.client())
    wanted = specs(settings)
    existing = _partitions(admin)
    missing = [spec.name for spec in wanted if spec.name not in existing]
    if missing:
        raise Refused(f"Topics are missing: {', '.join(missing)}.")
    _check_partitions(wanted, existing)
    wrong = _deviations(admin, wanted)
    if wrong:
        raise Refused(f"{_named(wrong)}. Data could be lost, or not erased in time.")


def _create(admin: AdminClient, missing: Sequence[TopicSpec]) -> None:
    with translated():
        for future in admin.create_topics([_new(spec) for spec in missing]).values():
            future.result(_TIMEOUT_S)
    # The controller has made them; the broker hears of it a moment later.
    for attempt in stamina.retry_context(
        on=Transient, attempts=None, timeout=_TIMEOUT_S, wait_initial=0.02, wait_max=0.5, wait_jitter=0.05
    ):
        with attempt:
            unheard = [spec.name for spec in missing if not _is_known(admin, spec)]
            if unheard:
                raise Transient(f"Kafka does not know its new topics yet: {', '.join(unheard)}.")


def _is_known(admin: AdminClient, spec: TopicSpec) -> bool:
    try:
        with translated():
            described = admin.describe_topics(TopicCollection([spec.name]))[spec.name].result(_TIMEOUT_S)
    except Transient:
        return False
    return len(described.partitions) == spec.partitions and _are_led(admin, spec)


def _are_led(admin: AdminClient, spec: TopicSpec) -> bool:
    # A partition is described a moment before its leader answers for it.
    wanted: dict[TopicPartition, OffsetSpec] = {
        TopicPartition(spec.name, partition): OffsetSpec.latest() for partition in range(spec.partitions)
    }
    try:
        with translated():
            for answer in admin.list_offsets(wanted).values():
                answer.result(_TIMEOUT_S)
    except Transient:
        return False
    return True


def _partitions(admin: AdminClient) -> dict[str, int]:
    with translated():
        found = admin.list_topics(timeout=_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in found.items()}


def _new(spec: TopicSpec) -> NewTopic:
    return NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=1, config=dict(spec.config))


def _configs(admin: AdminClient, wanted: Iterable[TopicSpec]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in wanted]
    if not resources:
        return {}
    with translated():
        answers = {
            resource.name: future.result(_TIMEOUT_S)
            for resource, future in admin.describe_configs(resources).items()
        }
    return {
        topic: {name: str(entry.value) for name, entry in entries.items()} for topic, entries in answers.items()
    }


def _check_partitions(wanted: Iterable[TopicSpec], existing: Mapping[str, int]) -> None:
    for spec in wanted:
        found = existing[spec.name]
        if found != spec.partitions:
            raise Refused(
                f"Topic {spec.name} has {found} partitions instead of {spec.partitions}. A message's records would"
                f" go to another partition than before and lose their order. {_remedy(spec)}"
            )


def _remedy(spec: TopicSpec) -> str:
    if spec.name.startswith(names.facts_log("")):
        return "Set OBOEGAKI_FACTS_VERSION to a version that was not there before: everything is learned anew."
    return "Start again with a new OBOEGAKI_HOME."


def _deviations(admin: AdminClient, wanted: Sequence[TopicSpec]) -> list[_Deviation]:
    found = _configs(admin, wanted)
    return [
        _Deviation(spec.name, setting, actual, value)
        for spec in wanted
        for setting, value in spec.config.items()
        if (actual := found[spec.name].get(setting)) != value
    ]


def _set_back(admin: AdminClient, wrong: Sequence[_Deviation]) -> None:
    changes = [
        ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[_wanted(each) for each in of_topic])
        for topic, of_topic in groupby(wrong, key=lambda each: each.topic)
    ]
    with translated():
        for future in admin.incremental_alter_configs(changes).values():
            future.result(_TIMEOUT_S)
    for each in wrong:
        _log.warning(
            "%s; it is set to %s.", _named([each]), each.wanted, extra={"action": "topic_set", "topic": each.topic}
        )


def _wanted(deviation: _Deviation) -> ConfigEntry:
    return ConfigEntry(deviation.setting, deviation.wanted, incremental_operation=AlterConfigOpType.SET)


def _wait_until_set(admin: AdminClient, present: Sequence[TopicSpec]) -> None:
    # The controller has it; the broker hears of it a moment later.
    for attempt in stamina.retry_context(
        on=Transient, attempts=None, timeout=_TIMEOUT_S, wait_initial=0.02, wait_max=0.5, wait_jitter=0.05
    ):
        with attempt:
            unheard = _deviations(admin, present)
            if unheard:
                raise Transient(f"Kafka does not know the new settings of its topics yet. {_named(unheard)}.")


def _named(wrong: Iterable[_Deviation]) -> str:
    return "; ".join(
        f"Topic {each.topic} has {each.setting}={each.found} instead of {each.wanted}" for each in wrong
    )


def _lost(losses: Sequence[_Deviation]) -> str:
    return (
        f"{_named(losses)}. Kafka may have thrown records away by that. It is set back, so that no more go. Start"
        " again, then run `oboegaki verify --repair`, which tells what is missing and mends it."
    )
