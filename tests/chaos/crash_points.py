"""Lives of a consumer that end, or fail and go on, at points drawn by lot: between poll, model, write and file.

What Kafka and the store keep is all that a life leaves to the next one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from confluent_kafka import Consumer, TopicPartition

from memory_consumer.asking.windows import Found, Window, WindowExtractor
from memory_consumer.kafka.transactions import Consumed, Outgoing, TransactionalWriter
from memory_consumer.learning.extractor import Extractor, Passage
from memory_consumer.records.cdc import MessageRow
from memory_consumer.settings import ConsumerSettings
from memory_store.models import Filing, Profile, Vectors
from memory_store.version import FiledVersion


class Struck(Exception):
    """The point that was drawn was reached."""


class Fate:
    """Strikes at one point, and at all later ones where a life ends by it. Thread-safe."""

    def __init__(self, points: int, *, ends: bool) -> None:
        """Strikes at the n-th point that is passed; 0 is never."""
        self._lock = Lock()
        self._left = points
        self._ends = ends
        #: Where it struck.
        self.at: str | None = None

    @property
    def over(self) -> bool:
        """Whether this life has ended."""
        return self._ends and self.at is not None

    def passes(self, point: str) -> None:
        """Raises Struck if it is this point, or life is over."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.at = point
            if self._left == 0 or self.over:
                raise Struck(point)


class FatedWriter(TransactionalWriter):
    """Writes up to where fate strikes."""

    def __init__(self, settings: ConsumerSettings, partition: int, fate: Fate) -> None:
        self._fate = fate
        super().__init__(settings, partition)

    def write(self, records: Iterable[Outgoing], consumed: Consumed | None = None) -> dict[tuple[str, bytes], int]:
        self._fate.passes("a transaction is to begin")
        offsets = super().write(self._cut(records), consumed)
        self._fate.passes("a transaction is committed")
        return offsets

    def _cut(self, records: Iterable[Outgoing]) -> Iterator[Outgoing]:
        for record in records:
            yield record
            self._fate.passes("a record is produced")


@dataclass(frozen=True, slots=True)
class FatedModel:
    """A model that is asked up to where fate strikes."""

    model: WindowExtractor
    fate: Fate

    @property
    def version(self) -> str:
        return self.model.version

    def extract(self, window: Window) -> tuple[Found, ...]:
        self.fate.passes("a model is to be asked")
        found = self.model.extract(window)
        self.fate.passes("a model has answered")
        return found


def fated(extractor: Extractor, fate: Fate) -> Extractor:
    """Finds facts up to where fate strikes."""

    def extract(row: MessageRow) -> tuple[Passage, ...]:
        fate.passes("a message is to be read")
        return extractor.extract(row)

    return Extractor(extractor.version, extract, extractor.language)


@dataclass(frozen=True, slots=True)
class FatedVersion:
    """Files up to where fate strikes."""

    version: FiledVersion
    fate: Fate

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        self.fate.passes("messages are to be filed")
        self.version.apply(filings, vectors)
        self.fate.passes("messages are filed")

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        for profile in profiles:
            self.version.apply_profiles([profile])
            self.fate.passes("a profile is filed")


class FatedCommits:
    """A consumer that commits up to where fate strikes."""

    def __init__(self, consumer: Consumer, fate: Fate) -> None:
        self._consumer = consumer
        self._fate = fate

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self._fate.passes("offsets are to be committed")
        committed: list[TopicPartition] = self._consumer.commit(offsets=offsets, asynchronous=asynchronous)
        self._fate.passes("offsets are committed")
        return committed

    def __getattr__(self, name: str) -> Callable[..., object]:
        found: Callable[..., object] = getattr(self._consumer, name)
        return found
