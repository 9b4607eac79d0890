"""Records that fail: find which it is, try it a few times, set it aside, stop where it is too many. Pure."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from threading import Lock
from traceback import extract_tb
from typing import TypeVar

from memory_consumer.records.dead_letters import GivenUp

T = TypeVar("T")

#: Tries of a record that fails in a way that was not foreseen, with growing waits between: over about a second.
#: Code that trips over a record does so each time; what passes by itself, as lack of memory, passes meanwhile.
MOST_TRIES = 3

#: Where this many records in a row are set aside, or this share of the last hundred, and they are of at least so
#: many users, it is not the records. What a user or two write must not stop learning for everybody; but a hundred
#: in a row, whoever's they are, are no accident: the home may have no more users.
MOST_IN_A_ROW = 25
MOST_SHARE = 0.5
LEAST_USERS = 3
_LAST = 100


@dataclass(frozen=True, slots=True)
class Went:
    """How a record went; what cannot be told whose it is has no user."""

    #: None where nothing of it had to be learned or filed: that it went well says nothing of the program.
    set_aside: bool | None
    user_id: str | None = None


def named(error: BaseException) -> str:
    """An error by its kind and place, without its text, which may quote what was said."""
    frames = extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def as_far_as_it_goes(
    records: Sequence[T], act: Callable[[Sequence[T]], int], foreseen: tuple[type[Exception], ...]
) -> tuple[int, Exception | None]:
    """Does records in order, up to one that fails; answers how many were done, and that failure.

    `act` does some records from the start, all or nothing where it fails, and answers how many. What is not
    foreseen may be any of them: fewer at a time show which, and those before it are done.
    """
    done, most = 0, len(records)
    while done < len(records):
        some = records[done : done + most]
        try:
            done += act(some)
        except foreseen as exc:
            return done, exc
        except Exception as exc:  # noqa: BLE001  the boundary of a record: one must not hold the others up for good
            if len(some) == 1:
                return done, exc
            most = len(some) // 2
    return done, None


class Tries:
    """How often the record was tried at which a partition stands still. One thread at a time per partition."""

    def __init__(self, most: int = MOST_TRIES) -> None:
        self._most = most
        self._failing: dict[tuple[str, int], tuple[int, GivenUp]] = {}

    def failed(self, partition: tuple[str, int], offset: int, cause: str) -> None:
        """It was tried once more, in vain."""
        before = self._failing.get(partition)
        tries = before[1].tries if before is not None and before[0] == offset else 0
        self._failing[partition] = (offset, GivenUp(cause, tries + 1))

    def given_up(self, partition: tuple[str, int]) -> Mapping[int, GivenUp]:
        """The record of a partition that was tried often enough, by its offset."""
        offset, last = self._failing.get(partition, (0, GivenUp("", 0)))
        return {offset: last} if last.tries >= self._most else {}

    def forget(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Drops what was noted of partitions that go on, or were given up."""
        for partition in partitions:
            self._failing.pop(partition, None)


class Cap:
    """How many records may be set aside before it is held to be the program that is wrong. Thread-safe."""

    def __init__(
        self, in_a_row: int = MOST_IN_A_ROW, share: float = MOST_SHARE, least_users: int = LEAST_USERS
    ) -> None:
        self._most_in_a_row = in_a_row
        self._most_of_last = int(share * _LAST)
        self._least_users = least_users
        #: Of the last records, whose each is that was set aside; None for what went well.
        self._last: deque[Hashable | None] = deque(maxlen=_LAST)
        self._in_a_row = 0
        self._users_in_a_row: set[Hashable] = set()
        self._lock = Lock()

    def note(self, went: Iterable[Went]) -> None:
        """How records went, in their order."""
        with self._lock:
            for each in went:
                if each.set_aside:
                    self._in_a_row += 1
                    # A bad release may read nobody's name: those are of another user each.
                    whose = each.user_id or object()
                    self._users_in_a_row.add(whose)
                    self._last.append(whose)
                elif each.set_aside is not None:
                    self._in_a_row = 0
                    self._users_in_a_row.clear()
                    self._last.append(None)

    @property
    def room(self) -> int:
        """How many more may be set aside, if nothing goes well between; 0 where it is too many already."""
        with self._lock:
            last = [whose for whose in self._last if whose is not None]
            in_a_row = self._room(self._most_in_a_row - self._in_a_row, self._users_in_a_row)
            of_last = self._room(self._most_of_last - len(last), set(last))
            return min(in_a_row, of_last, max(0, _LAST - self._in_a_row))

    def _room(self, more: int, users: set[Hashable]) -> int:
        return max(0, more, self._least_users - len(users))

    def __str__(self) -> str:
        with self._lock:
            of_last = sum(whose is not None for whose in self._last)
            return f"{self._in_a_row} in a row, {of_last} of the last {len(self._last)}"
