"""A user's profile as the rows bear it out: read by key, without a search."""

from dataclasses import dataclass
from datetime import datetime

from chat_api.bearing import bearing
from chat_api.messages import Message
from chat_api.store import Rows
from memory_store.models import ProfileLine
from memory_store.port import MemoryStore


@dataclass(frozen=True, slots=True)
class KnownLine:
    """Something that matters about a user, with the messages that it rests on."""

    text: str
    said_at: datetime
    sources: tuple[Message, ...]


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
        if profile is None:
            return KnownUser()
        ids = {source.message_id for line in profile.lines for source in line.sources}
        rows = self._rows.rows_by_ids(user_id, ids) if ids else {}
        lines = [known for line in profile.lines if (known := _borne_out(line, rows)) is not None]
        return KnownUser(tuple(lines), profile.learned_at)


def _borne_out(line: ProfileLine, rows: dict[int, Message]) -> KnownLine | None:
    named = [ref.rpartition(":") for ref in line.refs]
    found = bearing(rows, line.sources, [(extractor, hash_) for extractor, _, hash_ in named])
    return KnownLine(line.text, line.said_at, found) if found else None
