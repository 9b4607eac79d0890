"""The project stage: facts records in, memories and receipts out; offsets are committed once they are durable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count, takewhile
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.filing.filings import Place, Slice, first_slice, user_of
from memory_consumer.kafka.errors import translated
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.records import dead_letters
from memory_consumer.records.dead_letters import PROJECT, GivenUp
from memory_consumer.stages.attempts import Cap, Went, as_far_as_it_goes, named
from memory_consumer.stages.membership import kept_alive
from memory_consumer.stages.metering import Meter, Unmetered, metered
from memory_consumer.stages.retry import LIVE, Backoff
from memory_consumer.stages.setting_aside import FORESEEN, SetAside
from memory_consumer.stages.stage import (
    BatchConsumer,
    Partition,
    Patience,
    Report,
    attempted,
    by_partition,
    read_again,
    rewind,
)
from memory_store.embed import embed
from memory_store.errors import StoreError
from memory_store.models import Filing, Profile, Vectors
from memory_store.port import Embedder
from memory_store.vector_cache import VectorCache

#: Memories filed, and committed, in one go: a few seconds of embedding, and what a stop has to wait for. Only a
#: single long message may be more, up to about 1,300.
_MOST_MEMORIES = 256

_ANY_TEXT = "oboegaki"


Owned = Mapping[Partition, int]


class Fillable(Protocol):
    """The part of a version of the store that this stage writes to."""

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        """Files, durably on return; twice is once. Raises Unavailable."""

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        """Puts profiles in the place of former ones, durably on return; twice is once. Raises Unavailable."""


class ProjectStage:
    """Files facts records in one version of the store."""

    def __init__(
        self,
        version: Fillable,
        embedder: Embedder,
        letters: LetterBox,
        clock: Callable[[], datetime],
        cache: VectorCache | None = None,
        *,
        backoff: Backoff = LIVE,
        meter: Meter | None = None,
    ) -> None:
        self._version = version
        self._embedder = embedder
        self._cache = cache
        self._letters = letters
        self._clock = clock
        #: Which assignment each partition is owned by: one that was taken away and given back is another.
        self._owned: Owned = {}
        self._assignments = count()
        self._stopping = False
        #: The keys of this stage's letters that stand, by partition.
        self._standing: dict[int, set[bytes]] = {}
        self.report = Report(PROJECT)
        self._meter = meter or Unmetered()
        self._patience = Patience(self.report, backoff)
        self._set_aside = SetAside(self.report, Cap())

    def assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Notes new partitions. In the poll thread."""
        number = next(self._assignments)
        self._owned = {**self._owned, **{(item.topic, item.partition): number for item in partitions}}
        for item in partitions:
            # Another owner may have written letters since.
            self._standing.pop(item.partition, None)
        self._meter.owns(PROJECT, assigned=len(partitions))
        self.report.owned = len(self._owned)

    def revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Notes partitions that were given up. In the poll thread."""
        gone = {(item.topic, item.partition) for item in partitions}
        self._owned = {each: number for each, number in self._owned.items() if each not in gone}
        self._patience.forget(gone)
        self._set_aside.forget(gone)
        for _, partition in gone:
            self._standing.pop(partition, None)
        self._meter.owns(PROJECT, revoked=len(partitions))
        self.report.owned = len(self._owned)

    async def handle(self, records: Sequence[Message], consumer: BatchConsumer) -> None:
        """Files a batch, committing as it goes; what was not filed is read again."""
        as_of, left = self._owned, by_partition(records)
        # Also while it waits for the next try: others may come, and Kafka takes who is silent for dead.
        async with kept_alive(consumer), read_again(consumer, left):
            with metered(self._meter, PROJECT, len(records)):
                done, failure = await attempted(self._file_all, records, consumer.consumer, as_of)
            if failure is not None:
                self._meter.failed(PROJECT, type(failure).__name__)
            # What was given back meanwhile is read from where it was committed, and not from here.
            unfiled = by_partition(self._ours(records[done:], as_of))
            for partition, messages in unfiled.items():
                self._meter.rewound(PROJECT)
                await rewind(consumer, partition, messages)
            left.clear()
            # They got on, so what they fail with now is something else.
            self._patience.forget(by_partition(records[:done]))
            outcomes: dict[Partition, Exception | None] = dict.fromkeys(
                by_partition(self._ours(records[:done], as_of))
            )
            await self._patience.after(outcomes | dict.fromkeys(unfiled, failure))

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop; what is being filed is the last."""
        self._stopping = True
        self._patience.stop()

    def _ours(self, messages: Sequence[Message], as_of: Owned) -> list[Message]:
        """Those of partitions that have been owned without a break since then."""
        owned = self._owned
        lasting = {partition for partition, number in as_of.items() if owned.get(partition) == number}
        return [message for message in messages if by_partition([message]).keys() <= lasting]

    def _file_all(
        self, records: Sequence[Message], consumer: Consumer, as_of: Owned
    ) -> tuple[int, Exception | None]:
        """How many were filed, from the start, and what the one after them failed with. Raises nothing."""

        def file(some: Sequence[Message]) -> int:
            if self._stopping:
                raise Transient("It is being stopped.")
            some = list(takewhile(lambda message: self._ours([message], as_of), some))
            if not some:
                # Whoever owns its partition now reads it.
                return 1
            given_up = self._given_up(some)
            some = _alone(some, given_up)
            batch = first_slice(some, _MOST_MEMORIES, given_up, self._set_aside.room)
            with self._at_fault(some, given_up):
                self._file_slice(batch, consumer, as_of)
            return len(batch.taken)

        done, failure = as_far_as_it_goes(records, file, FORESEEN)
        return done, failure and self._set_aside.failed(records[done], failure)

    def _given_up(self, records: Sequence[Message]) -> dict[Place, GivenUp]:
        return {
            (*partition, offset): given_up
            for partition in by_partition(records)
            for offset, given_up in self._set_aside.given_up(partition).items()
        }

    @contextmanager
    def _at_fault(self, some: Sequence[Message], given_up: Mapping[Place, GivenUp]) -> Iterator[None]:
        """Sets a record aside only where it is at fault. Raises Transient where the embedder or the store is.

        That is where one takes no other text either, or the other not even that nothing was learned.
        """
        if _place(some[0]) not in given_up:
            yield
            return
        try:
            self._embedder.passages([_ANY_TEXT])
            yield
        except FORESEEN:
            raise
        except Exception as exc:  # whatever it is, it is raised again, as one that is tried again
            self._set_aside.forget(by_partition(some))
            raise Transient(str(exc) if isinstance(exc, StoreError) else named(exc)) from exc

    def _file_slice(self, batch: Slice, consumer: Consumer, as_of: Owned) -> None:
        self._file(list(batch.filings.values()))
        if batch.profiles:
            self._version.apply_profiles(list(batch.profiles.values()))
        # What was taken away meanwhile is its new owner's to tell of and to commit.
        self._write_letters(batch, self._ours(batch.taken, as_of))
        _commit(consumer, self._ours(batch.taken, as_of))
        self._set_aside.done(_went(batch), batch.dead[-1][1].cause if batch.dead else "")
        self.report.events += len(batch.taken)
        self.report.written += len(batch.filings) + len(batch.profiles)
        self.report.dead += len(batch.dead)

    def _file(self, filings: Sequence[Filing]) -> None:
        if filings:
            vectors = embed(filings, self._embedder, self._cache)
            filed_at = self._clock()
            dated = [replace(each, receipt=replace(each.receipt, filed_at=filed_at)) for each in filings]
            self._version.apply(dated, vectors)
            self._meter.filed(sum(len(each.memories) for each in dated))

    def _write_letters(self, batch: Slice, taken: Sequence[Message]) -> None:
        """One for each record that is set aside; those of messages that are filed now are taken back."""
        standing = self._standing_in({partition for _, partition in by_partition(taken)})
        dead = {id(message): given_up for message, given_up in batch.dead}
        letters = []
        for message in taken:
            partition, key = message.partition() or 0, dead_letters.letter_key(message.key(), PROJECT)
            if id(message) in dead:
                letters.append(self._letter(message, dead[id(message)]))
                standing[partition].add(letters[-1].key)
            elif key in standing[partition]:
                letters.append(Outgoing(names.DEAD_LETTERS, partition, key, None))
                standing[partition].discard(key)
        if letters:
            self._letters.write(letters)
        # Not of partitions that were given up meanwhile.
        self._standing |= {each: keys for each, keys in standing.items() if each in self._standing}

    def _standing_in(self, partitions: set[int]) -> dict[int, set[bytes]]:
        """The keys of this stage's letters that stand; nobody else writes those of partitions that are ours."""
        found = {partition: self._standing.get(partition) for partition in partitions}
        unknown = [partition for partition, keys in found.items() if keys is None]
        letters = self._letters.standing(sorted(unknown)) if unknown else {}
        for partition in unknown:
            keys = {key for (each, key), kept in letters.items() if (each, kept.stage) == (partition, PROJECT)}
            found[partition] = self._standing[partition] = keys
        return {partition: set(keys or ()) for partition, keys in found.items()}

    def _letter(self, message: Message, given_up: GivenUp) -> Outgoing:
        place = dead_letters.Place(message.topic(), message.partition(), message.offset())
        letter = dead_letters.letter(
            message.key(), given_up, stage=PROJECT, place=place, user_id=user_of(message), at=self._clock()
        )
        return Outgoing(names.DEAD_LETTERS, message.partition() or 0, *letter)


def _alone(some: Sequence[Message], given_up: Mapping[Place, GivenUp]) -> Sequence[Message]:
    """The start of some records: a record that was given up by itself, or what stands before it."""
    end = next((number for number, message in enumerate(some) if _place(message) in given_up), len(some))
    return some[: max(1, end)]


def _went(batch: Slice) -> list[Went]:
    """How each record went. Only what has memories is embedded; the others pass whatever is wrong with that."""
    dead = {id(message) for message, _ in batch.dead}
    return [
        Went(set_aside=True, user_id=user_of(message))
        if id(message) in dead
        else Went(False if batch.memories_of(message) else None)
        for message in batch.taken
    ]


def _place(message: Message) -> Place:
    return (message.topic(), message.partition(), message.offset())


def _commit(consumer: Consumer, messages: Sequence[Message]) -> None:
    """Raises Transient, as in a rebalance: read and filed again they change nothing, the owner commits."""
    ends = [
        TopicPartition(topic, partition, (batch[-1].offset() or 0) + 1)
        for (topic, partition), batch in by_partition(messages).items()
    ]
    if not ends:
        return
    with translated():
        for end in consumer.commit(offsets=ends, asynchronous=False) or ():
            if end.error is not None:
                raise KafkaException(end.error)
