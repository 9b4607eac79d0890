"""Reads the logs for what is left of erased messages, and whether all of it has been learned and filed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from memory_consumer import names
from memory_consumer.erasing.traces import Record, Traces
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.kafka.topics import facts_logs
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_store.models import Extent


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of an extent."""

    #: Records with words, by log.
    messages: int
    facts: Mapping[str, int]
    letters: int
    #: Whether its deletion has been learned and filed; None where the log has nothing to tell it by.
    settled: bool | None


class LogTrail:
    """Each look reads the partitions of the users that are asked about, each once, however many these are."""

    def __init__(
        self,
        settings: ConsumerSettings,
        connect: Callable[[ConsumerSettings, str | None], LogReader] = LogReader,
    ) -> None:
        """Connects with each call: to read, and as a group to ask how far it is."""
        self._settings = settings
        self._connect = connect

    def left(self, extents: Sequence[Extent]) -> list[Left]:
        """What is left of each of them. Raises Transient."""
        if not extents:
            return []
        traces = Traces(extents)
        logs, settled = self._read_all({partition_of(each.user_id) for each in extents}, traces)
        counts = traces.counts()
        return [
            Left(
                messages=counts[names.MESSAGES, each],
                facts={log: counts[log, each] for log in logs},
                letters=counts[names.DEAD_LETTERS, each],
                settled=_is_settled(traces.is_deleted(each), passed=partition_of(each.user_id) in settled),
            )
            for each in extents
        ]

    def _read_all(self, partitions: set[int], traces: Traces) -> tuple[list[str], set[int]]:
        """Reads each log; answers with the facts logs, and the partitions in which all is learned and filed."""
        version = self._settings.facts_version
        own = names.facts_log(version)
        with closing(self._connect(self._settings, None)) as reader:
            # In the order in which words move: what has left one log cannot come to the next one any more, nor to
            # one that is not there by then.
            ends = _read(reader, names.MESSAGES, partitions, traces.take_message)
            settled = self._passed(names.extract_group(version), names.MESSAGES, ends)
            logs = facts_logs(self._settings)
            for log in logs:
                ends = _read(reader, log, partitions, partial(traces.take_facts, log))
                if log == own:
                    settled &= self._passed(names.project_group(version), own, ends)
        for letter in LetterBox(self._settings).standing(partitions).values():
            traces.take_letter(letter.user_id, letter.message_id)
        return logs, settled

    def _passed(self, group: str, topic: str, ends: Mapping[int, int]) -> set[int]:
        """The partitions of which a group has taken all up to there."""
        with closing(self._connect(self._settings, group)) as asking:
            return {each for each, end in ends.items() if asking.committed(topic, each) >= end}


def _read(
    reader: LogReader, topic: str, partitions: Collection[int], take: Callable[[Record], None]
) -> dict[int, int]:
    """Reads all of them; answers where whoever has taken the last record of each goes on."""
    ends = dict.fromkeys(partitions, 0)
    for message in reader.read_from(topic, dict.fromkeys(partitions, 0)):
        take((message.key(), message.value()))
        ends[message.partition() or 0] = (message.offset() or 0) + 1
    return ends


def _is_settled(deleted: bool | None, *, passed: bool) -> bool | None:
    return None if deleted is None else deleted and passed
