"""Debezium's change events, read into what happened to one message. Pure.

The envelope is Debezium's (`op`, `after`, `source`), without `before`: the connector drops it, so that an
edit or a delete carries no old text. https://debezium.io/documentation/reference/stable/connectors/mysql.html
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from memory_consumer.errors import Invalid

Role = Literal["user", "assistant", "system", "tool", "note"]
Suppressed = Literal["all"] | tuple[str, ...] | None

#: Key field of sweep records: they make Kafka roll a segment and carry nothing.
SWEEP = "sweep"


def _json_column(value: Any) -> Any:  # noqa: ANN401  a JSON column reaches us as text, whatever it holds
    return json.loads(value) if isinstance(value, str) else value


class MessageRow(BaseModel):
    """A row of `messages` as an event tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int = Field(gt=0)
    user_id: str
    conversation_id: str
    role: Role
    content: str
    suppressed: Annotated[Suppressed, BeforeValidator(_json_column)] = None
    created_at: datetime
    utc_offset_minutes: int
    updated_at: datetime
    revision: str = Field(min_length=1)

    @property
    def said_at(self) -> datetime:
        """When it was said, with the speaker's own offset."""
        return self.created_at.astimezone(timezone(timedelta(minutes=self.utc_offset_minutes)))


class _Source(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ts_us: int | None = None
    ts_ms: int


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["c", "u", "r", "d"]
    after: MessageRow | None = None
    source: _Source


@dataclass(frozen=True, slots=True)
class Written:
    """A message was inserted, edited or read again by a snapshot."""

    row: MessageRow
    committed_at: datetime

    @property
    def message_id(self) -> int:
        """The message's id."""
        return self.row.id


@dataclass(frozen=True, slots=True)
class Removed:
    """A message was deleted."""

    message_id: int
    committed_at: datetime


Change = Written | Removed


def message_id(key: bytes | None) -> int | None:
    """The message id in a record's key, None for a sweep record. Raises Invalid where there is neither."""
    try:
        fields = json.loads(key or b"")
    except ValueError as exc:
        raise Invalid("The record's key is not JSON.") from exc
    if isinstance(fields, dict):
        if SWEEP in fields:
            return None
        found = fields.get("id")
        if type(found) is int and found > 0:
            return found
    raise Invalid("The record's key holds no message id.")


def encode_key(message: int) -> bytes:
    """The key as Debezium's JSON converter writes it, so that both logs compact by the same bytes."""
    return b'{"id":%d}' % message


def decode(key: bytes | None, value: bytes | None) -> Change | None:
    """What a record of the messages log says; None for records that say nothing (sweeps, tombstones).

    Raises Invalid for anything else; its message names fields, never their content.
    """
    message = message_id(key)
    if message is None or not value:
        return None
    try:
        envelope = _Envelope.model_validate_json(value)
    except ValidationError as exc:
        raise Invalid(_cause(exc)) from exc
    committed_at = _committed_at(envelope.source)
    if envelope.op == "d":
        return Removed(message, committed_at)
    if envelope.after is None or envelope.after.id != message:
        raise Invalid("The event's row is missing or is not the one that its key names.")
    return Written(envelope.after, committed_at)


def _cause(exc: ValidationError) -> str:
    first = exc.errors(include_input=False, include_context=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "record"
    return f"The event cannot be read: {field}: {first['type']}."


def _committed_at(source: _Source) -> datetime:
    microseconds = source.ts_us if source.ts_us is not None else source.ts_ms * 1000
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
