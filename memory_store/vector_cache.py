"""Vectors of what is filed, on disk, so that filing it again with the same embedder takes no embedding.

Vectors tell much of what their text said, so they are kept by message, as memories are: filing a message removes
the vectors of whatever it no longer says, and of the turn that no longer stands before it. What is erased
elsewhere is thereby erased here; pages are overwritten and the write-ahead log is emptied.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from memory_store.cache_file import CacheFile
from memory_store.errors import Unavailable
from memory_store.metering import Meter, Unmetered
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
"""

#: Removed at once when there is no more room.
_EVICTED = 256


class VectorCache:
    """Thread-safe; one process at a time. It is a cache: without it all results are equal."""

    def __init__(self, path: Path, *, most_bytes: int, meter: Meter | None = None) -> None:
        """Opens the file, or starts it anew where it cannot be read. Raises Unavailable."""
        self._most_bytes = most_bytes
        self._meter = meter or Unmetered()
        self._lock = Lock()
        with _translated():
            self._file = CacheFile(path, _SCHEMA, {"format": _FORMAT})

    def belongs_to(self, log_id: str) -> None:
        """Throws everything away that was filed from another facts log: no erasure in this one would reach it."""
        with self._lock, _translated():
            if self._file.meta("log") not in (None, log_id):
                self._file.start_anew()
            self._file.note("log", log_id)

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
        self._meter.looked_up("vectors", hits=len(found), misses=len(missing))
        found |= zip(missing, embedder.passages(missing) if missing else [], strict=True)
        with self._lock, _translated():
            self._keep({message: {text: found[text] for text in kept} for message, kept in said.items()}, embedder)
        return np.array([found[text] for text in texts], dtype=np.float32).reshape(len(texts), embedder.dim)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._file.close()

    def _kept(self, key: bytes, embedder: Embedder) -> NDArray[np.float32] | None:
        row = self._file.db.execute(
            "SELECT vector FROM vectors WHERE text = ? AND model = ? LIMIT 1", (key, embedder.name)
        ).fetchone()
        vector = None if row is None else np.frombuffer(row[0], dtype="<f4")
        return vector if vector is not None and len(vector) == embedder.dim else None

    def _keep(self, said: Mapping[int, Mapping[str, NDArray[np.float32]]], embedder: Embedder) -> None:
        with self._file.batch():
            for message, kept in said.items():
                self._remove_others(message, set(map(_key, kept)))
            self._put(said, embedder)
            self._evict()

    def _remove_others(self, message: int, keys: set[bytes]) -> None:
        stored = {
            key for (key,) in self._file.db.execute("SELECT text FROM vectors WHERE message_id = ?", (message,))
        }
        gone = [(message, key) for key in stored - keys]
        self._file.db.executemany("DELETE FROM vectors WHERE message_id = ? AND text = ?", gone)
        self._file.removed(len(gone))

    def _put(self, said: Mapping[int, Mapping[str, NDArray[np.float32]]], embedder: Embedder) -> None:
        [(latest,)] = self._file.db.execute("SELECT coalesce(max(used), 0) FROM vectors").fetchall()
        rows = [
            (message, _key(text), embedder.name, vector.astype("<f4").tobytes(), latest + 1)
            for message, kept in said.items()
            for text, vector in kept.items()
        ]
        self._file.db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

    def _evict(self) -> None:
        oldest = "SELECT rowid FROM vectors ORDER BY used LIMIT ?"
        while self._used_bytes() > self._most_bytes:
            gone = self._file.db.execute(f"DELETE FROM vectors WHERE rowid IN ({oldest})", (_EVICTED,))  # noqa: S608
            if gone.rowcount == 0:
                break
            self._file.removed(gone.rowcount)

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._file.db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def _key(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise Unavailable(f"The cache of vectors cannot be used: {exc}") from exc
