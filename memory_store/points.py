"""What a vector engine must do for a version of the store. The rules of a version are in `version`, not here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_store.models import Memory, Profile, Receipt


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A memory with its vectors and its words."""

    memory: Memory
    text: NDArray[np.float32]
    context: NDArray[np.float32]
    words: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Which points; None bounds nothing. Microseconds since 1970: `since_us` <= said < `until_us`."""

    user_id: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    conversation_id: str | None = None
    message_ids: tuple[int, ...] | None = None
    ids: tuple[str, ...] | None = None
    #: Only those of messages up to this one.
    up_to: int | None = None
    #: Only those that name one of these as superseded.
    supersedes: tuple[str, ...] | None = None


EVERYTHING = Where()

Scores = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Cosine similarities by text and by context, each the best first; for each word the ids that hold it."""

    text: Scores
    context: Scores
    holders: tuple[tuple[str, ...], ...] = ()


class Points(Protocol):
    """Points by id. Every call may raise Unavailable."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Adds or replaces points."""

    def delete(self, ids: Sequence[str]) -> None:
        """Removes points; unknown ids are no error."""

    def flush(self) -> None:
        """Returns once everything before is durable."""

    def nearest(
        self, vector: NDArray[np.float32], where: Where, limit: int, words: Sequence[int] = (), most: int = 0
    ) -> Near:
        """The nearest points by either vector, and for each word at most `most` of the user's points that hold it.

        All in one request. Of `where`, the words mind the user only.
        """

    def find(self, where: Where) -> Iterator[Memory]:
        """All such memories, by id, in bounded memory."""

    def newest(self, where: Where, limit: int) -> list[Memory]:
        """The latest said of such memories; those said at the same time in any order."""

    def count(self, where: Where = EVERYTHING) -> int:
        """How many such points there are."""

    def vectors(self, ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        """Text and context vectors by id."""

    def purge(self, ends: Callable[[], bool]) -> None:
        """Leaves nothing in the files of what was removed, as far as they are this process's to write.

        Once `ends` says so it gives up, and everything is as before.
        """

    @property
    def purged(self) -> bool | None:
        """Whether nothing of what was removed is left in the files; None where they are a server's."""

    def close(self) -> None:
        """Lets go of everything; twice is once."""


class Receipts(Protocol):
    """Receipts by message id. Every call may raise Unavailable."""

    def put(self, receipts: Sequence[Receipt]) -> None:
        """Adds or replaces receipts: all or none, durable on return."""

    def delete(self, message_ids: Sequence[int]) -> None:
        """Removes receipts, durably on return; unknown ids are no error."""

    def get(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        """Those that are there."""

    def scan(self) -> Iterator[Receipt]:
        """All of them, by message id, in bounded memory."""

    def close(self) -> None:
        """Lets go of everything; twice is once."""


class Profiles(Protocol):
    """Profiles by user. Every call may raise Unavailable."""

    def put(self, profiles: Sequence[Profile]) -> None:
        """Adds or replaces profiles, one of a user: durable on return, and what they replace is in no file."""

    def get(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        """Those that are there."""

    def close(self) -> None:
        """Lets go of everything; twice is once."""
