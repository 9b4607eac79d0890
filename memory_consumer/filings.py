"""Facts records, as read from their log, as what to file in the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from memory_consumer import cdc, facts
from memory_consumer.errors import Invalid
from memory_consumer.facts import Fact, FactsRecord, Source
from memory_consumer.profiles import record as profile
from memory_consumer.profiles.record import Line
from memory_store.models import Filing, Memory, Profile, ProfileLine, Receipt, SourceRef, point_id


@dataclass(slots=True)
class Slice:
    """As many records of a batch, from its start, as are filed in one go."""

    taken: list[Message] = field(default_factory=list)
    filings: dict[int, Filing] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    unreadable: list[tuple[Message, str]] = field(default_factory=list)

    def memories(self) -> int:
        """How many memories it files."""
        return sum(len(each.memories) for each in self.filings.values())


def first_slice(batch: Sequence[Message], most_memories: int) -> Slice:
    """The start of a batch, ended by the record with which it files `most_memories` or more."""
    found = Slice()
    for message in batch:
        found.taken.append(message)
        try:
            told = profile_of(message)
            read = None if told else filing_of(message)
        except Invalid as exc:
            found.unreadable.append((message, str(exc)))
            continue
        if told is not None:
            found.profiles[told.user_id] = told
        if read is not None:
            found.filings[read.receipt.message_id] = read
        if found.memories() >= most_memories:
            break
    return found


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
