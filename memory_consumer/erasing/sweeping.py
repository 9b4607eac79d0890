"""Sweep records: Kafka compacts behind the newest segment of a log, which ends when a record comes after its time.

So where nobody writes any more, one record is written once that time is over. It carries nothing, and all readers
pass it over; of all of a partition, compaction keeps the latest.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from memory_consumer import names
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.errors import translated
from memory_consumer.kafka.topics import facts_logs, segment_time
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.records.cdc import SWEEP
from memory_consumer.settings import ConsumerSettings

_TIMEOUT_S = 30.0
#: By which clocks may differ, and Kafka's own delays.
_SLACK = timedelta(seconds=1)

#: A log's partition.
Slot = tuple[str, int]


class Sweeper:
    """Writes to partitions that have been silent for so long that their newest segment can end."""

    def __init__(self, settings: ConsumerSettings, clock: Callable[[], datetime]) -> None:
        """Connects with the first look."""
        self._settings = settings
        self._clock = clock
        self._after = segment_time(settings.erased_within) + _SLACK
        #: Where each partition ended with our own record, so that it needs no other.
        self._swept: dict[Slot, int] = {}

    def sweep(self, partitions: Iterable[int]) -> int:
        """Looks at these partitions of all logs; answers how many were written to. Raises Transient."""
        logs = (names.MESSAGES, *facts_logs(self._settings), names.DEAD_LETTERS)
        wanted = [(topic, each) for each in partitions for topic in logs]
        ends = self._listed(wanted, OffsetSpec.latest())
        unswept = [slot for slot in wanted if ends[slot][0] > 0 and self._swept.get(slot) != ends[slot][0]]
        silent = [
            slot
            for slot, (_, written) in self._listed(unswept, OffsetSpec.max_timestamp()).items()
            if self._is_silent(written)
        ]
        if silent:
            offsets = log_writer.write(self._settings, [Outgoing(*slot, key(slot[1]), b"{}") for slot in silent])
            self._swept |= {slot: offset + 1 for slot, offset in offsets.items()}
        return len(silent)

    def _is_silent(self, written_ms: int) -> bool:
        # Without records it has nothing to end; what is left then are Kafka's own marks.
        written = datetime.fromtimestamp(max(0, written_ms) / 1000, self._clock().tzinfo)
        return written_ms >= 0 and self._clock() - written > self._after

    def _listed(self, slots: Iterable[Slot], spec: OffsetSpec) -> Mapping[Slot, tuple[int, int]]:
        """Offset and time, in milliseconds, of each partition."""
        asked = {TopicPartition(*slot): spec for slot in slots}
        if not asked:
            return {}
        admin = AdminClient(self._settings.client())  # kept in a name: its answers end with it
        with translated():
            answers = admin.list_offsets(asked)
            found = {(each.topic, each.partition): answers[each].result(_TIMEOUT_S) for each in asked}
        return {slot: (int(each.offset), int(each.timestamp)) for slot, each in found.items()}


def key(partition: int) -> bytes:
    """The key of a partition's sweep records."""
    return b'{"%b":%d}' % (SWEEP.encode(), partition)
