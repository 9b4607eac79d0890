"""Which turns of a history that a client sends are stored already, and where the rest goes on. Pure.

A client sends all that was said each time. A *turn* is found again by a digest over itself and everything before
it (its *prefix*); a history whose beginning was cut off, by its last two turns that are known (the *tail*). What
is not known is new. Where something else follows the last known turn already, the new turns are a *branch*: an
edited or a regenerated turn.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: Among what we say of a branch's first row: the message that it goes on from, None where it is another beginning.
BRANCHES_FROM = "branches_from"


@dataclass(frozen=True, slots=True)
class SentTurn:
    """What somebody said, as it was sent."""

    role: Literal["user", "assistant"]
    text: str

    @property
    def told(self) -> str:
        """What it is known again by: clients trim and wrap."""
        return f"{self.role}\0{' '.join(self.text.split())}"


@dataclass(frozen=True, slots=True)
class Digests:
    """What one turn of a history is known by; the first one has no tail."""

    prefix: str
    tail: str | None


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn that is stored; its message may be deleted meanwhile."""

    prefix: str
    message_id: int
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """The turns that a look found, by either digest; of a tail the latest."""

    by_prefix: Mapping[str, StoredTurn]
    by_tail: Mapping[str, StoredTurn]


@dataclass(frozen=True, slots=True)
class Matched:
    """How many turns of a history are known, and the last of them."""

    count: int
    last: StoredTurn | None


def digests(sent: Sequence[SentTurn], conversation_id: str | None) -> list[Digests]:
    """Those of each turn. Conversations that a client names are kept apart."""
    found: list[Digests] = []
    before = beginning(conversation_id)
    for number, turn in enumerate(sent):
        before = following(before, turn)
        found.append(Digests(before, tail(sent[number - 1], turn, conversation_id) if number else None))
    return found


def beginning(conversation_id: str | None) -> str:
    """The prefix of the first turn."""
    return _digest("beginning", conversation_id or "")


def following(prefix: str, turn: SentTurn) -> str:
    """The prefix of a turn, given that of the turn before it."""
    return _digest(prefix, turn.told)


def tail(before: SentTurn, turn: SentTurn, conversation_id: str | None) -> str:
    """The tail of a turn behind that one."""
    return _digest("tail", conversation_id or "", before.told, turn.told)


def matched(of: Sequence[Digests], found: Found) -> Matched:
    """The longest stored prefix; where there is none at all, up to the latest tail that is stored."""
    for number in reversed(range(len(of))):
        if stored := found.by_prefix.get(of[number].prefix):
            return Matched(number + 1, stored)
    for number in reversed(range(len(of))):
        if stored := found.by_tail.get(of[number].tail or ""):
            return Matched(number + 1, stored)
    return Matched(0, None)


def _digest(*parts: str) -> str:
    told = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
