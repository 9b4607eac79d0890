"""What a field of a request may hold. Pure; each refusal is a sentence that does not quote the value."""

import math
import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from chat_api.messages import theirs
from chat_api.rows.cells import EARLIEST, LATEST

_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
#: What MySQL's JSON holds exactly; a larger number would come back as another one.
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_METADATA_DEPTH = 16
_METADATA_CHARACTERS = 32_768
#: The largest number of a row.
BIGGEST_ID = 2**63 - 1


def plain(text: str) -> str:
    """Text that every part of the pipeline takes: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        raise ValueError("must not hold NUL")
    if not _encodes(text):
        raise ValueError("must not hold half of a surrogate pair")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty or blank")
    return plain(text)


def rfc3339(value: object) -> datetime:
    """A time with its offset."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError(
            "must be a date and time with an offset, such as 2026-03-02T09:00:00+09:00 (in an address + is %2B)"
        )
    try:
        at = datetime.fromisoformat(value.upper())
        in_range = EARLIEST <= at <= LATEST
    except (ValueError, OverflowError) as exc:
        raise ValueError("must be a date and time that exist") from exc
    if not in_range:
        raise ValueError(f"must lie between {EARLIEST.year} and {LATEST.year}")
    return at


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    characters = 0
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _METADATA_DEPTH:
            raise ValueError(f"must not be nested more than {_METADATA_DEPTH} deep")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        characters += 2 + _scalar(item)
    if characters > _METADATA_CHARACTERS:
        raise ValueError(f"must not be longer than about {_METADATA_CHARACTERS} characters")
    # As a row was read, so it may be sent back: what is ours in it is passed over rather than refused.
    return theirs(value) or {}


def _scalar(item: object) -> int:
    if isinstance(item, str):
        return len(plain(item))
    if isinstance(item, float) and not math.isfinite(item):
        raise ValueError("must hold finite numbers only")
    if isinstance(item, int) and not _SMALLEST <= item <= _LARGEST:
        raise ValueError("must hold numbers of at most 64 bits only")
    return 20 if isinstance(item, (int, float)) else 0


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("must be the name of a time zone, such as Asia/Tokyo") from exc
    return name


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# The document says what can be said of a text by a pattern; the validators tell what is wrong in a sentence.
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(plain),
    Field(json_schema_extra={"pattern": r"^[^\u0000]*$"}),
]
#: A user's id is longer than its tenant by a slash and more.
Tenant = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"[^/]$"), AfterValidator(plain)]
Content = Annotated[
    str, AfterValidator(_said), Field(json_schema_extra={"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"})
]
Rfc3339 = Annotated[
    datetime,
    BeforeValidator(rfc3339, json_schema_input_type=str),
    Field(examples=["2026-03-02T09:00:00+09:00"], json_schema_extra={"format": "date-time"}),
]
FactRef = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}:[0-9a-f]{32}$")]
TimeZone = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(plain), AfterValidator(_time_zone)
]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
RowId = Annotated[int, Field(ge=1, le=BIGGEST_ID)]
