"""What a stage holds of the records that fail in it."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Message

from memory_consumer.errors import Invalid, TooMany, Transient, Unforeseen
from memory_consumer.records.dead_letters import GivenUp
from memory_consumer.stages.attempts import Cap, Tries, Went, named
from memory_consumer.stages.stage import Partition, Report, by_partition
from memory_store.errors import Refused, Unavailable

_log = logging.getLogger(__name__)

#: What does not say that it is the record.
FORESEEN = (Transient, TooMany, Unavailable)


class SetAside:
    """What a stage holds of records that fail: their tries, and how many it may still set aside. Thread-safe."""

    def __init__(self, report: Report, cap: Cap) -> None:
        self._report = report
        self._cap = cap
        self._tries = Tries()
        self._cause = ""

    def given_up(self, partition: Partition) -> Mapping[int, GivenUp]:
        """The record of a partition that is to be set aside, by its offset."""
        return self._tries.given_up(partition)

    @property
    def room(self) -> int:
        """How many more may be set aside. Raises TooMany where it is none."""
        if not self._report.stopped and (room := self._cap.room):
            return room
        if not self._report.stopped:
            self._report.stopped = True
            _log.error("Too many records were set aside: %s.", self._cap, extra={"action": "stage_stopped"})
        raise TooMany(
            f"stopped: too many records were set aside ({self._cap}; the last cause: {self._cause}). No more are,"
            " and nothing is lost. Mend the cause and start oboegaki again; then `oboegaki dead-letters redrive"
            " --all` learns what was set aside."
        )

    def failed(self, message: Message, error: Exception) -> Exception:
        """Notes a failure of a record, and answers what the stage waits for."""
        if isinstance(error, FORESEEN):
            return error
        [partition] = by_partition([message])
        # Only our own texts are known to quote nothing.
        self._cause = str(error) if isinstance(error, Invalid) else named(error)
        self._tries.failed(partition, message.offset() or 0, self._cause)
        _log.error(
            "%s, partition %s, offset %s failed in a way that was not foreseen: %s.",
            *partition,
            message.offset(),
            self._cause,
            extra={"action": "record_failed"},
        )
        # A refusal says what to do.
        return error if isinstance(error, Refused) else Unforeseen(self._cause)

    def done(self, went: Sequence[Went], cause: str = "") -> None:
        """Notes how records went, in their order."""
        self._cause = cause or self._cause
        self._cap.note(went)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drops what was noted of partitions that were given up."""
        self._tries.forget(partitions)
