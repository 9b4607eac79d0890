"""A memory as the payload of a point, in Mem0's words where it has some. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memory_store.models import Memory, Profile, ProfileLine, Receipt, SourceRef

#: Names of the two vectors, and of the sparse one: Mem0 asks the unnamed one, and would ask one called `bm25`.
TEXT = ""
CONTEXT = "ctx"
WORDS = "words"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_epoch_us: int) -> datetime:
    """The UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=since_epoch_us)


def to_payload(memory: Memory) -> dict[str, Any]:
    """What is stored of a memory beside its id and vectors."""
    return {
        "data": memory.text,
        "hash": memory.hash,
        "user_id": memory.user_id,
        "created_at": memory.said_at.astimezone(UTC).isoformat(),
        "updated_at": memory.learned_at.astimezone(UTC).isoformat(),
        "message_id": memory.message_id,
        "conversation_id": memory.conversation_id,
        "extractor": memory.extractor,
        "sources": _sources_to_payload(memory.sources),
        "supersedes": list(memory.supersedes),
        "said_at_us": microseconds(memory.said_at),
        "speaker": memory.speaker,
        "lang": memory.lang,
        "role": memory.role,
    }


def from_payload(memory_id: str, payload: Mapping[str, Any]) -> Memory:
    """The memory that was stored; its context was not."""
    return Memory(
        id=memory_id,
        message_id=payload["message_id"],
        user_id=payload["user_id"],
        conversation_id=payload["conversation_id"],
        text=payload["data"],
        context="",
        hash=payload["hash"],
        extractor=payload["extractor"],
        sources=_sources_from_payload(payload["sources"]),
        supersedes=tuple(payload["supersedes"]),
        said_at=moment(payload["said_at_us"]),
        speaker=payload["speaker"],
        lang=payload["lang"],
        role=payload["role"],
        learned_at=datetime.fromisoformat(payload["updated_at"]),
    )


def receipt_to_payload(receipt: Receipt) -> dict[str, Any]:
    """What is stored of a receipt beside its message id."""
    return {
        "user_id": receipt.user_id,
        "revision": receipt.revision,
        "state": receipt.state,
        "facts": receipt.facts,
        "learned_at": receipt.learned_at.astimezone(UTC).isoformat(),
        "facts_offset": receipt.facts_offset,
        "filed_at": None if receipt.filed_at is None else receipt.filed_at.astimezone(UTC).isoformat(),
    }


def receipt_from_payload(message_id: int, payload: Mapping[str, Any]) -> Receipt:
    """The receipt that was stored."""
    return Receipt(
        message_id=message_id,
        user_id=payload["user_id"],
        revision=payload["revision"],
        state=payload["state"],
        facts=payload["facts"],
        learned_at=datetime.fromisoformat(payload["learned_at"]),
        facts_offset=payload["facts_offset"],
        filed_at=None if payload["filed_at"] is None else datetime.fromisoformat(payload["filed_at"]),
    )


def profile_to_payload(profile: Profile) -> dict[str, Any]:
    """What is stored of a profile."""
    return {
        "user_id": profile.user_id,
        "lines": [
            {
                "text": line.text,
                "refs": list(line.refs),
                "sources": _sources_to_payload(line.sources),
                "said_at_us": microseconds(line.said_at),
            }
            for line in profile.lines
        ],
        "learned_at": profile.learned_at.astimezone(UTC).isoformat(),
        "facts_offset": profile.facts_offset,
    }


def profile_from_payload(payload: Mapping[str, Any]) -> Profile:
    """The profile that was stored."""
    return Profile(
        user_id=payload["user_id"],
        lines=tuple(
            ProfileLine(
                text=line["text"],
                refs=tuple(line["refs"]),
                sources=_sources_from_payload(line["sources"]),
                said_at=moment(line["said_at_us"]),
            )
            for line in payload["lines"]
        ),
        learned_at=datetime.fromisoformat(payload["learned_at"]),
        facts_offset=payload["facts_offset"],
    )


def _sources_to_payload(sources: Sequence[SourceRef]) -> list[dict[str, Any]]:
    return [{"message_id": source.message_id, "revision": source.revision} for source in sources]


def _sources_from_payload(sources: Sequence[Mapping[str, Any]]) -> tuple[SourceRef, ...]:
    return tuple(SourceRef(source["message_id"], source["revision"]) for source in sources)
