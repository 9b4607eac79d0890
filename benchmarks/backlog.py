"""How much memory learning takes, however long the backlog: a long one beside one of a tenth of it.

The consumer runs in a process of its own, with an embedder that costs nothing and a store that keeps nothing, so
that only the memory of learning itself is measured: what Kafka's client fetches ahead, ledgers, batches.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from confluent_kafka import Producer

from benchmarks.figures import Curve, Figures, Plot, Result, Wanted
from memory_consumer import app, names
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.kafka import topics
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_store.fake import HashEmbedder
from memory_store.models import Filing, Memory, Profile, Vectors
from tests.support import events
from tests.support.events import Row
from tests.support.services import now, running_kafka, stack_settings

_EVENTS, _EVENTS_QUICK = 200_000, 5_000
_USERS = 2_000
_LOOK_S = 0.25
_DEADLINE_S = 3_600
_MIB = 2**20
_RATIO = "highest RSS / of a tenth of the backlog"


@dataclass(frozen=True, slots=True)
class Look:
    """The memory of the process once so many messages were filed."""

    at: float
    filed: int
    rss_mib: float


class Keeping:
    """A version of the store that keeps nothing but how many messages were filed."""

    def __init__(self) -> None:
        self.filed = 0

    def apply(self, filings: Sequence[Filing], _vectors: Vectors) -> None:
        """Counts them."""
        self.filed += len(filings)

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        """Passes them over."""


def run(*, quick: bool) -> Result:
    """On two Kafkas of its own, all events written before learning starts."""
    count = _EVENTS_QUICK if quick else _EVENTS
    short, long = (_learned(number) for number in (count // 10, count))
    return Result(
        name="backlog",
        title=f"Memory over a backlog of {count:,} events",
        runs=[_figures(short, long)],
        wanted={_RATIO: Wanted(1.1, at_most=True)},
        plot=Plot("messages filed", "RSS (MiB)", [_curve(looks) for looks in (short, long)]),
        note="The consumer in a process of its own, with an embedder that costs nothing and a store that keeps"
        f" nothing; {_USERS:,} users, a message of each in turn.",
    )


def _figures(short: Sequence[Look], long: Sequence[Look]) -> Figures:
    early = [each for each in long if each.filed <= long[-1].filed // 10]
    return {
        "highest RSS (MiB)": _highest(long),
        "highest RSS, a tenth of the backlog (MiB)": _highest(short),
        _RATIO: _highest(long) / _highest(short),
        "highest RSS / in the first tenth of it": _highest(long) / _highest(early),
        "events/s": long[-1].filed / (long[-1].at - long[0].at),
    }


def _highest(looks: Sequence[Look]) -> float:
    return max(each.rss_mib for each in looks)


def _curve(looks: Sequence[Look]) -> Curve:
    return Curve(f"{looks[-1].filed:,}", [each.filed for each in looks], [each.rss_mib for each in looks])


def _learned(count: int) -> list[Look]:
    with (
        TemporaryDirectory(prefix="oboegaki-bench-") as folder,
        running_kafka(stack_settings(Path(folder))) as settings,
    ):
        topics.ensure(settings)
        write(settings, count)
        told, tells = get_context("spawn").Pipe(duplex=False)
        process = get_context("spawn").Process(target=_learn, args=(settings, count, tells))
        process.start()
        try:
            return _looked_at(psutil.Process(process.pid), told, count)
        finally:
            process.terminate()
            process.join()


def write(settings: ConsumerSettings, count: int) -> None:
    """Writes so many events, of messages of many users in turn, to the messages log."""
    producer = Producer(settings.client() | {"enable.idempotence": True, "linger.ms": 50})
    for number in range(1, count + 1):
        user = f"user {number % _USERS}"
        row = Row(number, _content(number), user_id=user, conversation_id=f"{user}, {number}")
        partition = partition_of(user)
        while True:
            try:
                producer.produce(names.MESSAGES, events.written(row), events.key(number), partition)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def _content(number: int) -> str:
    return f"On day {number} I went to the market with my sister, and we bought {number % 17} kinds of tea there."


def _looked_at(process: psutil.Process, told: Connection, count: int) -> list[Look]:
    """From the first messages filed to the last ones."""
    looks: list[Look] = []
    end = time.monotonic() + _DEADLINE_S
    while not looks or looks[-1].filed < count:
        assert told.poll(_DEADLINE_S), "Learning told nothing."
        filed = told.recv()
        assert time.monotonic() < end, "The backlog was not learned in time."
        if filed:
            looks.append(Look(time.monotonic(), filed, process.memory_info().rss / _MIB))
    return looks


def _learn(settings: ConsumerSettings, count: int, tells: Connection) -> None:
    """The process that learns; it tells how much is filed, several times a second."""
    asyncio.run(_learn_all(settings, count, tells))


async def _learn_all(settings: ConsumerSettings, count: int, tells: Connection) -> None:
    store = Keeping()
    learning = app.build(settings, store, HashEmbedder(), now, extractor=EXTRACTOR, near=_nothing)
    await learning.start()
    while store.filed < count:
        tells.send(store.filed)
        await asyncio.sleep(_LOOK_S)
    tells.send(store.filed)
    await learning.stop()


def _nothing(_user_id: str, _text: str) -> Sequence[Memory]:
    return ()
