"""Messages and conversations as the rows hold them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, Protocol

Role = Literal["user", "assistant", "system", "tool", "note"]
#: None, `"all"` (off the record), or fact references `<extractor>:<fact hash>`.
Suppressed = Literal["all"] | tuple[str, ...] | None
#: The same of what is pinned; None where nothing is.
Pinned = Literal["all"] | tuple[str, ...] | None
#: Messages of one user of which something may be pinned: they are read for every chat.
MOST_PINNED = 50
#: Facts of one message that may be pinned by reference.
MOST_PINNED_FACTS = 100
#: Characters of a note that is remembered as one memory, in its own words; a longer one is cut like any text.
NOTE_CHARACTERS = 800
#: Characters of all that is pinned, about 500 tokens of English: it stands before every chat.
PINNED_CHARACTERS = 2_000
Metadata = dict[str, Any] | None


#: The key of a row's metadata under which we say what we know of it. Clients read it, and cannot write it.
OURS = "oboegaki"
#: Under it, of a reply: the message that it answers.
REPLY_TO = "reply_to"


class _Keep(Enum):
    KEEP = "keep"


#: In an edit: leave this as it is.
KEEP: Final = _Keep.KEEP


class Said(Protocol):
    """What a repeated message is compared by."""

    @property
    def role(self) -> Role: ...
    @property
    def content(self) -> str: ...
    @property
    def conversation_id(self) -> str | None: ...
    @property
    def said_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to write. Without a conversation or a time it gets a new one and now."""

    role: Role
    content: str
    conversation_id: str | None = None
    external_id: str | None = None
    said_at: datetime | None = None
    suppressed: Suppressed = None
    metadata: Metadata = None
    agent_id: str | None = None
    pinned: Pinned = None

    def repeats(self, earlier: Said) -> bool:
        """Whether this says the same again; what it leaves open is not compared."""
        return (
            (self.role, self.content) == (earlier.role, earlier.content)
            and self.conversation_id in (None, earlier.conversation_id)
            and (self.said_at is None or _same_time(self.said_at, earlier.said_at))
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A row. `said_at` has the speaker's own offset, `updated_at` is UTC."""

    id: int
    user_id: str
    conversation_id: str
    external_id: str | None
    role: Role
    content: str
    suppressed: Suppressed
    metadata: Metadata
    agent_id: str | None
    said_at: datetime
    updated_at: datetime
    revision: str
    pinned: Pinned = None

    @property
    def is_one_memory(self) -> bool:
        """Whether it is remembered in its own words, as one memory."""
        return self.role == "note" and len(self.content.strip()) <= NOTE_CHARACTERS


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a posted message: a row of its own, or the row that it repeats."""

    message_id: int
    conversation_id: str
    external_id: str | None
    created: bool


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change of a row. New metadata leaves what is ours of the old as it is.

    Unless it says what is pinned, what it takes away is pinned no more.
    """

    content: str | _Keep = KEEP
    suppressed: Suppressed | _Keep = KEEP
    metadata: Metadata | _Keep = KEEP
    pinned: Pinned | _Keep = KEEP

    def applied_to(self, row: Message) -> Message:
        """The row afterwards, as far as an edit makes it."""
        edited = replace(
            row,
            content=row.content if self.content is KEEP else self.content,
            suppressed=row.suppressed if self.suppressed is KEEP else self.suppressed,
            metadata=row.metadata if self.metadata is KEEP else with_ours(self.metadata, ours(row.metadata)),
        )
        return replace(edited, pinned=_still_pinned(row, edited) if self.pinned is KEEP else self.pinned)


@dataclass(frozen=True, slots=True)
class Change:
    """That a row was written or edited, without its content."""

    message_id: int
    conversation_id: str
    role: Role
    revision: str
    suppressed: bool
    said_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread of messages; `last_said_at` is UTC, None while it is empty."""

    conversation_id: str
    created_at: datetime
    messages: int
    last_said_at: datetime | None


def ours(metadata: Metadata) -> dict[str, Any]:
    """What we say of a row in its metadata; nothing where that is not as we write it."""
    held = (metadata or {}).get(OURS)
    return held if isinstance(held, dict) else {}


def theirs(metadata: Metadata) -> Metadata:
    """What a client says of a row; None where that is all ours."""
    if metadata is None or OURS not in metadata:
        return metadata
    return {key: value for key, value in metadata.items() if key != OURS} or None


def with_ours(metadata: Metadata, said: Mapping[str, Any]) -> Metadata:
    """A client's metadata, and with it what we say."""
    kept = theirs(metadata)
    return {**(kept or {}), OURS: dict(said)} if said else kept


def answered_by(reply: Message) -> int | None:
    """The message that a reply answers, as far as its row tells."""
    told = ours(reply.metadata).get(REPLY_TO)
    return told if type(told) is int else None


def suppresses(suppressed: Suppressed, extractor: str, fact_hash: str) -> bool:
    """Whether a fact of that extractor must not be recalled.

    What was suppressed under another extractor cannot be matched by its hash, so it suppresses everything.
    """
    return _names(suppressed, extractor, fact_hash)


def pins(pinned: Pinned, extractor: str, fact_hash: str) -> bool:
    """Whether a fact of that extractor is pinned.

    What was pinned under another extractor cannot be matched by its hash, so everything of its message is.
    """
    return _names(pinned, extractor, fact_hash)


def _still_pinned(row: Message, edited: Message) -> Pinned:
    # A pin that holds nothing would take the room of another one, and nobody could see why.
    if edited.suppressed == "all":
        return None
    if row.pinned == "all":
        forgotten = edited.is_one_memory and edited.suppressed not in (None, row.suppressed)
        return None if forgotten else "all"
    if row.pinned is None or edited.content != row.content:
        return None
    return tuple(ref for ref in row.pinned if ref not in (edited.suppressed or ())) or None


def _names(refs: Literal["all"] | tuple[str, ...] | None, extractor: str, fact_hash: str) -> bool:
    if refs is None:
        return False
    if refs == "all":
        return True
    return fact_ref(extractor, fact_hash) in refs or any(not ref.startswith(f"{extractor}:") for ref in refs)


def fact_ref(extractor: str, fact_hash: str) -> str:
    """How a fact is named in `suppressed`."""
    return f"{extractor}:{fact_hash}"


def _same_time(one: datetime, other: datetime | None) -> bool:
    return other is not None and one == other and one.utcoffset() == other.utcoffset()
