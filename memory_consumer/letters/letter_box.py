"""The topic of dead letters, as it is read; and written to by project, which has no transactions."""

from collections.abc import Iterable, Sequence
from contextlib import closing

from memory_consumer import names
from memory_consumer.errors import Invalid
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.records import dead_letters
from memory_consumer.records.dead_letters import DeadLetter
from memory_consumer.settings import ConsumerSettings

#: Partition and key.
Slot = tuple[int, bytes]


class LetterBox:
    """Reads which letters stand; writes letters, and takes them back."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Connects with each call."""
        self._settings = settings

    def standing(self, partitions: Iterable[int] = range(names.PARTITIONS)) -> dict[Slot, DeadLetter]:
        """The letters that were not taken back. Raises Transient."""
        found: dict[Slot, DeadLetter] = {}
        with closing(LogReader(self._settings)) as reader:
            for partition in partitions:
                # Mostly there are none, and to read nothing takes longer than to see that.
                if reader.end(names.DEAD_LETTERS, partition) > 0:
                    found |= _read(reader, partition)
        return found

    def write(self, letters: Sequence[Outgoing]) -> None:
        """Writes letters, or takes them back. Raises Transient."""
        log_writer.write(self._settings, letters)


def _read(reader: LogReader, partition: int) -> dict[Slot, DeadLetter]:
    found: dict[Slot, DeadLetter] = {}
    for message in reader.read(names.DEAD_LETTERS, partition):
        slot, value = (partition, message.key() or b""), message.value()
        if value is None:
            found.pop(slot, None)
            continue
        try:
            found[slot] = dead_letters.decode(message.key(), value)
        except Invalid:
            found.pop(slot, None)
    return found
