"""What is learned in windows: the record of a message before, and after, a model has read it. Pure.

A model words a fact otherwise each time. So an answer is kept as it came; what a user suppressed is only told
from what else was learned by that very answer, and a message with suppressions is not given to a model again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from memory_consumer.asking.windows import Found, Turn
from memory_consumer.learning.extractor import Extractor
from memory_consumer.records.cdc import MessageRow, Written
from memory_consumer.records.facts import (
    CONTEXT_CHARACTERS,
    LEARNED_ROLES,
    SPOKEN_ROLES,
    Fact,
    FactsRecord,
    Source,
    fact_hash,
    fact_ref,
    names_another,
)


@dataclass(frozen=True, slots=True)
class Deferred:
    """An extractor that learns in windows; `version` names exactly its behaviour, what learns notes included."""

    version: str
    #: What learns a note, at once and without a model.
    notes: Extractor


def written(change: Written, offset: int, version: str, known: FactsRecord | None, now: datetime) -> FactsRecord:
    """The record of a message that was written: pending where a model is to read it."""
    row = change.row
    blank = FactsRecord(
        message_id=row.id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        role=row.role,
        revision=row.revision,
        extractor=version,
        state="learned",
        said_at=row.said_at,
        content_hash=_content_hash(row),
        source_offset=offset,
        committed_at=change.committed_at,
        learned_at=now,
    )
    if row.suppressed:
        facts = _left(row, known) if known and says_the_same(known, blank) else ()
        return blank.model_copy(update={"facts": facts})
    if row.role not in SPOKEN_ROLES or not row.content.strip():
        return blank
    spoken = {"said": row.content.strip()[-CONTEXT_CHARACTERS:]}
    if row.role not in LEARNED_ROLES:
        return blank.model_copy(update=spoken)
    return blank.model_copy(update=spoken | {"state": "pending", "text": row.content})


def dated(record: FactsRecord, row: MessageRow) -> FactsRecord:
    """A record that was learned at once, as windows show it and tell its words by."""
    return record.model_copy(update={"said_at": row.said_at, "content_hash": _content_hash(row)})


def says_the_same(known: FactsRecord, written: FactsRecord) -> bool:
    """Whether a message's words are those that were learned, so that only its suppressions changed."""
    same = (known.content_hash, known.extractor) == (written.content_hash, written.extractor)
    # What stands of a pending message's facts is as good as learned: a suppressed message is not read again.
    return (
        bool(known.content_hash) and same and known.state in ("learned", "pending") and written.state == "learned"
    )


def again(record: FactsRecord) -> FactsRecord:
    """The record once facts of it have gone with what they rested on: a model is to read the message again."""
    return record.model_copy(update={"state": "pending"}) if record.text else record


def turn(record: FactsRecord) -> Turn:
    """A message as a window shows it."""
    return Turn(
        message_id=record.message_id,
        conversation_id=record.conversation_id,
        role=record.role,
        text=record.text or record.said,
        said_at=record.said_at or record.committed_at,
    )


def settled(
    given: Mapping[int, FactsRecord],
    found: Sequence[Found],
    now: datetime,
    also: Callable[[Found], Sequence[Source]],
) -> list[FactsRecord]:
    """The records of a window's pending messages, learned.

    `given` are the records of all messages that the model was shown; `also` tells what a fact rests on beside the
    messages that it cites. A fact is filed under the latest pending message that it rests on; one that rests on
    none was learned, or not, with an earlier window.
    """
    facts: dict[int, dict[str, Fact]] = {
        message: {} for message, record in given.items() if record.state == "pending"
    }
    for each in found:
        sources = sorted(set(each.sources) & given.keys())
        filed = max((source for source in sources if source in facts), default=None)
        if filed is not None:
            fact = _fact(each, [given[source] for source in sources], given[filed], also(each))
            facts[filed].setdefault(fact.hash, fact)
    window = tuple(sorted(given))
    return [
        given[message].model_copy(
            update={
                "state": "learned",
                "window": window,
                "facts": tuple(of_message.values()),
                "learned_at": now,
            }
        )
        for message, of_message in facts.items()
    ]


def _fact(found: Found, cited: Sequence[FactsRecord], filed: FactsRecord, also: Sequence[Source]) -> Fact:
    sources = {source.message_id: source for source in also}
    sources |= {each.message_id: Source(message_id=each.message_id, revision=each.revision) for each in cited}
    return Fact(
        text=found.text,
        hash=fact_hash(found.text),
        sources=tuple(sources[message] for message in sorted(sources)),
        supersedes=found.supersedes,
        said_at=filed.said_at or filed.committed_at,
        speaker=found.speaker,
        lang=found.lang,
    )


def _left(row: MessageRow, known: FactsRecord) -> tuple[Fact, ...]:
    if row.suppressed == "all":
        return ()
    refused = frozenset(row.suppressed or ())
    if names_another(refused, known.extractor):
        return ()
    left = (fact for fact in known.facts if fact_ref(known.extractor, fact.hash) not in refused)
    return tuple(restated(fact, row.id, row.revision) for fact in left)


def restated(fact: Fact, message_id: int, revision: str) -> Fact:
    """A fact whose source has another revision, but the same words."""
    sources = tuple(
        Source(message_id=each.message_id, revision=revision) if each.message_id == message_id else each
        for each in fact.sources
    )
    return fact.model_copy(update={"sources": sources})


def _content_hash(row: MessageRow) -> str:
    return fact_hash(f"{row.role}\0{row.content}")
