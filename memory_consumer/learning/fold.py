"""The fold: what a change event makes of what has been learned. Pure; live learning and replay share it.

A record is a function of its message's row and of the living turn before it; of what is learned in windows, of
the answer of its window. So a change to a message rewrites its own record and every record that holds or rests on
its text.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from memory_consumer.learning import deferred
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extractor import Extractor
from memory_consumer.records.cdc import Change, MessageRow, Removed, Written
from memory_consumer.records.facts import (
    CONTEXT_CHARACTERS,
    SPOKEN_ROLES,
    Context,
    Fact,
    FactsRecord,
    Source,
    State,
    fact_hash,
    fact_ref,
    names_another,
)


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
class Event:
    """A change with its offset in the messages log."""

    change: Change
    offset: int


def needs_learning(event: Event, learned: Learned, extractor: Extractor | Deferred) -> bool:
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


def fold(event: Event, learned: Learned, extractor: Extractor | Deferred, now: datetime) -> list[FactsRecord]:
    """The records that an event writes: its message's own first, then those that cite it, rewritten."""
    if not needs_learning(event, learned, extractor):
        return []
    known = learned.record(event.change.message_id)
    match event.change:
        case Written():
            if isinstance(extractor, Deferred) and event.change.row.role == "note":
                own = _noted(event.change, event.offset, extractor, now)
            elif isinstance(extractor, Deferred):
                own = deferred.written(event.change, event.offset, extractor.version, known, now)
            else:
                own = _written(event.change, event.offset, extractor, now)
                own = _with_context(own, learned.turn_before(own))
        case Removed(committed_at=committed_at):
            assert known is not None  # noqa: S101  needs_learning has seen it
            own = emptied(known, "deleted", event.offset, committed_at, now)
    learned.put(own)
    return [own, *_rewritten(own, _effect(event.change, known, own), learned, now)]


def set_aside(
    message_id: int,
    offset: int,
    learned: Learned,
    extractor: Extractor | Deferred,
    now: datetime,
    *,
    row: MessageRow | None = None,
) -> list[FactsRecord]:
    """The records of an event that cannot be learned: its message is dead until a later event can be.

    `row` is what it says, as far as it can be read.
    """
    known = learned.record(message_id)
    if known is None:
        own = _unknown(message_id, row, offset, extractor, now)
    else:
        own = emptied(known, "dead", offset, now, now)
    learned.put(own)
    return [own, *_rewritten(own, Effect(own), learned, now)]


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


def _unknown(
    message_id: int, row: MessageRow | None, offset: int, extractor: Extractor | Deferred, now: datetime
) -> FactsRecord:
    return FactsRecord(
        message_id=message_id,
        user_id="" if row is None else row.user_id,
        conversation_id="" if row is None else row.conversation_id,
        role="" if row is None else row.role,
        revision="",
        extractor=extractor.version,
        state="dead",
        source_offset=offset,
        committed_at=now,
        learned_at=now,
    )


def _written(change: Written, offset: int, extractor: Extractor, now: datetime) -> FactsRecord:
    row = change.row
    usable = row.role in SPOKEN_ROLES and row.suppressed is None
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


def _noted(change: Written, offset: int, extractor: Deferred, now: datetime) -> FactsRecord:
    """A note beside a model: nobody is asked, as it is to be remembered in its own words."""
    at_once = replace(extractor.notes, version=extractor.version)
    return deferred.dated(_written(change, offset, at_once, now), change.row)


def _facts(row: MessageRow, extractor: Extractor) -> tuple[Fact, ...]:
    if row.suppressed == "all" or names_another(row.suppressed or (), extractor.version):
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
    return tuple(fact for fact in found if fact_ref(extractor.version, fact.hash) not in refused)


def _with_context(record: FactsRecord, before: FactsRecord | None) -> FactsRecord:
    # A note stands for itself, whatever was said before it.
    if before is None or not record.facts or record.role == "note":
        return record.model_copy(update={"context": None})
    context = Context(message_id=before.message_id, revision=before.revision, text=before.said)
    return record.model_copy(update={"context": context})


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change to a message does to the facts that rest on it."""

    own: FactsRecord
    #: Only its suppressions changed: its words are those that were learned.
    says_the_same: bool = False
    refused: frozenset[str] = frozenset()

    def on(self, fact: Fact) -> Fact | None:
        """The fact as it stands from now on; None where it does not: a message it rests on says something else."""
        cited = [source for source in fact.sources if source.message_id == self.own.message_id]
        if not cited or (self._lives() and cited[0].revision == self.own.revision):
            return fact
        if not self.says_the_same or "all" in self.refused or self.forbids(fact):
            return None
        return deferred.restated(fact, self.own.message_id, self.own.revision)

    def forbids(self, fact: Fact) -> bool:
        """Whether the user told to forget it."""
        return fact_ref(self.own.extractor, fact.hash) in self.refused

    def _lives(self) -> bool:
        return self.own.state in ("learned", "pending")


def _effect(change: Change, known: FactsRecord | None, own: FactsRecord) -> Effect:
    suppressed = change.row.suppressed if isinstance(change, Written) else None
    refused = frozenset(("all",) if suppressed == "all" else suppressed or ())
    same = known is not None and deferred.says_the_same(known, own)
    return Effect(own, says_the_same=same, refused=refused)


def _rewritten(own: FactsRecord, effect: Effect, learned: Learned, now: datetime) -> list[FactsRecord]:
    touched = {record.message_id: record for record in learned.citing(own.message_id)}
    touched |= {record.message_id: record for record in learned.turns_after(own)}
    changed: list[FactsRecord] = []
    for message in sorted(touched):
        record = _affected(touched[message], effect)
        if not record.content_hash:
            record = _with_context(record, learned.turn_before(record))
        if record != touched[message]:
            record = record.model_copy(update={"learned_at": now})
            learned.put(record)
            changed.append(record)
    return changed


def _affected(record: FactsRecord, effect: Effect) -> FactsRecord:
    standing = tuple(stands for fact in record.facts if (stands := effect.on(fact)) is not None)
    gone = {fact.hash for fact in record.facts} - {fact.hash for fact in standing}
    left = record.model_copy(update={"facts": standing})
    lost = any(fact.hash in gone and not effect.forbids(fact) for fact in record.facts)
    return deferred.again(left) if lost else left
