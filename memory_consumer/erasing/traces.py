"""What is left in the logs of messages that were erased. Pure.

A record that was replaced stays in its log until Kafka compacts it, so each record counts, not only the latest.
Each is read once, however many erasures are asked about, and nothing is kept of it that none of them needs.
One that cannot be read counts as words of the message that its key names, where anything tells whose that is.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from memory_consumer import names
from memory_consumer.errors import Invalid
from memory_consumer.profiles import record as profile
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.records import cdc, facts
from memory_consumer.records.cdc import Written
from memory_consumer.records.facts import FactsRecord
from memory_store.models import Extent

Record = tuple[bytes | None, bytes | None]


class Traces:
    """What the logs hold of some extents: it is told the messages log first, then each facts log, then letters."""

    def __init__(self, extents: Iterable[Extent]) -> None:
        self._users: dict[str, _OfUser] = {}
        #: Of the last message of each extent whether its latest record has words; None where there is no record.
        self._living: dict[int, bool | None] = {}
        self._counts: Counter[tuple[str, Extent]] = Counter()
        #: How many records of a log have a value that cannot be read, by the message that their key names.
        self._unread: Counter[tuple[str, int]] = Counter()
        #: Whose messages are, of the users that are asked about.
        self._owners: dict[int, str] = {}
        for extent in extents:
            self._users.setdefault(extent.user_id, _OfUser()).add(extent)
            self._living[extent.up_to] = None

    def take_message(self, record: Record) -> None:
        """Reads a record of the messages log."""
        message_id = None
        try:
            message_id = cdc.message_id(record[0])
            change = cdc.decode(*record)
        except Invalid:
            self._take_unread(names.MESSAGES, message_id)
            return
        if message_id in self._living:
            self._living[message_id] = isinstance(change, Written)
        if isinstance(change, Written) and (user := self._users.get(change.row.user_id)):
            self._owners[change.message_id] = change.row.user_id
            user.note(change.message_id, change.row.conversation_id)
            self._count(names.MESSAGES, user.meant({change.message_id}))

    def take_facts(self, log: str, record: Record) -> None:
        """Reads a record of that facts log."""
        key, value = record
        message_id = None
        try:
            message_id = cdc.message_id(key)
            if value and message_id is not None:
                self._take_facts(log, facts.decode(value))
            elif value and profile.user_of(key) in self._users:
                self._take_profile(log, profile.decode(key, value))
        except Invalid:
            self._take_unread(log, message_id)

    def take_letter(self, user_id: str | None, message_id: int | None) -> None:
        """Reads of a letter that stands whose it is, and of which message."""
        if message_id is not None and (user := self._users.get(user_id or "")):
            self._owners[message_id] = user_id or ""
            self._count(names.DEAD_LETTERS, user.meant({message_id}))

    def counts(self) -> Counter[tuple[str, Extent]]:
        """By topic and extent, how many records of those that were read have words of it, or are about it."""
        for user in self._users.values():
            while user.undecided:
                log, message_ids = user.undecided.pop()
                self._count(log, user.meant(message_ids))
        while self._unread:
            (log, message_id), records = self._unread.popitem()
            for each in self._meant(message_id):
                self._counts[log, each] += records
        return self._counts

    def is_deleted(self, extent: Extent) -> bool | None:
        """Whether the log has the deletion of the last message, so of all; None where it has no record of it."""
        if extent.up_to == 0:
            return True
        living = self._living[extent.up_to]
        return None if living is None else not living

    def _take_unread(self, log: str, message_id: int | None) -> None:
        # It may have words. Whose they are another record may tell, also a later one.
        if message_id is not None:
            self._unread[log, message_id] += 1

    def _meant(self, message_id: int) -> set[Extent]:
        owner = self._owners.get(message_id)
        if owner is not None:
            return self._users[owner].meant({message_id})
        # Only its user can ask for one message, so its id tells enough.
        return {each for user in self._users.values() for each in user.alone(message_id)}

    def _take_facts(self, log: str, record: FactsRecord) -> None:
        user = self._users.get(record.user_id)
        if user is None:
            return
        self._owners[record.message_id] = record.user_id
        user.note(record.message_id, record.conversation_id)
        has_words = bool(record.facts or record.said or record.text)
        if has_words or record.context is not None:
            own = {record.message_id} if has_words else set()
            self._take_words(log, user, own, record.cites)

    def _take_profile(self, log: str, record: ProfileRecord) -> None:
        told = {source.message_id for line in record.lines for source in line.sources}
        self._take_words(log, self._users[record.user_id], set(), told)

    def _take_words(self, log: str, user: "_OfUser", own: AbstractSet[int], cited: AbstractSet[int]) -> None:
        if cited and user.conversations:
            # Only a later record may tell of which conversation they are.
            user.undecided.append((log, frozenset(own | cited)))
        else:
            self._count(log, user.meant(own | cited))

    def _count(self, topic: str, extents: Iterable[Extent]) -> None:
        self._counts.update((topic, each) for each in extents)


class _OfUser:
    """The extents of a user."""

    def __init__(self) -> None:
        self._single: dict[int, Extent] = {}
        self._several: set[Extent] = set()
        #: The messages of each conversation that is meant, as far as they are known.
        self.conversations: dict[str, set[int]] = {}
        #: The log of each record with words, and whose words these are; only where a conversation is meant.
        self.undecided: list[tuple[str, frozenset[int]]] = []

    def add(self, extent: Extent) -> None:
        """Another one."""
        if extent.alone:
            self._single[extent.up_to] = extent
            return
        self._several.add(extent)
        if extent.conversation_id is not None:
            self.conversations.setdefault(extent.conversation_id, set())

    def note(self, message_id: int, conversation_id: str) -> None:
        """Keeps in mind of which conversation a message is, if that is meant."""
        if (known := self.conversations.get(conversation_id)) is not None:
            known.add(message_id)

    def alone(self, message_id: int) -> set[Extent]:
        """The extent that is this message alone, if it is meant."""
        return {self._single[message_id]} if message_id in self._single else set()

    def meant(self, message_ids: AbstractSet[int]) -> set[Extent]:
        """The extents that have one of these messages, as far as the conversations of these are known."""
        found = {self._single[each] for each in message_ids if each in self._single}
        return found | {each for each in self._several if any(self._has(each, one) for one in message_ids)}

    def _has(self, extent: Extent, message_id: int) -> bool:
        place = extent.conversation_id
        return extent.covers(message_id, place) and (place is None or message_id in self.conversations[place])
