"""The extract stage: change events in, facts records out, exactly once."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.stage import BatchConsumer, Partition, Patience, Report, by_partition, rewind
from memory_consumer.tenure import Learnt
from memory_consumer.tenures import Tenures

_log = logging.getLogger(__name__)


class ExtractStage:
    """Learns the partitions that Kafka assigns to this process."""

    def __init__(self, tenures: Tenures) -> None:
        """Closes the tenures when it is closed."""
        self._tenures = tenures
        self._threads = ThreadPoolExecutor(names.PARTITIONS, thread_name_prefix="extract")
        self.report = Report("extract")
        self._patience = Patience(self.report)

    def assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Takes new partitions over. In the poll thread."""
        self._tenures.assigned(item.partition for item in partitions)
        self.report.owned = len(self._tenures)

    def revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Gives partitions up; what is in hand for them will be dropped. In the poll thread."""
        self._tenures.revoked(item.partition for item in partitions)
        self._patience.forget((item.topic, item.partition) for item in partitions)
        self.report.owned = len(self._tenures)

    async def handle(self, records: Sequence[Message], consumer: BatchConsumer) -> None:
        """Learns a batch; what cannot be learned now is read again later."""
        batches = by_partition(records)
        # As of this poll: a broker must be able to tell that a rebalance came between it and the commit.
        group = consumer.consumer.consumer_group_metadata()
        loop = asyncio.get_running_loop()
        outcomes = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._learn, partition, messages, group)
                for (_, partition), messages in batches.items()
            ),
            return_exceptions=True,
        )
        failures: dict[Partition, Exception | None] = {}
        for (partition, messages), outcome in zip(batches.items(), outcomes, strict=True):
            if isinstance(outcome, BaseException):
                await self._put_back(consumer, partition, messages, outcome)
            else:
                self._count(outcome)
            if partition[1] in self._tenures:
                failures[partition] = outcome if isinstance(outcome, Exception) else None
        await self._patience.after(failures)

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop."""
        self._patience.stop()

    def close(self) -> None:
        """Gives everything up."""
        self._tenures.close()
        self._threads.shutdown()

    def _learn(self, partition: int, messages: list[Message], group: Any) -> Learnt:  # noqa: ANN401
        return self._tenures.get(partition).learn(messages, group)

    async def _put_back(
        self, consumer: BatchConsumer, partition: Partition, messages: list[Message], error: BaseException
    ) -> None:
        if not isinstance(error, Transient):
            _log.error("Learning failed in a way that was not foreseen.", exc_info=error)
        # The ledger and the writer may be behind what Kafka has.
        self._tenures.reset(partition[1])
        await rewind(consumer, partition, messages)

    def _count(self, learnt: Learnt) -> None:
        self.report.events += learnt.events
        self.report.written += learnt.records
        self.report.dead += learnt.dead
