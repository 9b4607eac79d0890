"""What MySQL gives and takes, as the records of `messages`. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from chat_api.messages import Change, Conversation, Message, Metadata, Pinned, Suppressed

#: A row's columns in the order of no importance: rows come as dictionaries.
COLUMNS = (
    "id, user_id, conversation_id, external_id, role, content, suppressed, metadata, agent_id,"
    " created_at, utc_offset_minutes, updated_at, revision, pinned"
)

#: What a TIMESTAMP can hold.
EARLIEST = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
LATEST = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


def message(row: Mapping[str, Any]) -> Message:
    """A row of `messages`."""
    offset = timezone(timedelta(minutes=row["utc_offset_minutes"]))
    return Message(
        id=row["id"],
        user_id=row["user_id"],
        conversation_id=row["conversation_id"],
        external_id=row["external_id"],
        role=row["role"],
        content=row["content"],
        suppressed=_refs(row["suppressed"]),
        metadata=None if row["metadata"] is None else json.loads(row["metadata"]),
        agent_id=row["agent_id"],
        said_at=utc(row["created_at"]).astimezone(offset),
        updated_at=utc(row["updated_at"]),
        revision=row["revision"],
        pinned=_refs(row["pinned"]),
    )


def change(row: Mapping[str, Any]) -> Change:
    """A row of `messages` without what was said."""
    return Change(
        message_id=row["id"],
        conversation_id=row["conversation_id"],
        role=row["role"],
        revision=row["revision"],
        suppressed=bool(row["suppressed"]),
        said_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
    )


def conversation(row: Mapping[str, Any]) -> Conversation:
    """A row of `conversations` with what its messages come to."""
    last = row["last_said_at"]
    return Conversation(
        conversation_id=row["conversation_id"],
        created_at=utc(row["created_at"]),
        messages=row["messages"],
        last_said_at=None if last is None else utc(last),
    )


def stored(at: datetime) -> datetime:
    """A time as a session in UTC writes it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def offset_minutes(at: datetime) -> int:
    """The speaker's offset from UTC."""
    offset = at.utcoffset()
    assert offset is not None  # noqa: S101  every time here is aware
    return int(offset.total_seconds() // 60)


def refs_cell(refs: Suppressed | Pinned) -> str | None:
    """The JSON of suppressions or pins; sorted, so that their order makes no new revision."""
    if refs is None or refs == "all":
        return None if refs is None else '"all"'
    return json.dumps(sorted(set(refs)), ensure_ascii=False)


def metadata_cell(metadata: Metadata) -> str | None:
    """The JSON of metadata; equal ones give equal text."""
    return None if metadata is None else json.dumps(metadata, ensure_ascii=False, sort_keys=True)


def _refs(cell: str | None) -> Suppressed:
    value = None if cell is None else json.loads(cell)
    return tuple(value) if isinstance(value, list) else value


def utc(naive: datetime) -> datetime:
    """A time as a session in UTC reads it."""
    return naive.replace(tzinfo=UTC)


def utc_if_any(naive: datetime | None) -> datetime | None:
    """The same of a column that may be NULL."""
    return None if naive is None else utc(naive)
