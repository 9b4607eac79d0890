"""Rows and change events as the connector writes them."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from memory_consumer.records.facts import Context, Fact, FactsRecord, Source, fact_hash

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
    """The key of a message's records, byte by byte as the connector writes it."""
    return b'{"id":%d}' % message_id


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


def learned(
    row: Row, *texts: str, state: Literal["learned", "deleted", "dead"] = "learned", before: Row | None = None
) -> FactsRecord:
    """The facts record of a row: one fact per text, its content if none is given."""
    at = START + timedelta(minutes=row.id)
    source = Source(message_id=row.id, revision=row.revision)
    facts = tuple(
        Fact(text=text, hash=fact_hash(text), sources=(source,), said_at=at, lang="en")
        for text in texts or (row.content,)
    )
    return FactsRecord(
        message_id=row.id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        role=row.role,
        revision=row.revision,
        extractor="offline-1",
        state=state,
        facts=facts if state == "learned" else (),
        context=Context(message_id=before.id, revision=before.revision, text=before.content) if before else None,
        source_offset=0,
        committed_at=at,
        learned_at=at,
    )


def _source(message_id: int) -> dict[str, Any]:
    microseconds = int((START + timedelta(minutes=message_id)).timestamp() * 1_000_000)
    return {"ts_ms": microseconds // 1000, "ts_us": microseconds, "snapshot": "false", "gtid": "g:1"}
