"""Vectors of what is filed, on disk, so that filing it again with the same embedder takes no embedding.

Vectors tell much of what their text said, so they are kept by message, as memories are: filing a message removes
the vectors of whatever it no longer says, and of the turn that no longer stands before it. What is erased
elsewhere is thereby erased here; pages are overwritten and the write-ahead log is emptied.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from memory_store.errors import Unavailable
from memory_store.port import Embedder

#: Raise it whenever the tables change: a file of another format is started anew.
_FORMAT = "1"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    message_id INTEGER NOT NULL,
    text BLOB NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (message_id, text, model)
);
CREATE INDEX IF NOT EXISTS texts ON vectors (text, model);
CREATE INDEX IF NOT EXISTS uses ON vectors (used);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

#: Removed at once when there is no more room.
_EVICTED = 256


class VectorCache:
    """Thread-safe; one process at a time. It is a cache: without it all results are equal."""

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        """Opens the file, or starts it anew where it cannot be read. Raises Unavailable."""
        self._path = path
        self._most_bytes = most_bytes
        self._lock = Lock()
        with _translated():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = self._connected()
            if not self._is_ours():
                self._start_anew()

    def belongs_to(self, log_id: str) -> None:
        """Throws everything away that was filed from another facts log: no erasure in this one would reach it."""
        with self._lock, _translated():
            if self._meta("log") not in (None, log_id):
                self._start_anew()
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log', ?)", (log_id,))

    def vectors(
        self, texts: Sequence[str], said: Mapping[int, Iterable[str]], embedder: Embedder
    ) -> NDArray[np.float32]:
        """The passages' vectors, (n, dim); afterwards exactly what is `said` by each of these messages is kept.

        Raises Unavailable, also where the disk does not let it: an erasure that did not reach it must be repeated.
        """
        keys = {text: _key(text) for text in texts}
        with self._lock, _translated():
            found = {text: kept for text in keys if (kept := self._kept(keys[text], embedder)) is not None}
        missing = [text for text in keys if text not in found]
        found |= zip(missing, embedder.passages(missing) if missing else [], strict=True)
        with self._lock, _translated():
            self._keep({message: {text: found[text] for text in kept} for message, kept in said.items()}, embedder)
        return np.array([found[text] for text in texts], dtype=np.float32).reshape(len(texts), embedder.dim)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _kept(self, key: bytes, embedder: Embedder) -> NDArray[np.float32] | None:
        row = self._db.execute(
            "SELECT vector FROM vectors WHERE text = ? AND model = ? LIMIT 1", (key, embedder.name)
        ).fetchone()
        vector = None if row is None else np.frombuffer(row[0], dtype="<f4")
        return vector if vector is not None and len(vector) == embedder.dim else None

    def _keep(self, said: Mapping[int, Mapping[str, NDArray[np.float32]]], embedder: Embedder) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            removed = sum(self._remove_others(message, set(map(_key, kept))) for message, kept in said.items())
            self._put(said, embedder)
            removed += self._evict()
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        if removed:
            self._forget_traces()

    def _remove_others(self, message: int, keys: set[bytes]) -> int:
        stored = {key for (key,) in self._db.execute("SELECT text FROM vectors WHERE message_id = ?", (message,))}
        gone = [(message, key) for key in stored - keys]
        self._db.executemany("DELETE FROM vectors WHERE message_id = ? AND text = ?", gone)
        return len(gone)

    def _put(self, said: Mapping[int, Mapping[str, NDArray[np.float32]]], embedder: Embedder) -> None:
        [(latest,)] = self._db.execute("SELECT coalesce(max(used), 0) FROM vectors").fetchall()
        rows = [
            (message, _key(text), embedder.name, vector.astype("<f4").tobytes(), latest + 1)
            for message, kept in said.items()
            for text, vector in kept.items()
        ]
        self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

    def _evict(self) -> int:
        evicted = 0
        while self._used_bytes() > self._most_bytes:
            oldest = "SELECT rowid FROM vectors ORDER BY used LIMIT ?"
            gone = self._db.execute(f"DELETE FROM vectors WHERE rowid IN ({oldest})", (_EVICTED,))  # noqa: S608
            if gone.rowcount == 0:
                break
            evicted += gone.rowcount
        return evicted

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;")
        self._db.executescript(_SCHEMA)

    def _is_ours(self) -> bool:
        try:
            self._prepare()
            # A kill between a change and the emptying of its traces leaves them here.
            self._forget_traces()
            return self._meta("format") == _FORMAT
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False

    def _start_anew(self) -> None:
        self._db.close()
        discard(self._path)
        self._db = self._connected()
        self._prepare()
        self._db.execute("INSERT INTO meta VALUES ('format', ?)", (_FORMAT,))

    def _forget_traces(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])


def discard(path: Path) -> None:
    """Removes what a cache has written there, if any."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _key(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise Unavailable(f"The cache of vectors cannot be used: {exc}") from exc
