"""An erasure and the parts that held what it is about. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from memory_store.models import Extent

Scope = Literal["user", "conversation", "message"]
Kind = Literal["rows", "messages_log", "facts_log", "dead_letters", "ledger", "store", "cache"]


@dataclass(frozen=True, slots=True)
class Part:
    """One place that held what is erased. What cannot be counted there is None."""

    kind: Kind
    name: str
    #: The most that was ever counted there.
    found: int | None = None
    left: int | None = None
    #: None where only another process could tell.
    done: bool | None = False

    @property
    def place(self) -> tuple[Kind, str]:
        """What it is known by."""
        return self.kind, self.name

    def after(self, later: "Part") -> "Part":
        """The part as a later look has it: what was found stays found, and what is done stays done."""
        if self.done or later.done is None:
            return self
        counts = [each for each in (self.found, later.left) if each is not None]
        return replace(later, found=max(counts, default=None))


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was asked to be erased: a user's messages up to one, a conversation's of them, or that one."""

    id: str
    user_id: str
    scope: Scope
    conversation_id: str | None
    up_to: int
    asked_at: datetime
    deadline: datetime
    parts: tuple[Part, ...]
    done_at: datetime | None = None

    @property
    def extent(self) -> Extent:
        """The messages that are meant."""
        return Extent(self.user_id, self.up_to, self.conversation_id, alone=self.scope == "message")

    @property
    def rows(self) -> int:
        """How many messages went."""
        return next(each.found or 0 for each in self.parts if each.kind == "rows")

    @property
    def all_done(self) -> bool:
        """Whether every part is known to be done."""
        return all(each.done for each in self.parts)

    @property
    def versions_done(self) -> frozenset[str]:
        """The versions of the store that are known to hold nothing of it."""
        return frozenset(each.name for each in self.parts if each.kind == "store" and each.done)

    @property
    def untold(self) -> bool:
        """Whether all that is left is what nobody here can tell of."""
        return not self.all_done and all(each.done is not False for each in self.parts)

    def after(self, seen: Sequence[Part], whole: datetime | None) -> "Erasure":
        """The erasure after a look: `whole` is its time where it missed nothing, as only such a one can end it."""
        later = replace(self, parts=merged(self.parts, seen))
        return replace(later, done_at=whole if later.all_done else None)

    def is_overdue(self, now: datetime) -> bool:
        """Whether its time is over, and it is not known to be done."""
        return self.done_at is None and now >= self.deadline

    def done(self, now: datetime) -> bool | None:
        """Whether it is; None where its time is over and only another process could tell."""
        return None if self.is_overdue(now) and self.untold else self.done_at is not None


@dataclass(frozen=True, slots=True)
class Filed:
    """What a version of the store still holds of it."""

    #: None where it cannot be read, as one that another embedder built.
    left: int | None
    #: None where a server keeps the files.
    purged: bool | None
    #: Whether the last of the messages is known there to be deleted, and so all of them.
    deleted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the process that learns tells of its logs and caches."""

    parts: tuple[Part, ...]
    #: Whether all that was said before has been learned and filed, so that nothing of it can come any more; None
    #: where that is not known here.
    settled: bool | None


#: Where another process learns.
ELSEWHERE = Told(
    (
        Part("messages_log", "", done=None),
        Part("facts_log", "", done=None),
        Part("dead_letters", "", done=None),
        Part("ledger", "", done=None),
        Part("cache", "", done=None),
    ),
    settled=None,
)


class Trail(Protocol):
    """Tells where in the logs there is something left. Raises Unavailable."""

    def __call__(self, extents: Sequence[Extent]) -> Sequence[Told]:
        """What is left of each of them."""


def looked(filed: Mapping[str, Filed], told: Told | None) -> tuple[Part, ...]:
    """The parts that a look saw: `told` is None where the logs could not be looked at."""
    stores = [_store(name, each, told) for name, each in sorted(filed.items())]
    return (*stores, *(told.parts if told is not None else ()))


def merged(before: Sequence[Part], seen: Sequence[Part]) -> tuple[Part, ...]:
    """The parts as they are after a look, whoever looked before."""
    known = {each.place: each for each in before}
    # Whoever cannot look into the logs leaves it to the process that can to say that nothing more will come.
    blind = any(each.done is None and not each.name for each in seen)
    told = any(each.name and each.kind not in ("rows", "store") for each in before)
    for later in (replace(each, done=False) if blind and told and each.kind == "store" else each for each in seen):
        known[later.place] = known[later.place].after(later) if later.place in known else _first(later)
    # What has no name stands for what nobody could tell: once a process told of the logs, for nothing.
    if any(each.name and each.kind not in ("rows", "store") for each in known.values()):
        return tuple(each for each in known.values() if each.name)
    return tuple(known.values())


def _store(name: str, filed: Filed, told: Told | None) -> Part:
    settled = filed.deleted if told is None or told.settled is None else told.settled
    done = filed.left == 0 and filed.purged is not False and settled
    return Part("store", name, left=filed.left, done=done)


def _first(part: Part) -> Part:
    return replace(part, found=part.left)


def as_json(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The parts as they are kept."""
    return [
        {"kind": each.kind, "name": each.name, "found": each.found, "left": each.left, "done": each.done}
        for each in parts
    ]


def from_json(kept: Iterable[Mapping[str, Any]]) -> tuple[Part, ...]:
    """The parts that were kept."""
    return tuple(Part(**each) for each in kept)
