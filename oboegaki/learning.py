"""Learning as a part of a process: started when Kafka answers, seen from outside, stopped in order."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from chat_api.errors import ChatError, Unavailable
from chat_api.errors import Refused as Unsafe
from chat_api.rows import binlog
from chat_api.rows.database import Database
from memory_consumer import app, names, opening
from memory_consumer.erasing.housekeeping import Housekeeper
from memory_consumer.erasing.sweeping import Sweeper
from memory_consumer.errors import LearnedOtherwise, LearningError, LostRecords, Refused
from memory_consumer.extractors.choice import chosen, goes_on_without, profile_writer
from memory_consumer.extractors.model.usage import Call, Tally
from memory_consumer.kafka.log_reader import topic_id
from memory_consumer.threads import in_thread
from memory_consumer.verify.look import Line
from memory_consumer.verify.snapshots import Snapshots
from memory_store.errors import StoreError
from memory_store.models import Memory
from memory_store.port import Embedder, MemoryStore
from memory_store.recall import Recall
from memory_store.superseding import superseded
from memory_store.vector_cache import VectorCache
from oboegaki import erasing
from oboegaki.healing import Healer
from oboegaki.instance import Instance
from oboegaki.metrics import Metrics
from oboegaki.opening import opened_version

_log = logging.getLogger(__name__)

_PAUSE_S = 2.0
_END_S = 7.0
#: Memories near a window that its model is shown.
_NEAR = 20
_GOES_ON = (
    "A language model is set, but version %s has been learned without one and goes on so. To learn everything anew"
    " with it, start with another OBOEGAKI_FACTS_VERSION, such as v2."
)


class Learner:
    """The consumer of one process. What it cannot do now it tries again; chatting goes on meanwhile."""

    def __init__(
        self,
        instance: Instance,
        store: MemoryStore,
        embedder: Embedder,
        database: Database,
        *,
        cache: VectorCache | None = None,
        rebuild: bool = False,
        heal: Callable[[], Iterable[Line]],
        metrics: Metrics,
    ) -> None:
        """With `rebuild`, the memories are built anew from what was learned, once.

        `heal` is called after Debezium has read all rows anew, to mend what is orphaned.
        """
        self._instance = instance
        self._store = store
        self._embedder = embedder
        self._database = database
        self._cache = cache
        self._rebuild = rebuild
        self._healer = Healer(lambda: Snapshots(instance.consumer), heal)
        self._recall = Recall(store, embedder)
        self._tally = Tally()
        self._metrics = metrics
        self._extractor = ""
        self._running: app.Learning | None = None
        self._housekeeper: Housekeeper | None = None
        self._waiting_for: str | None = "not started yet"
        self.refusal: LearnedOtherwise | None = None

    def stages(self) -> Sequence[Mapping[str, Any]]:
        """What each stage has done and what it waits for."""
        if self._running is None:
            return ({"name": "learning", "waiting_for": self._waiting_for},)
        stages = [*(self._told(report.as_dict()) for report in self._running.reports()), self._healer.stage()]
        return stages if self._housekeeper is None else [*stages, self._housekeeper.stage()]

    def lag(self) -> Mapping[tuple[str, int], int]:
        """By stage and partition, at most how many records are not handled yet."""
        return {} if self._running is None else self._running.lag()

    def oldest(self) -> Mapping[str, datetime | None]:
        """When the oldest record that each stage has in hand was written to Kafka."""
        return {} if self._running is None else {name: at.oldest() for name, at in self._running.hands.items()}

    async def run(self, stopping: asyncio.Event) -> None:
        """Learns until told to stop; ends at once with a `refusal` where the set-up is for other memories.

        Where Kafka may have lost records it learns nothing, and says so, until the next start.
        """
        told = asyncio.create_task(stopping.wait())
        beginning = asyncio.create_task(self._begin(stopping))
        await asyncio.wait({told, beginning}, return_when=asyncio.FIRST_COMPLETED)
        if self.refusal is None:
            await told
            await self._end(beginning)
        told.cancel()

    async def _begin(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set() and self._running is None:
            try:
                await self._start(stopping)
            except LearnedOtherwise as exc:
                # Chatting on would be with the memories of another version, or with none, as if they were right.
                self.refusal = exc
                return
            except LostRecords as exc:
                # The next try would accept it, two seconds later and unread.
                self._note(exc)
                return
            except (ChatError, LearningError, StoreError, OSError) as exc:
                self._note(exc)
                await _paused(stopping)
            except Exception as exc:  # noqa: BLE001  learning's boundary: chatting goes on without it
                # Its own text may quote what was said.
                _log.error("Learning cannot start: %s, which was not foreseen.", type(exc).__name__)
                self._waiting_for = f"what was not foreseen ({type(exc).__name__})"
                await _paused(stopping)

    async def _end(self, beginning: asyncio.Task[None]) -> None:
        """Lets finish what is under way, and leaves Kafka; all within `_END_S`."""
        try:
            async with asyncio.timeout(_END_S):
                beginning.cancel()
                await asyncio.wait({beginning})
                if self._running is not None:
                    beside = [each for each in (self._healer, self._housekeeper) if each is not None]
                    await asyncio.gather(*(in_thread(each.stop) for each in beside))
                    await self._running.stop()
        except TimeoutError:
            _log.warning("Kafka hangs, so it hears of this stop by its own time-outs; nothing is lost.")

    def _told(self, stage: dict[str, Any]) -> dict[str, Any]:
        more = {"extract": {"extractor": self._extractor}, "ask": asdict(self._tally.totals())}
        return stage | more.get(stage["name"], {})

    async def _start(self, stopping: asyncio.Event) -> None:
        await in_thread(self._check_binlog)
        consumer = self._instance.consumer
        known = await in_thread(opening.version_so_far, consumer)
        built_by = None if known is None else known.extractor
        extractor = await in_thread(chosen, consumer, built_by, self._asked)
        if goes_on_without(consumer, built_by):
            _log.warning(_GOES_ON, consumer.facts_version, extra={"action": "learning_goes_on"})
        version = await in_thread(
            opened_version,
            self._instance,
            self._store,
            known,
            extractor=extractor.version,
            embedder=self._embedder.name,
            rebuild=self._rebuild,
            stopped=stopping.is_set,
        )
        # Learning may have to be started again, the memories not.
        self._rebuild = False
        if self._cache is not None:
            facts_log = names.facts_log(consumer.facts_version)
            self._cache.belongs_to(await in_thread(topic_id, consumer, facts_log))
        learning = app.build(
            consumer,
            version,
            self._embedder,
            lambda: datetime.now(UTC),
            extractor=extractor,
            near=self._near,
            cache=self._cache,
            writer=profile_writer(extractor),
            meter=self._metrics,
        )
        await learning.start()
        self._extractor = extractor.version
        self._running = learning
        self._healer.start()
        self._housekeeper = self._keeping_house(learning)
        self._housekeeper.start()
        _log.info("Learning has started.", extra={"action": "learning_started"})

    def _keeping_house(self, learning: app.Learning) -> Housekeeper:
        consumer = self._instance.consumer
        sweeper = Sweeper(consumer, lambda: datetime.now(UTC))
        purge = partial(erasing.purge, self._store)
        return Housekeeper(sweeper, lambda: learning.extract.owned, purge, consumer.erased_within)

    def _asked(self, call: Call) -> None:
        self._tally(call)
        self._metrics.asked_to_learn(
            call.seconds,
            answered=call.answered,
            prompt_tokens=call.prompt_tokens,
            answer_tokens=call.answer_tokens,
        )

    def _check_binlog(self) -> None:
        # With MySQL away there is still to be learned what was written before.
        with suppress(Unavailable):
            binlog.check(self._database)

    def _near(self, user_id: str, text: str) -> list[Memory]:
        found = [each.memory for each in self._recall.search(user_id, text, limit=_NEAR)]
        later = self._store.live().superseding(user_id, [memory.id for memory in found])
        gone = superseded([*found, *later])
        return [memory for memory in found if memory.id not in gone]

    def _note(self, exc: Exception) -> None:
        if str(exc) != self._waiting_for:
            level = logging.ERROR if isinstance(exc, (Refused, Unsafe)) else logging.WARNING
            _log.log(level, "Learning cannot start: %s", exc, extra={"action": "learning_waits"})
        self._waiting_for = str(exc)


async def _paused(stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), _PAUSE_S)
    except TimeoutError:
        return
