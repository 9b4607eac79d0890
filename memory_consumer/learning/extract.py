"""The extract stage: change events in, facts records out, exactly once."""

import asyncio
from collections.abc import Sequence
from threading import Lock
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer.learning.tenure import Learnt
from memory_consumer.learning.tenures import Tenures
from memory_consumer.stages.attempts import Cap, as_far_as_it_goes
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


class ExtractStage:
    """Learns the partitions that Kafka assigns to this process."""

    def __init__(self, tenures: Tenures, backoff: Backoff = LIVE, meter: Meter | None = None) -> None:
        """Closes the tenures when it is closed."""
        self._tenures = tenures
        self.report = Report("extract")
        self._meter = meter or Unmetered()
        self._counting = Lock()
        self._patience = Patience(self.report, backoff)
        self._set_aside = SetAside(self.report, Cap())

    def assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Takes new partitions over. In the poll thread."""
        self._tenures.assigned(item.partition for item in partitions)
        self._meter.owns("extract", assigned=len(partitions))
        self.report.owned = len(self._tenures)

    def revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Gives partitions up; what is in hand for them will be dropped. In the poll thread."""
        self._tenures.revoked(item.partition for item in partitions)
        self._meter.owns("extract", revoked=len(partitions))
        gone = [(item.topic, item.partition) for item in partitions]
        self._patience.forget(gone)
        self._set_aside.forget(gone)
        self.report.owned = len(self._tenures)

    @property
    def owned(self) -> tuple[int, ...]:
        """The partitions that are ours now."""
        return self._tenures.owned

    async def handle(self, records: Sequence[Message], consumer: BatchConsumer) -> None:
        """Learns a batch; what cannot be learned now is read again later."""
        batches = by_partition(records)
        left = dict(batches)
        # As of this poll: a broker must be able to tell that a rebalance came between it and the commit.
        group = consumer.consumer.consumer_group_metadata()
        # Also while it waits for the next try: others may come, and Kafka takes who is silent for dead.
        async with kept_alive(consumer), read_again(consumer, left):
            with metered(self._meter, "extract", len(records)):
                outcomes = await asyncio.gather(
                    *(
                        attempted(self._learn, partition, messages, group, len(batches))
                        for partition, messages in batches.items()
                    )
                )
            failures: dict[Partition, Exception | None] = {}
            for (partition, messages), (done, failure) in zip(batches.items(), outcomes, strict=True):
                if failure is not None:
                    self._meter.failed("extract", type(failure).__name__)
                    self._meter.rewound("extract")
                    await rewind(consumer, partition, messages[done:])
                del left[partition]
                if done:
                    # It got on, so what it fails with now is something else.
                    self._patience.forget([partition])
                if partition[1] in self._tenures:
                    failures[partition] = failure
            await self._patience.after(failures)

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop."""
        self._patience.stop()

    def close(self) -> None:
        """Gives everything up."""
        self._tenures.close()

    def _learn(
        self,
        partition: Partition,
        messages: Sequence[Message],
        group: Any,  # noqa: ANN401
        beside: int,
    ) -> tuple[int, Exception | None]:
        """How many were learned, from the start, and what the one after them failed with. Raises nothing."""

        def learn(some: Sequence[Message]) -> int:
            # Partitions that are learned side by side share the room.
            most_dead = max(1, self._set_aside.room // beside)
            with self._tenures.writing(partition[1]) as tenure:
                learnt = tenure.learn(some, group, self._set_aside.given_up(partition), most_dead)
            self._count(learnt)
            return learnt.events

        done, failure = as_far_as_it_goes(messages, learn, FORESEEN)
        if failure is not None:
            failure = self._set_aside.failed(messages[done], failure)
        return done, failure

    def _count(self, learnt: Learnt) -> None:
        self._set_aside.done(learnt.went, learnt.cause)
        self._meter.learned(learnt.facts)
        with self._counting:
            self.report.events += learnt.events
            self.report.written += learnt.records
            self.report.dead += learnt.dead
