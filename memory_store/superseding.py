"""Which memories have given way to later ones. Pure.

Only the later memory says so, and only while it lives: nothing is written into the one that gave way, so that
it stands again as soon as the later one is deleted, edited or forgotten.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol


class Superseding(Protocol):
    """What is known of a memory here."""

    @property
    def id(self) -> str: ...
    @property
    def message_id(self) -> int: ...
    @property
    def user_id(self) -> str: ...
    @property
    def said_at(self) -> datetime: ...
    @property
    def supersedes(self) -> tuple[str, ...]: ...


def superseded(living: Iterable[Superseding]) -> dict[str, tuple[str, ...]]:
    """By id of each of them that is superseded, the ids of those that supersede it, the latest first.

    What was said later supersedes what was said before, by (time, message, id), within one user; the other way
    round it supersedes nothing, whatever it says. So of two that name each other the later one stands.
    """
    latest_first = sorted(living, key=_age, reverse=True)
    by_id = {each.id: each for each in latest_first}
    found: dict[str, list[str]] = {}
    for later in latest_first:
        for name in dict.fromkeys(later.supersedes):
            earlier = by_id.get(name)
            if earlier is not None and earlier.user_id == later.user_id and _age(earlier) < _age(later):
                found.setdefault(name, []).append(later.id)
    return {name: tuple(ids) for name, ids in found.items()}


def _age(memory: Superseding) -> tuple[datetime, int, str]:
    # An import may date a whole conversation alike: then the order of its messages tells.
    return memory.said_at, memory.message_id, memory.id
