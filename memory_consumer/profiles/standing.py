"""The facts that stand of some records: those that no later one of them supersedes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from memory_consumer.profiles.record import Cited, Told
from memory_consumer.records.facts import FactsRecord
from memory_store.models import point_id
from memory_store.superseding import superseded


@dataclass(frozen=True, slots=True)
class _Known:
    id: str
    message_id: int
    user_id: str
    said_at: datetime
    supersedes: tuple[str, ...]
    told: Told


def standing(records: Iterable[FactsRecord]) -> list[Told]:
    """What a user's records tell, as recall would show it."""
    known = [
        _Known(
            id=point_id(record.message_id, fact.hash),
            message_id=record.message_id,
            user_id=record.user_id,
            said_at=fact.said_at,
            supersedes=fact.supersedes,
            told=Told(
                cited=Cited(message_id=record.message_id, extractor=record.extractor, hash=fact.hash),
                text=fact.text,
                sources=fact.sources,
                said_at=fact.said_at,
                speaker=fact.speaker,
            ),
        )
        for record in records
        for fact in record.facts
    ]
    gone = superseded(known)
    return [each.told for each in known if each.id not in gone]
