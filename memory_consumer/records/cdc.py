"""Debezium's change events, read into what happened to one message. Pure.

The envelope is Debezium's (`op`, `after`, `source`), without `before`: the connector drops it, so that an
edit or a delete carries no old text. https://debezium.io/documentation/reference/stable/connectors/mysql.html
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from memory_consumer.errors import Invalid

Role = Literal["user", "assistant", "system", "tool", "note"]
Suppressed = Literal["all"] | tuple[str, ...] | None

#: Key field of sweep records: they make Kafka roll a segment and carry nothing.
SWEEP = "sweep"
#: Key field of a user's profile in the facts log.
PROFILE = "profile"
#: Key field of a request, in the messages log, to write a message's facts record once more, to be filed again.
REFILE = "refile"

#: The largest id that the ledger can keep, and the end of the year 9998.
_MOST_ID = 2**63 - 1
_LAST_MS = 253_370_764_800_000

#: A transaction of MySQL's, with a tag or without.
_GTID = re.compile(r"[\da-fA-F]{8}(-[\da-fA-F]{4}){3}-[\da-fA-F]{12}(:[A-Za-z_]\w{0,31})?:\d{1,19}", re.ASCII)


def _json_column(value: Any) -> Any:  # noqa: ANN401  a JSON column reaches us as text, whatever it holds
    return _from_json(value) if isinstance(value, str) else value


def _from_json(text: str | bytes) -> Any:  # noqa: ANN401  whatever it holds
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _as_utc(moment: datetime) -> datetime:
    # Rows hold UTC; a converter that leaves the Z out must not make it this machine's time.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_Moment = Annotated[datetime, AfterValidator(_as_utc)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class MessageRow(_Frozen):
    """A row of `messages` as an event tells it."""

    id: int = Field(gt=0, le=_MOST_ID)
    user_id: str
    conversation_id: str
    role: Role
    content: str
    suppressed: Annotated[Suppressed, BeforeValidator(_json_column)] = None
    created_at: _Moment
    utc_offset_minutes: int = Field(gt=-24 * 60, lt=24 * 60)
    updated_at: _Moment
    revision: str = Field(min_length=1)

    @property
    def said_at(self) -> datetime:
        """When it was said, with the speaker's own offset."""
        return self.created_at.astimezone(timezone(timedelta(minutes=self.utc_offset_minutes)))

    @model_validator(mode="after")
    def _was_said_at_some_time(self) -> Self:
        try:
            _ = self.said_at
        except OverflowError as exc:
            raise ValueError("no such time") from exc
        return self


def _gtid(value: Any) -> str:  # noqa: ANN401  whatever a connector puts there
    return value if isinstance(value, str) and _GTID.fullmatch(value) else ""


class _Source(_Frozen):
    ts_us: int | None = Field(default=None, ge=0, le=_LAST_MS * 1000)
    ts_ms: int = Field(ge=0, le=_LAST_MS)
    gtid: Annotated[str, BeforeValidator(_gtid)] = ""


class _Envelope(_Frozen):
    op: Literal["c", "u", "r", "d"]
    after: MessageRow | None = None
    source: _Source


@dataclass(frozen=True, slots=True)
class Written:
    """A message was inserted, edited or read again by a snapshot."""

    row: MessageRow
    committed_at: datetime
    #: The transaction that wrote the row; empty where a snapshot read it, or the connector does not tell.
    gtid: str = ""

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
    """The message id in a record's key, None for records of another kind. Raises Invalid where there is none."""
    fields = _fields(key)
    if not fields.keys().isdisjoint((SWEEP, PROFILE, REFILE)):
        return None
    found = fields.get("id")
    if type(found) is int and 0 < found <= _MOST_ID:
        return found
    raise Invalid("The record's key holds no message id.")


def refiles(key: bytes | None) -> int | None:
    """The message whose facts record is to be written once more; None for other records. Raises Invalid."""
    found = _fields(key).get(REFILE)
    return found if type(found) is int and 0 < found <= _MOST_ID else None


def refile_key(message: int) -> bytes:
    """The key of such a request."""
    return b'{"%b":%d}' % (REFILE.encode(), message)


def encode_key(message: int) -> bytes:
    """The key as Debezium's JSON converter writes it, so that both logs compact by the same bytes."""
    return b'{"id":%d}' % message


def encode_removed(at: datetime) -> bytes:
    """The value of a delete event, of a row that was found to be gone."""
    source = {"ts_us": int(at.timestamp() * 1_000_000), "ts_ms": int(at.timestamp() * 1000)}
    return json.dumps({"after": None, "source": source, "op": "d"}).encode()


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
    # A snapshot's event may name the transaction that was read last, which is not the row's.
    return Written(envelope.after, committed_at, "" if envelope.op == "r" else envelope.source.gtid)


def _fields(key: bytes | None) -> dict[str, Any]:
    try:
        fields = _from_json(key or b"")
    except ValueError as exc:
        raise Invalid("The record's key is not JSON.") from exc
    if not isinstance(fields, dict):
        raise Invalid("The record's key holds no message id.")
    return fields


def _cause(exc: ValidationError) -> str:
    first = exc.errors(include_input=False, include_context=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "record"
    return f"The event cannot be read: {field}: {first['type']}."


def _committed_at(source: _Source) -> datetime:
    microseconds = source.ts_us if source.ts_us is not None else source.ts_ms * 1000
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
