"""The ledger: the latest facts record of every message of one partition, and of every user's profile, in SQLite.

It is a cache of the facts log, as a changelog-backed table is in Kafka Streams: its position is stored with
its data, and it can be thrown away and read again from the log. Erased text is overwritten in the file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from memory_consumer.errors import Transient
from memory_consumer.facts import FactsRecord
from memory_consumer.profiles.record import ProfileRecord
from memory_consumer.tokens import estimated
from memory_consumer.windows import Waiting

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
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Ledger:
    """What has been learned in one partition of one facts log. One thread at a time may use it."""

    def __init__(self, path: Path, *, log_id: str) -> None:
        """Opens the file; starts it anew where it is damaged, of another format or of another log (`log_id`).

        Raises Transient where the disk does not let it.
        """
        self._path = path
        self._identity = {"format": _FORMAT, "log_id": log_id}
        self._erased = 0
        self._touched: set[str] = set()
        with _translated(sqlite3.Error, OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = self._connected()
            if not self._is_ours():
                self.start_anew()

    @property
    def position(self) -> int:
        """Offset in the facts log up to which the ledger has read; 0 for a new one."""
        return int(self._meta("position") or 0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is put inside is kept together on leaving it, and undone on an error. Raises Transient."""
        self._erased = 0
        self._touched = set()
        with _translated(sqlite3.Error):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            if self._erased:
                self._forget_traces()

    @property
    def touched(self) -> frozenset[str]:
        """The users of whom facts were put, or taken away, in this batch."""
        return frozenset(self._touched)

    def advance(self, position: int) -> None:
        """Stores the position; belongs into the batch whose records it covers."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('position', ?)", (str(position),))

    def put(self, record: FactsRecord) -> None:
        """Makes a record its message's latest one."""
        delete = "DELETE FROM records WHERE message_id = ? RETURNING listed"
        replaced = self._db.execute(delete, (record.message_id,)).fetchall()
        self._erased += len(replaced)
        if record.facts or any(listed for (listed,) in replaced):
            self._touched.add(record.user_id)
            at = record.learned_at.timestamp()
            self._db.execute("INSERT OR REPLACE INTO changed VALUES (?, ?)", (record.user_id, at))
        self._db.execute(
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
        self._db.execute("DELETE FROM cites WHERE citing = ?", (record.message_id,))
        self._db.executemany(
            "INSERT INTO cites VALUES (?, ?)", [(cited, record.message_id) for cited in record.cites]
        )

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message, in whatever state."""
        return self._first("SELECT record FROM records WHERE message_id = ?", message_id)

    def turn_before(self, record: FactsRecord) -> FactsRecord | None:
        """The nearest learned message before it in its conversation whose words may be used."""
        return self._first(
            "SELECT record FROM records WHERE user_id = ? AND conversation_id = ?"
            " AND message_id < ? AND said ORDER BY message_id DESC LIMIT 1",
            record.user_id,
            record.conversation_id,
            record.message_id,
        )

    def turns_after(self, record: FactsRecord) -> list[FactsRecord]:
        """The learned messages after it in its conversation that have facts, up to one that has words to use."""
        place = (record.user_id, record.conversation_id, record.message_id)
        found = self._db.execute(
            "SELECT record FROM records WHERE user_id = ? AND conversation_id = ? AND message_id > ? AND listed"
            " AND message_id <= coalesce((SELECT min(message_id) FROM records"
            "  WHERE user_id = ? AND conversation_id = ? AND message_id > ? AND said), message_id)"
            " ORDER BY message_id",
            (*place, *place),
        )
        return [FactsRecord.model_validate_json(text) for (text,) in found]

    def citing(self, message_id: int) -> list[FactsRecord]:
        """The records that hold or rest on a message's text."""
        found = self._db.execute(
            "SELECT record FROM cites JOIN records ON message_id = citing WHERE cited = ? ORDER BY citing",
            (message_id,),
        )
        return [FactsRecord.model_validate_json(text) for (text,) in found]

    def waiting(self) -> list[Waiting]:
        """The users that have pending messages, who waits longest first."""
        found = self._db.execute(
            "SELECT user_id, count(*), sum(pending), max(since) FROM records WHERE pending"
            " GROUP BY user_id ORDER BY min(since)"
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
        self._db.execute(insert, (record.user_id, written, record.model_dump_json()))
        self._db.execute("DELETE FROM changed WHERE user_id = ? AND at <= ?", (record.user_id, written))
        self._erased += 1

    def profile(self, user_id: str) -> ProfileRecord | None:
        """A user's latest profile record."""
        row = self._db.execute("SELECT record FROM profiles WHERE user_id = ?", (user_id,)).fetchone()
        return None if row is None else ProfileRecord.model_validate_json(row[0])

    def unwritten(self, before: datetime) -> list[str]:
        """The users of whom no model has written since their facts changed, nor since `before`; longest first.

        Not those with pending messages: their facts are about to change.
        """
        found = self._db.execute(
            "SELECT user_id FROM changed LEFT JOIN profiles USING (user_id)"
            " WHERE coalesce(written, 0) <= ? AND NOT EXISTS"
            "  (SELECT 1 FROM records WHERE records.user_id = changed.user_id AND pending)"
            " AND EXISTS (SELECT 1 FROM records WHERE records.user_id = changed.user_id AND listed)"
            " ORDER BY at, user_id LIMIT ?",
            (before.timestamp(), _MOST_UNWRITTEN),
        )
        return [user for (user,) in found]

    def start_anew(self) -> None:
        """Throws everything away, as if nothing had been read from the log yet."""
        self._db.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._db = self._connected()
        self._prepare()
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", list(self._identity.items()))

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _connected(self) -> sqlite3.Connection:
        # Learning runs in worker threads, one at a time. Who looks into the file must not hold it up for long.
        return sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;")
        self._db.executescript(_SCHEMA)

    def _is_ours(self) -> bool:
        try:
            self._prepare()
            # A kill between a batch and the emptying of its traces leaves them here.
            self._forget_traces()
            sound = self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            return sound and all(self._meta(name) == value for name, value in self._identity.items())
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False

    def _forget_traces(self) -> None:
        # Pages with erased text would otherwise stay in the write-ahead log for a while.
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _all(self, query: str, *arguments: object) -> list[FactsRecord]:
        return [FactsRecord.model_validate_json(text) for (text,) in self._db.execute(query, arguments)]

    def _first(self, query: str, *arguments: object) -> FactsRecord | None:
        row = self._db.execute(query, arguments).fetchone()
        return None if row is None else FactsRecord.model_validate_json(row[0])


@contextmanager
def _translated(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as exc:
        raise Transient(f"The ledger cannot be used: {exc}") from exc
