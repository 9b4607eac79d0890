"""What metrics cost learning: the same backlog learned with them and without, by turns.

The embedder costs nothing and the store keeps nothing, so that what the metrics add is as large a share as it can
be; with them, everything is also written out each five seconds, three times as often as Prometheus asks.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.backlog import Keeping, write
from benchmarks.figures import Curve, Figures, Plot, Result, Wanted
from memory_consumer import app
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.kafka import topics
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import HashEmbedder
from memory_store.metering import Metered
from memory_store.models import Memory
from oboegaki.metrics import Metrics
from tests.support.deadline import eventually
from tests.support.services import now, running_kafka, stack_settings

_EVENTS, _EVENTS_QUICK = 10_000, 1_000
_PAIRS, _PAIRS_QUICK = 7, 1
_LOOK_S = 0.05
_TOLD_EVERY_S = 5.0
_DEADLINE_S = 900
_RATIO = "processor time with metrics / without"


@dataclass(frozen=True, slots=True)
class Took:
    """What a message took, from the first ones filed to the last ones."""

    seconds: float
    cpu_s: float


def run(*, quick: bool) -> Result:
    """On one Kafka; each round learns everything anew, into a facts log of its own, in a process of its own."""
    count, pairs = (_EVENTS_QUICK, _PAIRS_QUICK) if quick else (_EVENTS, _PAIRS)
    with (
        TemporaryDirectory(prefix="oboegaki-bench-") as folder,
        running_kafka(stack_settings(Path(folder))) as settings,
    ):
        topics.ensure(settings)
        write(settings, count)
        # The first one reads what Kafka has not in its memory yet, and counts for nothing.
        _learned(settings, 1, count, metered=False)
        runs = [_pair(settings, 2 + 2 * number, count) for number in range(pairs)]
    ratios = [figures[_RATIO] for figures in runs]
    return Result(
        name="metering",
        title=f"What metrics cost, over {count:,} events, pairs of runs: {pairs}",
        runs=runs,
        wanted={_RATIO: Wanted(1.02, at_most=True)},
        plot=Plot("pair of runs", _RATIO, [Curve("ratio", list(range(1, pairs + 1)), ratios)]),
        note="The consumer in a process of its own, with an embedder that costs nothing and a store that keeps"
        " nothing. Which of a pair comes first changes each time.",
    )


def _pair(settings: ConsumerSettings, version: int, count: int) -> Figures:
    first_metered = version % 4 == 0
    one = _learned(settings, version, count, metered=first_metered)
    other = _learned(settings, version + 1, count, metered=not first_metered)
    metered, bare = (one, other) if first_metered else (other, one)
    return {
        _RATIO: metered.cpu_s / bare.cpu_s,
        "events/s with metrics / without": bare.seconds / metered.seconds,
        "processor time per event without (ms)": 1000 * bare.cpu_s,
        "events/s without": 1 / bare.seconds,
    }


def _learned(settings: ConsumerSettings, version: int, count: int, *, metered: bool) -> Took:
    anew = settings.model_copy(update={"facts_version": f"v{version}"})
    topics.ensure(anew)
    told, tells = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_learn, args=(anew, count, tells, metered))
    process.start()
    try:
        assert told.poll(_DEADLINE_S), "The backlog was not learned in time."
        took: Took = told.recv()
        return took
    finally:
        process.terminate()
        process.join()


def _learn(settings: ConsumerSettings, count: int, tells: Connection, metered: bool) -> None:
    tells.send(asyncio.run(_learn_all(settings, count, Metrics("0") if metered else None)))


async def _learn_all(settings: ConsumerSettings, count: int, metrics: Metrics | None) -> Took:
    store, embedder = Keeping(), HashEmbedder()
    learning = app.build(
        settings,
        store,
        embedder if metrics is None else Metered(embedder, metrics),
        now,
        extractor=EXTRACTOR,
        near=_nothing,
        meter=metrics,
    )
    if metrics is not None:
        metrics.watch_learning(
            lambda: [report.as_dict() for report in learning.reports()],
            learning.lag,
            lambda: {name: hand.oldest() for name, hand in learning.hands.items()},
        )
    await learning.start()
    await eventually(lambda: store.filed, _DEADLINE_S)
    first, began, cpu_began, told_at = store.filed, time.perf_counter(), time.process_time(), 0.0
    while store.filed < count:
        if metrics is not None and time.perf_counter() - told_at > _TOLD_EVERY_S:
            metrics.text()
            told_at = time.perf_counter()
        await asyncio.sleep(_LOOK_S)
    learned = store.filed - first
    took = Took((time.perf_counter() - began) / learned, (time.process_time() - cpu_began) / learned)
    await learning.stop()
    return took


def _nothing(_user_id: str, _text: str) -> Sequence[Memory]:
    return ()
