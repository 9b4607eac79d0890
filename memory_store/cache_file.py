"""A SQLite file that can be thrown away at any time, and in which nothing that was removed stays behind."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from memory_store.sqlite_files import forget_traces

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"


class CacheFile:
    """One file, for one thread at a time. What SQLite and the disk raise is for the caller to translate."""

    def __init__(self, path: Path, schema: str, identity: Mapping[str, str], *, checked: bool = False) -> None:
        """Opens the file; starts it anew where it is no such file or was made under another identity.

        `checked` has all of it looked through, which takes the longer the larger it is.
        """
        self._path = path
        self._schema = schema
        self._identity = identity
        self._checked = checked
        self._removed = 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.db = self._connected()
        if not self._is_ours():
            self.start_anew()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is done inside is kept together on leaving it, and undone on an error."""
        self._removed = 0
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:  # whatever it is goes on its way, and nothing half done is kept
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
        if self._removed:
            forget_traces(self.db)

    def removed(self, rows: int) -> None:
        """Tells, inside a batch, that rows were removed or replaced: afterwards they are in no file."""
        self._removed += rows

    def meta(self, name: str) -> str | None:
        """What was noted by a name."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        """Notes a value by a name."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def start_anew(self) -> None:
        """Throws everything away."""
        self.db.close()
        discard(self._path)
        self.db = self._connected()
        self._prepare()
        for name, value in self._identity.items():
            self.note(name, value)

    def close(self) -> None:
        """Closes the file."""
        self.db.close()

    def _connected(self) -> sqlite3.Connection:
        # It is used from worker threads, one at a time. Who looks into the file must not hold it up for long.
        return sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        self.db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;")
        self.db.executescript(self._schema + _META)

    def _is_ours(self) -> bool:
        try:
            self._prepare()
            # A kill between a batch and the emptying of its traces leaves them here.
            forget_traces(self.db)
            sound = not self._checked or self.db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            return sound and all(self.meta(name) == value for name, value in self._identity.items())
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False


def discard(path: Path) -> None:
    """Removes what was written there, if anything."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
