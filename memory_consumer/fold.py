"""The fold: what a change event makes of what has been learned. Pure; live learning and replay share it.

A record is a function of its message's row and of the living turn before it. So a change to a message
rewrites its own record and every record that holds or rests on its text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memory_consumer.cdc import Change, MessageRow, Removed, Written
from memory_consumer.facts import CONTEXT_CHARACTERS, Context, Fact, FactsRecord, Source, State, fact_hash

#: Roles whose words help to understand the turn after them.
_SPOKEN_ROLES = frozenset({"user", "assistant", "note"})


class Learned(Protocol):
    """What has been learned so far, as the fold reads and writes it."""

    def put(self, record: FactsRecord) -> None:
        """Makes a record its message's latest one."""

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message, in whatever state."""

    def turn_before(self, record: FactsRecord) -> FactsRecord | None:
        """The nearest learned message before it in its conversation whose words may be used."""

    def turns_after(self, record: FactsRecord) -> list[FactsRecord]:
        """The learned messages after it in its conversation that have facts, up to one that has words to use."""

    def citing(self, message_id: int) -> list[FactsRecord]:
        """The learned records that hold or rest on a message's text."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a message that is worth remembering."""

    text: str
    #: What stands before it in the same message, as far as it helps to understand it.
    preceding: str = ""
    #: Who said it, where the message itself tells.
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Extractor:
    """What finds the facts in a message; `version` names exactly this behaviour."""

    version: str
    extract: Callable[[MessageRow], tuple[Passage, ...]]
    language: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Event:
    """A change with its offset in the messages log."""

    change: Change
    offset: int


def needs_learning(event: Event, learned: Learned, extractor: Extractor) -> bool:
    """False for what is learned already: redeliveries, rows read again, updates that change nothing."""
    known = learned.record(event.change.message_id)
    match event.change:
        case Written(row=row):
            return (
                known is None
                or known.state == "deleted"
                or (known.revision, known.extractor) != (row.revision, extractor.version)
            )
        case Removed():
            return known is not None and known.state != "deleted"


def fold(event: Event, learned: Learned, extractor: Extractor, now: datetime) -> list[FactsRecord]:
    """The records that an event writes: its message's own first, then those that cite it, rewritten."""
    if not needs_learning(event, learned, extractor):
        return []
    match event.change:
        case Written():
            own = _written(event.change, event.offset, extractor, now)
            own = _with_context(own, learned.turn_before(own))
        case Removed(message_id=message, committed_at=committed_at):
            known = learned.record(message)
            assert known is not None  # noqa: S101  needs_learning has seen it
            own = emptied(known, "deleted", event.offset, committed_at, now)
    learned.put(own)
    return [own, *_rewritten(own, learned, now)]


def set_aside(
    message_id: int, offset: int, learned: Learned, extractor: Extractor, now: datetime
) -> list[FactsRecord]:
    """The records that an unreadable event writes: its message is dead until a later event can be read."""
    known = learned.record(message_id)
    if known is None:
        own = _unknown(message_id, offset, extractor, now)
    else:
        own = emptied(known, "dead", offset, now, now)
    learned.put(own)
    return [own, *_rewritten(own, learned, now)]


def emptied(known: FactsRecord, state: State, offset: int, committed_at: datetime, now: datetime) -> FactsRecord:
    """A message's record once nothing of its text may stay."""
    return FactsRecord(
        message_id=known.message_id,
        user_id=known.user_id,
        conversation_id=known.conversation_id,
        role=known.role,
        revision=known.revision if state == "deleted" else "",
        extractor=known.extractor,
        state=state,
        source_offset=offset,
        committed_at=committed_at,
        learned_at=now,
    )


def _unknown(message_id: int, offset: int, extractor: Extractor, now: datetime) -> FactsRecord:
    return FactsRecord(
        message_id=message_id,
        user_id="",
        conversation_id="",
        role="",
        revision="",
        extractor=extractor.version,
        state="dead",
        source_offset=offset,
        committed_at=now,
        learned_at=now,
    )


def _written(change: Written, offset: int, extractor: Extractor, now: datetime) -> FactsRecord:
    row = change.row
    usable = row.role in _SPOKEN_ROLES and row.suppressed is None
    return FactsRecord(
        message_id=row.id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        role=row.role,
        revision=row.revision,
        extractor=extractor.version,
        state="learned",
        window=(row.id,),
        facts=_facts(row, extractor),
        said=row.content.strip()[-CONTEXT_CHARACTERS:] if usable else "",
        source_offset=offset,
        committed_at=change.committed_at,
        learned_at=now,
    )


def _facts(row: MessageRow, extractor: Extractor) -> tuple[Fact, ...]:
    if row.suppressed == "all" or _suppressed_elsewhere(row, extractor):
        return ()
    source = Source(message_id=row.id, revision=row.revision)
    found = [
        Fact(
            text=passage.text,
            preceding=passage.preceding,
            hash=fact_hash(passage.text),
            sources=(source,),
            said_at=row.said_at,
            speaker=passage.speaker,
            lang=extractor.language(passage.text),
        )
        for passage in extractor.extract(row)
    ]
    refused = frozenset(row.suppressed or ())
    return tuple(fact for fact in found if f"{extractor.version}:{fact.hash}" not in refused)


def _suppressed_elsewhere(row: MessageRow, extractor: Extractor) -> bool:
    # Another extractor words its facts otherwise: what the user forbade cannot be told apart.
    return any(not ref.startswith(f"{extractor.version}:") for ref in row.suppressed or ())


def _with_context(record: FactsRecord, before: FactsRecord | None) -> FactsRecord:
    if before is None or not record.facts:
        return record.model_copy(update={"context": None})
    context = Context(message_id=before.message_id, revision=before.revision, text=before.said)
    return record.model_copy(update={"context": context})


def _rewritten(own: FactsRecord, learned: Learned, now: datetime) -> list[FactsRecord]:
    touched = {record.message_id: record for record in learned.citing(own.message_id)}
    touched |= {record.message_id: record for record in learned.turns_after(own)}
    changed: list[FactsRecord] = []
    for message in sorted(touched):
        standing = tuple(fact for fact in touched[message].facts if _stands(fact, own))
        record = touched[message].model_copy(update={"facts": standing})
        record = _with_context(record, learned.turn_before(record))
        if record != touched[message]:
            record = record.model_copy(update={"learned_at": now})
            learned.put(record)
            changed.append(record)
    return changed


def _stands(fact: Fact, changed: FactsRecord) -> bool:
    """A fact stands while every message it rests on says what it said."""
    return not any(
        source.message_id == changed.message_id
        and (changed.state != "learned" or source.revision != changed.revision)
        for source in fact.sources
    )
