"""The FastStream application: two batch subscribers, one per stage."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaError, Message
from faststream import AckPolicy
from faststream.confluent import KafkaBroker, KafkaMessage
from faststream.confluent.helpers.client import AsyncConfluentConsumer
from faststream.confluent.message import FAKE_CONSUMER
from faststream.confluent.subscriber.usecase import BatchSubscriber

from memory_consumer import names
from memory_consumer.asking.ask import AskStage, Near
from memory_consumer.asking.windows import WindowExtractor
from memory_consumer.extractors import offline
from memory_consumer.filing.project import Fillable, ProjectStage
from memory_consumer.kafka.errors import translated
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extract import ExtractStage
from memory_consumer.learning.extractor import Extractor
from memory_consumer.learning.tenures import Tenures
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.profiles.stage import ProfileStage
from memory_consumer.profiles.writer import ProfileWriter
from memory_consumer.records.dead_letters import PROJECT
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stages.hand import Hand
from memory_consumer.stages.metering import Meter
from memory_consumer.stages.stage import Report
from memory_consumer.stages.unread import Unread
from memory_consumer.threads import in_thread
from memory_store.port import Embedder
from memory_store.vector_cache import VectorCache

_log = logging.getLogger(__name__)

_QUIET = timedelta(minutes=1)
#: How long a stop waits for the batches under way; what they finished till then is committed.
_GRACE_S = 4.0
#: How often Kafka's client tells how far it has read.
_TOLD_EVERY_MS = 5000


class Learning:
    """The running consumer: start and stop the stages, read their reports."""

    def __init__(
        self,
        broker: KafkaBroker,
        extract: ExtractStage,
        project: ProjectStage,
        ask: AskStage | None,
        profile: ProfileStage | None,
        *,
        unread: Unread,
    ) -> None:
        self.broker = broker
        self.extract = extract
        self.project = project
        self.ask = ask
        self.profile = profile
        self.hands = {"extract": Hand(), PROJECT: Hand()}
        self._unread = unread
        self._asking: list[asyncio.Task[None]] = []

    def reports(self) -> list[Report]:
        """What each stage has done and what it waits for."""
        stages = (self.extract, self.ask, self.profile, self.project)
        return [stage.report for stage in stages if stage is not None]

    def lag(self) -> dict[tuple[str, int], int]:
        """By stage and partition that is read here, at most how many records are not handled yet.

        What is unread is as Kafka's client told it last, which it does every few seconds.
        """
        stages = {names.MESSAGES: "extract"}
        held = {stage: hand.by_partition() for stage, hand in self.hands.items()}
        by_stage = {
            (stages.get(topic, PROJECT), partition): left
            for (topic, partition), left in self._unread.now().items()
        }
        return {(stage, number): left + held[stage][number] for (stage, number), left in by_stage.items()}

    async def start(self) -> None:
        """Subscribes the stages. Raises Transient, with nothing left subscribed."""
        try:
            with translated():
                await self.broker.start()
            asking = (self.ask, self.profile)
            self._asking = [asyncio.create_task(each.run()) for each in asking if each is not None]
        except BaseException:  # goes on its way; a second try must not add to what was subscribed already
            await self.stop()
            raise

    async def stop(self) -> None:
        """Lets the batches under way finish, then leaves the groups."""
        self.extract.stop()
        self.project.stop()
        for each in (self.ask, self.profile):
            if each is not None:
                each.stop()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self.broker.stop()
        await in_thread(self.extract.close)


def build(
    settings: ConsumerSettings,
    version: Fillable,
    embedder: Embedder,
    clock: Callable[[], datetime],
    *,
    extractor: Extractor | WindowExtractor,
    near: Near,
    cache: VectorCache | None = None,
    writer: ProfileWriter | None = None,
    meter: Meter | None = None,
) -> Learning:
    """Wires the stages to a broker that is not started yet. `near` finds what a window's model is to know.

    Without a writer, profiles are chosen from the facts. `meter` is told what the stages do; only
    with one is anything known of the lag.
    """
    unread = Unread()
    # FastStream's type lists only a part of what librdkafka takes.
    config: Any = settings.client() | {
        "enable.auto.offset.store": False,
        "error_cb": _Complaints(clock),
        "queued.max.messages.kbytes": names.MOST_AHEAD_BYTES // 1024,
    }
    if meter is not None:
        config |= {"stats_cb": unread, "statistics.interval.ms": _TOLD_EVERY_MS}
    broker = KafkaBroker(
        settings.kafka,
        allow_auto_create_topics=False,
        enable_idempotence=True,
        graceful_timeout=_GRACE_S,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
        config=config,
    )
    at_once = extractor if isinstance(extractor, Extractor) else Deferred(extractor.version, offline.EXTRACTOR)
    tenures = Tenures(settings, at_once, clock)
    extract = ExtractStage(tenures, meter=meter)
    project = ProjectStage(version, embedder, LetterBox(settings), clock, cache, meter=meter)
    ask = None
    if not isinstance(extractor, Extractor):
        ask = AskStage(
            tenures,
            extractor,
            near,
            settings.window_policy(),
            clock=clock,
            concurrency=settings.ask_concurrency,
            meter=meter,
        )
    profile = None
    if writer is not None:
        profile = ProfileStage(tenures, writer, every=settings.profile_every, clock=clock, meter=meter)
    learning = Learning(broker, extract, project, ask, profile, unread=unread)
    subscribe_extract(broker, settings, extract, learning.hands["extract"])
    subscribe_project(broker, settings, project, learning.hands[PROJECT])
    return learning


def subscribe_extract(
    broker: KafkaBroker, settings: ConsumerSettings, stage: ExtractStage, hand: Hand | None = None
) -> None:
    hand = hand or Hand()
    subscriber = broker.subscriber(
        names.MESSAGES,
        group_id=names.extract_group(settings.facts_version),
        max_records=settings.extract_batch,
        on_assign=stage.assigned,
        on_revoke=stage.revoked,
        on_lost=stage.revoked,
        **_common(settings),
    )

    async def extract(message: KafkaMessage) -> None:
        records = _records(message)
        with hand.holding(records):
            await stage.handle(records, _consumer(subscriber))

    subscriber(extract)


def subscribe_project(
    broker: KafkaBroker, settings: ConsumerSettings, stage: ProjectStage, hand: Hand | None = None
) -> None:
    hand = hand or Hand()
    subscriber = broker.subscriber(
        names.facts_log(settings.facts_version),
        group_id=names.project_group(settings.facts_version),
        max_records=settings.project_batch,
        on_assign=stage.assigned,
        on_revoke=stage.revoked,
        on_lost=stage.revoked,
        **_common(settings),
    )

    async def project(message: KafkaMessage) -> None:
        records = _records(message)
        with hand.holding(records):
            await stage.handle(records, _consumer(subscriber))

    subscriber(project)


def _common(settings: ConsumerSettings) -> dict[str, Any]:
    return {
        "batch": True,
        "ack_policy": AckPolicy.MANUAL,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "polling_interval": settings.linger.total_seconds(),
        "partition_assignment_strategy": ("cooperative-sticky",),
        "max_partition_fetch_bytes": names.MAX_RECORD_BYTES,
        "fetch_max_bytes": names.MOST_AHEAD_BYTES,
        "no_reply": True,
        "parser": _parse,
        "decoder": _decode,
    }


async def _parse(records: tuple[Message, ...]) -> KafkaMessage:
    # FastStream's own parser fails on a header that is not UTF-8, and the whole batch would be passed over.
    return KafkaMessage(raw_message=records, body=b"", consumer=FAKE_CONSUMER, is_manual=True)


async def _decode(_message: KafkaMessage) -> None:
    """The stages read raw records themselves, one by one: one that cannot be read must not hide the others."""


def _records(message: KafkaMessage) -> tuple[Message, ...]:
    assert isinstance(message.raw_message, tuple)  # noqa: S101  both subscribers take batches
    return message.raw_message


def _consumer(subscriber: BatchSubscriber) -> AsyncConfluentConsumer:
    assert subscriber.consumer is not None  # noqa: S101  it has just delivered a batch
    return subscriber.consumer


class _Complaints:
    """Logs what the Kafka clients complain of: they do so at each try to connect, so each kind once a minute."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._logged: dict[int, datetime] = {}

    def __call__(self, error: KafkaError) -> None:
        now = self._clock()
        if now - self._logged.get(error.code(), datetime.min.replace(tzinfo=UTC)) >= _QUIET:
            self._logged[error.code()] = now
            _log.warning("Kafka: %s", error.str(), extra={"action": "kafka_complains"})
