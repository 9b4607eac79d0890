"""A user's profile as the rows bear it out: read by key, without a search. What is pinned comes first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chat_api.messages import PINNED_CHARACTERS, Message, pins
from chat_api.recall.bearing import bearing
from chat_api.rows.rows import Rows
from memory_store.errors import StoreError
from memory_store.models import Memory, ProfileLine
from memory_store.port import MemoryStore


@dataclass(frozen=True, slots=True)
class KnownLine:
    """Something that matters about a user, with the messages that it rests on."""

    text: str
    said_at: datetime
    sources: tuple[Message, ...]
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class KnownUser:
    """What matters most about a user, the most important line first; `updated_at` is None before there is any."""

    lines: tuple[KnownLine, ...] = ()
    updated_at: datetime | None = None


class Profiles:
    """Reads profiles and checks each line against the rows, as recall does."""

    def __init__(self, rows: Rows, store: MemoryStore) -> None:
        self._rows = rows
        self._store = store

    def of(self, user_id: str) -> KnownUser:
        """The profile, without what was edited, deleted or forgotten since. Raises Unavailable and StoreError."""
        profile = self._store.live().profile(user_id)
        pinned = tuple(fitting(self.pinned(user_id)))
        if profile is None:
            return KnownUser(pinned)
        ids = {source.message_id for line in profile.lines for source in line.sources}
        rows = self._rows.rows_by_ids(user_id, ids) if ids else {}
        lines = [known for line in profile.lines if (known := _borne_out(line, rows)) is not None]
        told = {line.text for line in pinned}
        return KnownUser((*pinned, *(line for line in lines if line.text not in told)), profile.learned_at)

    def pinned(self, user_id: str) -> list[KnownLine]:
        """What the user pinned, the first written first. A note needs no memories for it. Raises Unavailable."""
        held = self._rows.with_pins(user_id)
        notes = {row.id: row for row in held if row.is_one_memory and row.suppressed is None}
        lines = [(row.id, KnownLine(row.content.strip(), row.said_at, (row,), True)) for row in notes.values()]
        lines += self._learned(user_id, {row.id: row for row in held if row.id not in notes})
        return [line for _, line in sorted(lines, key=lambda each: each[0])]

    def _learned(self, user_id: str, held: Mapping[int, Message]) -> Iterator[tuple[int, KnownLine]]:
        """What is pinned of what was learned from the messages, each with its message."""
        filed = self._filed_under([row.id for row in held.values() if row.suppressed != "all"])
        pinned = [each for each in filed if pins(held[each.message_id].pinned, each.extractor, each.hash)]
        # All of them at once: this stands before every chat.
        ids = {source.message_id for memory in pinned for source in memory.sources}
        rows = self._rows.rows_by_ids(user_id, ids) if ids else {}
        for memory in pinned:
            sources = bearing(rows, memory.sources, [(memory.extractor, memory.hash)])
            if sources:
                yield memory.message_id, KnownLine(memory.text, memory.said_at, sources, True)

    def _filed_under(self, message_ids: Sequence[int]) -> list[Memory]:
        if not message_ids:
            return []
        try:
            return self._store.live().filed_under(message_ids)
        except StoreError:
            return []


def fitting(pinned: Iterable[KnownLine]) -> Iterator[KnownLine]:
    """As many of the lines, from the first, as may stand before every chat."""
    left = PINNED_CHARACTERS
    for line in pinned:
        left -= len(line.text)
        if left < 0:
            return
        yield line


def _borne_out(line: ProfileLine, rows: dict[int, Message]) -> KnownLine | None:
    named = [ref.rpartition(":") for ref in line.refs]
    found = bearing(rows, line.sources, [(extractor, hash_) for extractor, _, hash_ in named])
    return KnownLine(line.text, line.said_at, found) if found else None
