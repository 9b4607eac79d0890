"""What the store keeps and gives back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

#: Never to change: every memory id follows from it.
NAMESPACE = UUID("6f626f65-6761-5b69-8c0f-1d2a4c7e9b30")


def point_id(message_id: int, fact_hash: str) -> str:
    """The id of the memory that a fact of a message becomes: equal in every version, and never another fact's."""
    return str(uuid5(NAMESPACE, f"{message_id}:{fact_hash}"))


def text_hash(text: str) -> str:
    """The identity of a fact's text: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A message, at a revision, that a memory rests on."""

    message_id: int
    revision: str


@dataclass(frozen=True, slots=True)
class Memory:
    """A fact as filed under its message. Times are aware UTC."""

    id: str
    message_id: int
    user_id: str
    conversation_id: str
    text: str
    #: The turn before, "" if there is none. Only embedded: memories that are read back have "" here.
    context: str
    hash: str
    extractor: str
    sources: tuple[SourceRef, ...]
    supersedes: tuple[str, ...]
    said_at: datetime
    speaker: str | None
    lang: str
    role: str
    learned_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """Says that a revision of a message has been learned and filed, even as nothing."""

    message_id: int
    user_id: str
    revision: str
    state: Literal["pending", "learned", "deleted", "dead"]
    facts: int
    learned_at: datetime
    #: Offset in the facts log: of two filings of one message the later one counts.
    facts_offset: int
    #: When it was filed in this version, so when its memories could be found.
    filed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """Everything filed under one message; it replaces what was filed there before."""

    receipt: Receipt
    memories: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """Something that matters about a user, in words that rest on all of `sources`."""

    text: str
    #: The facts it tells, as `<extractor>:<fact hash>`: so a message's suppressions name them.
    refs: tuple[str, ...]
    sources: tuple[SourceRef, ...]
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What matters most about a user, the most important line first; no lines once nothing is left to tell."""

    user_id: str
    lines: tuple[ProfileLine, ...]
    learned_at: datetime
    #: Offset in the facts log: of two profiles of one user the later one counts.
    facts_offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Unit vectors, (n, dim) float32, and words: row i belongs to memory i of the filings, one after the other."""

    text: NDArray[np.float32]
    context: NDArray[np.float32]
    #: Of the text in its context, as `words.numbered` has them.
    words: Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What to look for. `vector` is a unit vector; said from `since` on, before `until` (aware datetimes)."""

    user_id: str
    vector: NDArray[np.float32]
    limit: int
    #: As `words.asked` has them.
    words: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """A user's messages up to one: all of them, or those of a conversation, or that one alone."""

    user_id: str
    up_to: int
    conversation_id: str | None = None
    #: Only the message `up_to` itself.
    alone: bool = False

    @property
    def first(self) -> int:
        """The least id that one of them can have."""
        return self.up_to if self.alone else 0

    def covers(self, message_id: int, conversation_id: str | None) -> bool:
        """Whether a message of that user is among them; one whose conversation is not known is taken for one."""
        if self.alone:
            return message_id == self.up_to
        return message_id <= self.up_to and (
            self.conversation_id is None or conversation_id in (None, self.conversation_id)
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that was found, and how near it is, at most 1: see docs/decisions/0010."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """Memories in order, and where to go on; no cursor means that this was the last page."""

    memories: tuple[Memory, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """What a version was built with; another embedder's vectors mean nothing in it."""

    embedder: str
    dim: int
    number: int = 2
