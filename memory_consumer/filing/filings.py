"""Facts records, as read from their log, as what to file in the store."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from confluent_kafka import Message

from memory_consumer.errors import Invalid
from memory_consumer.profiles import record as profile
from memory_consumer.profiles.record import Line
from memory_consumer.records import cdc, facts
from memory_consumer.records.dead_letters import GivenUp
from memory_consumer.records.facts import Fact, FactsRecord, Source
from memory_store.models import Filing, Memory, Profile, ProfileLine, Receipt, SourceRef, point_id

#: Topic, partition and offset of a record.
Place = tuple[str | None, int | None, int | None]


@dataclass(slots=True)
class Slice:
    """As many records of a batch, from its start, as are filed in one go."""

    taken: list[Message] = field(default_factory=list)
    filings: dict[int, Filing] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    #: What is set aside, and why.
    dead: list[tuple[Message, GivenUp]] = field(default_factory=list)

    def memories(self) -> int:
        """How many memories it files."""
        return sum(len(each.memories) for each in self.filings.values())

    def memories_of(self, message: Message) -> int:
        """How many memories it files of a record's message."""
        key = cdc.message_id(message.key())
        return 0 if key is None or key not in self.filings else len(self.filings[key].memories)


def first_slice(
    batch: Sequence[Message],
    most_memories: int,
    given_up: Mapping[Place, GivenUp] = MappingProxyType({}),
    most_dead: int | None = None,
) -> Slice:
    """The start of a batch, ended by the record with which it files `most_memories` or sets `most_dead` aside."""
    found = Slice()
    for message in batch:
        found.taken.append(message)
        given = given_up.get((message.topic(), message.partition(), message.offset()))
        if given is not None:
            found.dead.append((message, given))
            _give_up(message, found)
        else:
            try:
                _take(message, found)
            except Invalid as exc:
                found.dead.append((message, GivenUp(str(exc), tries=1)))
        if found.memories() >= most_memories or len(found.dead) == most_dead:
            break
    return found


def _take(message: Message, found: Slice) -> None:
    told = profile_of(message)
    read = None if told else filing_of(message)
    if told is not None:
        found.profiles[told.user_id] = told
    if read is not None:
        found.filings[read.receipt.message_id] = read


def _give_up(message: Message, found: Slice) -> None:
    """What can be read of it is filed as dead: nothing of it is recalled then, and whoever waits for it knows."""
    # Whatever it fails with it fails with again: then nothing is filed.
    with suppress(Exception):
        read = filing_of(message)
        if read is not None:
            receipt = replace(read.receipt, state="dead", facts=0)
            found.filings[receipt.message_id] = Filing(receipt=receipt, memories=())


def user_of(message: Message) -> str | None:
    """Whose record it is, as far as it can be read."""
    with suppress(Exception):
        if told := profile_of(message):
            return told.user_id
        if read := filing_of(message):
            return read.receipt.user_id or None
    return None


def filing_of(message: Message) -> Filing | None:
    """A message's record of the facts log as what to file; None for other records. Raises Invalid."""
    key, value = cdc.message_id(message.key()), message.value()
    if key is None or not value:
        return None
    record = facts.decode(value)
    if record.message_id != key:
        raise Invalid("The facts record is not of the message that its key names.")
    return filing(record, message.offset() or 0)


def filing(record: FactsRecord, offset: int) -> Filing:
    """What a facts record, found at an offset of its log, files under its message."""
    receipt = Receipt(
        message_id=record.message_id,
        user_id=record.user_id,
        revision=record.revision,
        state=record.state,
        facts=len(record.facts),
        learned_at=record.learned_at,
        facts_offset=offset,
    )
    return Filing(receipt=receipt, memories=tuple(_memory(record, fact) for fact in record.facts))


def profile_of(message: Message) -> Profile | None:
    """A user's record of the facts log as what to file; None for other records. Raises Invalid."""
    key, value = message.key(), message.value()
    if profile.user_of(key) is None or not value:
        return None
    record = profile.decode(key, value)
    return Profile(
        user_id=record.user_id,
        lines=tuple(_line(line) for line in record.lines),
        learned_at=record.learned_at,
        facts_offset=message.offset() or 0,
    )


def _line(line: Line) -> ProfileLine:
    return ProfileLine(
        text=line.text,
        refs=tuple(cited.ref for cited in line.facts),
        sources=_sources(line.sources),
        said_at=line.said_at,
    )


def _sources(sources: Sequence[Source]) -> tuple[SourceRef, ...]:
    return tuple(SourceRef(message_id=each.message_id, revision=each.revision) for each in sources)


def _memory(record: FactsRecord, fact: Fact) -> Memory:
    return Memory(
        id=point_id(record.message_id, fact.hash),
        message_id=record.message_id,
        user_id=record.user_id,
        conversation_id=record.conversation_id,
        text=fact.text,
        context=_context(record, fact),
        hash=fact.hash,
        extractor=record.extractor,
        sources=_sources(fact.sources),
        supersedes=fact.supersedes,
        said_at=fact.said_at,
        speaker=fact.speaker,
        lang=fact.lang,
        role=record.role,
        learned_at=record.learned_at,
    )


def _context(record: FactsRecord, fact: Fact) -> str:
    before = record.context.text if record.context else ""
    return "\n".join(part for part in (before, fact.preceding) if part)
