"""The ledger: the latest facts record of every message of one partition, and of every user's profile, in SQLite.

It is a cache of the facts log, as a changelog-backed table is in Kafka Streams: its position is stored with
its data, and it can be thrown away and read again from the log. Erased text is overwritten in the file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from memory_consumer.asking.tokens import estimated
from memory_consumer.asking.windows import Waiting
from memory_consumer.errors import Transient
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.records.facts import FactsRecord
from memory_store.cache_file import CacheFile
from memory_store.models import Extent

#: Raise it whenever the tables change: a ledger of another format is read again from the log.
_FORMAT = "3"

#: Users whose profile a model is to write that are looked at in one go.
_MOST_UNWRITTEN = 100

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    message_id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    said INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    since REAL NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS latest ON records (user_id, message_id) WHERE listed;
CREATE INDEX IF NOT EXISTS waiting ON records (user_id, message_id, pending, since) WHERE pending;
CREATE INDEX IF NOT EXISTS turns ON records (user_id, conversation_id, message_id);
CREATE TABLE IF NOT EXISTS cites (
    cited INTEGER NOT NULL,
    citing INTEGER NOT NULL,
    PRIMARY KEY (cited, citing)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS citing ON cites (citing);
CREATE TABLE IF NOT EXISTS profiles (
    user_id TEXT PRIMARY KEY,
    written REAL NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changed (user_id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


class Ledger:
    """What has been learned in one partition of one facts log. One thread at a time may use it."""

    def __init__(self, path: Path, *, log_id: str) -> None:
        """Opens the file; starts it anew where it is damaged, of another format or of another log (`log_id`).

        Raises Transient where the disk does not let it.
        """
        self._touched: set[str] = set()
        with _translated(sqlite3.Error, OSError):
            self._file = CacheFile(path, _SCHEMA, {"format": _FORMAT, "log_id": log_id}, checked=True)

    @property
    def position(self) -> int:
        """Offset in the facts log up to which the ledger has read; 0 for a new one."""
        return int(self._file.meta("position") or 0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is put inside is kept together on leaving it, and undone on an error. Raises Transient."""
        self._touched = set()
        with _translated(sqlite3.Error), self._file.batch():
            yield

    @property
    def touched(self) -> frozenset[str]:
        """The users of whom facts were put, or taken away, in this batch."""
        return frozenset(self._touched)

    def advance(self, position: int) -> None:
        """Stores the position; belongs into the batch whose records it covers."""
        self._file.note("position", str(position))

    def put(self, record: FactsRecord) -> None:
        """Makes a record its message's latest one."""
        delete = "DELETE FROM records WHERE message_id = ? RETURNING listed"
        replaced = self._file.db.execute(delete, (record.message_id,)).fetchall()
        self._file.removed(len(replaced))
        if record.facts or any(listed for (listed,) in replaced):
            self._touched.add(record.user_id)
            at = record.learned_at.timestamp()
            self._file.db.execute("INSERT OR REPLACE INTO changed VALUES (?, ?)", (record.user_id, at))
        self._file.db.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.message_id,
                record.user_id,
                record.conversation_id,
                bool(record.said),
                bool(record.facts),
                max(1, estimated(record.text)) if record.state == "pending" else 0,
                record.learned_at.timestamp(),
                record.model_dump_json(),
            ),
        )
        self._file.db.execute("DELETE FROM cites WHERE citing = ?", (record.message_id,))
        self._file.db.executemany(
            "INSERT INTO cites VALUES (?, ?)", [(cited, record.message_id) for cited in record.cites]
        )

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message, in whatever state."""
        found = self._all("SELECT record FROM records WHERE message_id = ?", message_id)
        return found[0] if found else None

    def turn_before(self, record: FactsRecord) -> FactsRecord | None:
        """The nearest learned message before it in its conversation whose words may be used."""
        return next(iter(self.turns_before(record, most=1)), None)

    def turns_after(self, record: FactsRecord) -> list[FactsRecord]:
        """The learned messages after it in its conversation that have facts, up to one that has words to use."""
        place = (record.user_id, record.conversation_id, record.message_id)
        return self._all(
            "SELECT record FROM records WHERE user_id = ? AND conversation_id = ? AND message_id > ? AND listed"
            " AND message_id <= coalesce((SELECT min(message_id) FROM records"
            "  WHERE user_id = ? AND conversation_id = ? AND message_id > ? AND said), message_id)"
            " ORDER BY message_id",
            *place,
            *place,
        )

    def citing(self, message_id: int) -> list[FactsRecord]:
        """The records that hold or rest on a message's text."""
        return self._all(
            "SELECT record FROM cites JOIN records ON message_id = citing WHERE cited = ? ORDER BY citing",
            message_id,
        )

    def waiting(self) -> list[Waiting]:
        """The users that have pending messages."""
        found = self._file.db.execute(
            "SELECT user_id, count(*), sum(pending), max(since) FROM records WHERE pending GROUP BY user_id"
        )
        return [
            Waiting(user, messages, tokens, datetime.fromtimestamp(since, UTC))
            for user, messages, tokens, since in found
        ]

    def pending(self, user_id: str, most: int, after: int = 0) -> list[FactsRecord]:
        """A user's first pending messages after so many."""
        return self._all(
            "SELECT record FROM records WHERE user_id = ? AND pending ORDER BY message_id LIMIT ? OFFSET ?",
            user_id,
            most,
            after,
        )

    def turns_before(self, record: FactsRecord, *, most: int) -> list[FactsRecord]:
        """The last learned turns of its conversation before a message, the nearest last."""
        found = self._all(
            "SELECT record FROM records WHERE user_id = ? AND conversation_id = ? AND message_id < ? AND said"
            " ORDER BY message_id DESC LIMIT ?",
            record.user_id,
            record.conversation_id,
            record.message_id,
            most,
        )
        return found[::-1]

    def latest(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's latest messages that have facts, the latest first."""
        return self._all(
            "SELECT record FROM records WHERE user_id = ? AND listed ORDER BY message_id DESC LIMIT ?",
            user_id,
            most,
        )

    def put_profile(self, record: ProfileRecord) -> None:
        """Makes a record its user's latest profile."""
        written = 0.0 if record.written_at is None else record.written_at.timestamp()
        insert = "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?)"
        self._file.db.execute(insert, (record.user_id, written, record.model_dump_json()))
        self._file.db.execute("DELETE FROM changed WHERE user_id = ? AND at <= ?", (record.user_id, written))
        self._file.removed(1)

    def profile(self, user_id: str) -> ProfileRecord | None:
        """A user's latest profile record."""
        row = self._file.db.execute("SELECT record FROM profiles WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else ProfileRecord.model_validate_json(row[0])

    def unwritten(self, before: datetime) -> list[str]:
        """The users of whom no model has written since their facts changed, nor since `before`; longest first.

        Not those with pending messages: their facts are about to change.
        """
        found = self._file.db.execute(
            "SELECT user_id FROM changed LEFT JOIN profiles USING (user_id)"
            " WHERE coalesce(written, 0) <= ? AND NOT EXISTS"
            "  (SELECT 1 FROM records WHERE records.user_id = changed.user_id AND pending)"
            " AND EXISTS (SELECT 1 FROM records WHERE records.user_id = changed.user_id AND listed)"
            " ORDER BY at, user_id LIMIT ?",
            (before.timestamp(), _MOST_UNWRITTEN),
        )
        return [user for (user,) in found]

    def with_words(self, extent: Extent, most: int) -> list[int]:
        """The first of these messages that are not deleted."""
        found = self._file.db.execute(
            "SELECT message_id FROM records WHERE user_id = ? AND message_id BETWEEN ? AND ?"
            " AND conversation_id = coalesce(?, conversation_id) AND json_extract(record, '$.state') <> 'deleted'"
            " ORDER BY message_id LIMIT ?",
            (extent.user_id, extent.first, extent.up_to, extent.conversation_id, most),
        )
        return [message_id for (message_id,) in found]

    def start_anew(self) -> None:
        """Throws everything away, as if nothing had been read from the log yet."""
        self._file.start_anew()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _all(self, query: str, *arguments: object) -> list[FactsRecord]:
        return [FactsRecord.model_validate_json(text) for (text,) in self._file.db.execute(query, arguments)]


@contextmanager
def _translated(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as exc:
        raise Transient(f"The ledger cannot be used: {exc}") from exc
