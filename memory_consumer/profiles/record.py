"""The profile record: what matters most about a user, in the facts log beside what it rests on. Pure.

One record per user, under a key of its own; it cites facts, so it is written anew in the transaction in which one
of them changes or goes.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from memory_consumer.errors import Invalid
from memory_consumer.records.cdc import PROFILE
from memory_consumer.records.facts import Source, decoded, fact_ref

#: What a profile may come to, with what a prompt puts before each line: a dash and a date.
BUDGET_TOKENS = 300
LINE_TOKENS = 8


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Cited(_Frozen):
    """A fact by the message that it is filed under."""

    message_id: int
    extractor: str
    hash: str

    @property
    def ref(self) -> str:
        """How a message's suppressions name it."""
        return fact_ref(self.extractor, self.hash)


class Line(_Frozen):
    """Something that matters, in words that rest on all of `facts`."""

    text: str
    facts: tuple[Cited, ...]
    #: The messages that the facts rest on.
    sources: tuple[Source, ...]
    #: When the latest of the facts was said.
    said_at: datetime


class ProfileRecord(_Frozen):
    """What matters most about a user, the most important line first; no lines once nothing is left to tell."""

    user_id: str
    #: What chose or wrote the lines; names exactly one behaviour.
    author: str
    lines: tuple[Line, ...]
    learned_at: datetime
    #: When a model last wrote it; None where none ever did.
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A fact that stands, as a profile is made from it."""

    cited: Cited
    text: str
    sources: tuple[Source, ...]
    said_at: datetime
    speaker: str | None = None


def encode_key(user_id: str) -> bytes:
    """The key of a user's profile, equal bytes for equal users."""
    return json.dumps({PROFILE: user_id}, separators=(",", ":")).encode()


def user_of(key: bytes | None) -> str | None:
    """The user in a profile's key, None for any other key."""
    try:
        fields = json.loads(key or b"")
    except (ValueError, RecursionError):
        return None
    found = fields.get(PROFILE) if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None


def encode(record: ProfileRecord) -> tuple[bytes, bytes]:
    """Key and value for the facts log."""
    return encode_key(record.user_id), record.model_dump_json().encode()


def decode(key: bytes | None, value: bytes) -> ProfileRecord:
    """A profile record of the facts log. Raises Invalid, without quoting what it holds."""
    record = decoded(ProfileRecord, value)
    if user_of(key) != record.user_id:
        raise Invalid("The profile record is not of the user that its key names.")
    return record


def line(text: str, told: Sequence[Told]) -> Line:
    """A line in these words, resting on these facts."""
    sources = {source.message_id: source for each in told for source in each.sources}
    return Line(
        text=text,
        facts=tuple(each.cited for each in told),
        sources=tuple(sources[message] for message in sorted(sources)),
        said_at=max(each.said_at for each in told),
    )


def kept(lines: Iterable[Line], told: Iterable[Told]) -> tuple[Line, ...]:
    """Those lines of which every fact still stands, with the sources that these rest on now."""
    standing = {each.cited: each for each in told}
    return tuple(
        line(each.text, [standing[cited] for cited in each.facts])
        for each in lines
        if each.facts and all(cited in standing for cited in each.facts)
    )
