"""The ledger: the latest facts record of every message of one partition, in a local SQLite file.

It is a cache of the facts log, as a changelog-backed table is in Kafka Streams: its position is stored with
its data, and it can be thrown away and read again from the log. Erased text is overwritten in the file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_consumer.facts import FactsRecord

#: Raise it whenever the tables change: a ledger of another format is read again from the log.
_FORMAT = "1"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    message_id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    said INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS turns ON records (user_id, conversation_id, message_id);
CREATE TABLE IF NOT EXISTS cites (
    cited INTEGER NOT NULL,
    citing INTEGER NOT NULL,
    PRIMARY KEY (cited, citing)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS citing ON cites (citing);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Ledger:
    """What has been learned in one partition of one facts log. One thread at a time may use it."""

    def __init__(self, path: Path, *, log_id: str) -> None:
        """Opens the file, or starts it anew where it is of another format or of another log (`log_id`)."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._db = self._open()
        identity = {"format": _FORMAT, "log_id": log_id}
        if any(self._meta(name) != value for name, value in identity.items()):
            self._start_anew(identity)

    @property
    def position(self) -> int:
        """Offset in the facts log up to which the ledger has read; 0 for a new one."""
        return int(self._meta("position") or 0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is put inside is kept together on leaving it, and undone on an error."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def advance(self, position: int) -> None:
        """Stores the position; belongs into the batch whose records it covers."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('position', ?)", (str(position),))

    def put(self, record: FactsRecord) -> None:
        """Makes a record its message's latest one."""
        self._db.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)",
            (
                record.message_id,
                record.user_id,
                record.conversation_id,
                bool(record.said),
                bool(record.facts),
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

    def turn_after(self, record: FactsRecord) -> FactsRecord | None:
        """The nearest learned message after it in its conversation that has facts."""
        return self._first(
            "SELECT record FROM records WHERE user_id = ? AND conversation_id = ?"
            " AND message_id > ? AND listed ORDER BY message_id LIMIT 1",
            record.user_id,
            record.conversation_id,
            record.message_id,
        )

    def citing(self, message_id: int) -> list[FactsRecord]:
        """The records that hold or rest on a message's text."""
        found = self._db.execute(
            "SELECT record FROM cites JOIN records ON message_id = citing WHERE cited = ? ORDER BY citing",
            (message_id,),
        )
        return [FactsRecord.model_validate_json(text) for (text,) in found]

    def forget_traces(self) -> None:
        """Empties the write-ahead log, where pages with erased text would otherwise stay for a while."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        # Learning runs in worker threads, one at a time.
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;")
        db.executescript(_SCHEMA)
        return db

    def _start_anew(self, identity: dict[str, str]) -> None:
        self._db.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._db = self._open()
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", list(identity.items()))

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _first(self, query: str, *arguments: object) -> FactsRecord | None:
        row = self._db.execute(query, arguments).fetchone()
        return None if row is None else FactsRecord.model_validate_json(row[0])
