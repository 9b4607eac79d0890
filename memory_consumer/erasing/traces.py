"""What is left in the logs of messages that were erased. Pure.

A record that was replaced stays in its log until Kafka compacts it, so each record counts, not only the latest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from memory_consumer.errors import Invalid
from memory_consumer.profiles import record as profile
from memory_consumer.records import cdc, facts
from memory_consumer.records.cdc import Written
from memory_consumer.records.facts import FactsRecord
from memory_store.models import Extent

Record = tuple[bytes | None, bytes | None]


@dataclass(slots=True)
class Spoken:
    """What the messages log says of a user's messages, record by record."""

    user_id: str
    #: The conversation of each message whose words are there, and how often they are.
    conversations: dict[int, str] = field(default_factory=dict)
    words: dict[int, int] = field(default_factory=dict)
    #: Whether the latest record of a message has words.
    living: dict[int, bool] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Reads a record."""
        try:
            message_id = cdc.message_id(record[0])
            change = cdc.decode(*record)
        except Invalid:
            # Nobody can tell whose it is. It goes as all others do, once its message is deleted.
            return
        if message_id is None:
            return
        if not isinstance(change, Written):
            self.living[message_id] = False
        elif change.row.user_id == self.user_id:
            self.living[message_id] = True
            self.conversations[message_id] = change.row.conversation_id
            self.words[message_id] = self.words.get(message_id, 0) + 1


@dataclass(slots=True)
class Learned:
    """What a facts log says of a user's messages, record by record."""

    user_id: str
    conversations: dict[int, str] = field(default_factory=dict)
    #: Of each record with words, the messages whose words they are.
    words: list[frozenset[int]] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Reads a record."""
        key, value = record
        try:
            if value and profile.user_of(key) is not None:
                self._take_profile(profile.decode(key, value))
            elif value and cdc.message_id(key) is not None:
                self._take_facts(facts.decode(value))
        except Invalid:
            return

    def _take_profile(self, record: profile.ProfileRecord) -> None:
        if record.user_id == self.user_id and record.lines:
            told = {source.message_id for line in record.lines for source in line.sources}
            self.words.append(frozenset(told))

    def _take_facts(self, record: FactsRecord) -> None:
        if record.user_id != self.user_id:
            return
        self.conversations[record.message_id] = record.conversation_id
        has_words = bool(record.facts or record.said or record.text)
        if has_words or record.context is not None:
            self.words.append(record.cites | ({record.message_id} if has_words else set()))


@dataclass(frozen=True, slots=True)
class Traces:
    """What is left of an extent: records with words in each log."""

    messages: int
    facts: int
    #: Whether the log has the deletion of the last of them, so of all; None where it has nothing of that one.
    deleted: bool | None


def traces(extent: Extent, spoken: Spoken, learned: Learned) -> Traces:
    """What is left of it."""
    conversations = learned.conversations | spoken.conversations
    meant = _Meant(extent, conversations)
    return Traces(
        messages=sum(number for message_id, number in spoken.words.items() if message_id in meant),
        facts=sum(any(each in meant for each in words) for words in learned.words),
        deleted=_deleted(extent, spoken),
    )


def letters_of(extent: Extent, message_ids: Iterable[int], conversations: Mapping[int, str]) -> int:
    """How many letters are about one of the messages."""
    meant = _Meant(extent, conversations)
    return sum(each in meant for each in message_ids)


class _Meant:
    """The messages of an extent, as far as their conversations are known."""

    def __init__(self, extent: Extent, conversations: Mapping[int, str]) -> None:
        self._extent = extent
        self._conversations = conversations

    def __contains__(self, message_id: int) -> bool:
        conversation = self._conversations.get(message_id)
        if conversation is None and self._extent.conversation_id is not None:
            return False
        return self._extent.covers(message_id, conversation)


def _deleted(extent: Extent, spoken: Spoken) -> bool | None:
    if extent.up_to == 0:
        return True
    living = spoken.living.get(extent.up_to)
    return None if living is None else not living
