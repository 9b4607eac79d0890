"""SQLite files: those in the folder of an embedded version, and what goes for all."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_store.errors import Unavailable


def opened(path: Path, table: str) -> sqlite3.Connection:
    """A file with its one table, for one thread at a time; what is committed is durable. Raises Unavailable."""
    with translated(path.stem):
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(table)
        return connection


def forget_traces(db: sqlite3.Connection) -> None:
    """Empties the write-ahead log: pages with what was removed would otherwise stay in it for a while."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises Unavailable for SQLite's errors, naming what cannot be read or written."""
    try:
        yield
    except sqlite3.Error as exc:
        raise Unavailable(f"The {what} of the embedded store failed: {exc}") from exc
