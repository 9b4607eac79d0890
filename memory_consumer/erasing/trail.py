"""Reads the logs for what is left of erased messages, and whether all of it has been learned and filed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from confluent_kafka import Message

from memory_consumer import names
from memory_consumer.erasing.traces import Learned, Spoken, letters_of, traces
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
    """Looks once for each call, which reads the partitions of the users that are asked about."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Connects with each call."""
        self._settings = settings

    def left(self, extents: Sequence[Extent]) -> list[Left]:
        """What is left of each of them. Raises Transient."""
        found: dict[Extent, Left] = {}
        by_user: dict[str, list[Extent]] = defaultdict(list)
        for extent in extents:
            by_user[extent.user_id].append(extent)
        for user_id, theirs in by_user.items():
            found |= self._of_user(user_id, theirs)
        return [found[extent] for extent in extents]

    def _of_user(self, user_id: str, extents: Sequence[Extent]) -> dict[Extent, Left]:
        partition, version = partition_of(user_id), self._settings.facts_version
        spoken = Spoken(user_id)
        with closing(LogReader(self._settings)) as reader:
            # In the order in which words move: what has left one log cannot come to the next one any more.
            learned_up_to = _read(reader.read(names.MESSAGES, partition), spoken)
            is_learned = self._passed(names.extract_group(version), names.MESSAGES, partition, learned_up_to)
            logs: dict[str, Learned] = {}
            is_filed = False
            for log in facts_logs(self._settings):
                logs[log] = Learned(user_id)
                end = _read(reader.read(log, partition), logs[log])
                if log == names.facts_log(version):
                    is_filed = self._passed(names.project_group(version), log, partition, end)
        return {
            each: self._left(each, spoken, logs, partition, passed=is_learned and is_filed) for each in extents
        }

    def _left(
        self, extent: Extent, spoken: Spoken, logs: Mapping[str, Learned], partition: int, *, passed: bool
    ) -> Left:
        found = {log: traces(extent, spoken, learned) for log, learned in logs.items()}
        own = found[names.facts_log(self._settings.facts_version)]
        conversations = spoken.conversations.copy()
        for learned in logs.values():
            conversations |= learned.conversations
        letters = [
            each.message_id
            for each in LetterBox(self._settings).standing([partition]).values()
            if each.message_id is not None and each.user_id == extent.user_id
        ]
        return Left(
            messages=own.messages,
            facts={log: each.facts for log, each in found.items()},
            letters=letters_of(extent, letters, conversations),
            settled=None if own.deleted is None else own.deleted and passed,
        )

    def _passed(self, group: str, topic: str, partition: int, end: int) -> bool:
        with closing(LogReader(self._settings, group)) as asking:
            return asking.committed(topic, partition) >= end


def _read(messages: Iterator[Message], into: Spoken | Learned) -> int:
    """Reads all of them; answers where whoever has taken the last one goes on."""
    end = 0
    for message in messages:
        into.take((message.key(), message.value()))
        end = (message.offset() or 0) + 1
    return end
