"""What a stage has in hand: records that it was given and is not done with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message


class Hand:
    """Of one stage, which handles a batch at a time; may be looked at from any thread."""

    def __init__(self) -> None:
        self._records: Sequence[Message] = ()

    @contextmanager
    def holding(self, records: Sequence[Message]) -> Iterator[None]:
        """They are in hand for the time of what is done inside."""
        self._records = records
        try:
            yield
        finally:
            self._records = ()

    def by_partition(self) -> Counter[int]:
        """How many there are of each partition."""
        return Counter(message.partition() or 0 for message in self._records)

    def oldest(self) -> datetime | None:
        """When the first written of them was written to Kafka; None without any."""
        told = (message.timestamp() for message in self._records)
        times = [milliseconds for kind, milliseconds in told if kind != TIMESTAMP_NOT_AVAILABLE]
        return datetime.fromtimestamp(min(times) / 1000, UTC) if times else None
