"""The extract stage: change events in, facts records out, exactly once."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from memory_consumer import names
from memory_consumer.errors import Fenced, LearningError, Transient
from memory_consumer.fold import Extractor
from memory_consumer.log_reader import topic_id
from memory_consumer.settings import ConsumerSettings
from memory_consumer.stage import BatchConsumer, Partition, Patience, Report, by_partition, rewind
from memory_consumer.tenure import Learnt, Tenure

_log = logging.getLogger(__name__)


class ExtractStage:
    """Learns the partitions that Kafka assigns to this process."""

    def __init__(self, settings: ConsumerSettings, extractor: Extractor, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._extractor = extractor
        self._clock = clock
        self._owned: set[int] = set()
        self._tenures: dict[int, Tenure] = {}
        self._threads = ThreadPoolExecutor(names.PARTITIONS, thread_name_prefix="extract")
        self.report = Report("extract")
        self._patience = Patience(self.report)

    def assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Opens the new partitions at once, side by side, so that a former owner is fenced. In the poll thread."""
        mine = {item.partition for item in partitions}
        self._owned |= mine
        self.report.owned = len(self._owned)
        try:
            self._open(mine)
        except LearningError as exc:
            _log.warning("Partitions will be opened with their next batch: %s", exc)
        except Exception:  # noqa: BLE001  one that left this callback would take its poll's records with it
            _log.exception("Opening partitions failed in a way that was not foreseen.")

    def revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Gives partitions up; what is in hand for them will be dropped. In the poll thread."""
        for item in partitions:
            self._owned.discard(item.partition)
            self._close(item.partition)
        self._patience.forget((item.topic, item.partition) for item in partitions)
        self.report.owned = len(self._owned)

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
            if partition[1] in self._owned:
                failures[partition] = outcome if isinstance(outcome, Exception) else None
        await self._patience.after(failures)

    def stop(self) -> None:
        """Ends waiting, so that the consumer can stop."""
        self._patience.stop()

    def close(self) -> None:
        """Gives everything up."""
        for partition in tuple(self._tenures):
            self._close(partition)
        self._threads.shutdown()

    def _learn(self, partition: int, messages: list[Message], group: Any) -> Learnt:  # noqa: ANN401
        if partition not in self._owned:
            raise Fenced(f"Partition {partition} was given up.")
        if partition not in self._tenures:
            self._open({partition})
        return self._tenures[partition].learn(messages, group)

    async def _put_back(
        self, consumer: BatchConsumer, partition: Partition, messages: list[Message], error: BaseException
    ) -> None:
        if not isinstance(error, Transient):
            _log.error("Learning failed in a way that was not foreseen.", exc_info=error)
        # The ledger and the writer may be behind what Kafka has: opening them again reads it.
        self._close(partition[1])
        await rewind(consumer, partition, messages)

    def _count(self, learnt: Learnt) -> None:
        self.report.events += learnt.events
        self.report.written += learnt.records
        self.report.dead += learnt.dead

    def _open(self, partitions: Iterable[int]) -> None:
        log_id = topic_id(self._settings, names.facts_log(self._settings.facts_version))

        def opened(partition: int) -> None:
            self._tenures[partition] = Tenure(
                self._settings, partition, log_id=log_id, extractor=self._extractor, clock=self._clock
            )

        # All of them, and then the first error: those that could be opened are kept.
        with ThreadPoolExecutor(names.PARTITIONS) as threads:
            opening = [threads.submit(opened, partition) for partition in partitions]
        for each in opening:
            each.result()

    def _close(self, partition: int) -> None:
        tenure = self._tenures.pop(partition, None)
        if tenure is not None:
            tenure.close()
