"""Rows and change events as the connector writes them."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A row of `messages`."""

    id: int
    content: str
    user_id: str = "alice"
    conversation_id: str = "c1"
    role: str = "user"
    suppressed: str | list[str] | None = None

    @property
    def revision(self) -> str:
        """A digest over what is learned from, as the database's generated column makes it."""
        said = "\0".join((self.role, self.content, json.dumps(self.suppressed)))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def edited(self, **changes: Any) -> "Row":  # noqa: ANN401  any field of a row
        """The row after an UPDATE."""
        return replace(self, **changes)


def key(message_id: int) -> bytes:
    """The key of a message's records."""
    return json.dumps({"id": message_id}).encode()


def written(row: Row, op: str = "c") -> bytes:
    """The value of an insert, update (`u`) or snapshot (`r`) event."""
    at = (START + timedelta(minutes=row.id)).isoformat().replace("+00:00", "Z")
    after = {
        "id": row.id,
        "user_id": row.user_id,
        "conversation_id": row.conversation_id,
        "external_id": None,
        "role": row.role,
        "content": row.content,
        "suppressed": None if row.suppressed is None else json.dumps(row.suppressed),
        "metadata": None,
        "agent_id": None,
        "created_at": at,
        "utc_offset_minutes": 540,
        "inserted_at": at,
        "updated_at": at,
        "revision": row.revision,
    }
    return json.dumps({"after": after, "source": _source(row.id), "op": op, "ts_ms": 1}).encode()


def removed(message_id: int) -> bytes:
    """The value of a delete event: no `before`, nothing after."""
    return json.dumps({"after": None, "source": _source(message_id), "op": "d", "ts_ms": 1}).encode()


def _source(message_id: int) -> dict[str, Any]:
    microseconds = int((START + timedelta(minutes=message_id)).timestamp() * 1_000_000)
    return {"ts_ms": microseconds // 1000, "ts_us": microseconds, "snapshot": "false", "gtid": "g:1"}
