"""Profiles in SQLite, in the folder of an embedded version. They hold what users said: nothing erased may stay."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from memory_store.models import Profile
from memory_store.payload import profile_from_payload, profile_to_payload
from memory_store.sqlite_files import forget_traces, opened, translated

_TABLE = (
    "CREATE TABLE IF NOT EXISTS profiles (user_id TEXT PRIMARY KEY, profile TEXT NOT NULL) STRICT, WITHOUT ROWID"
)


class SqliteProfiles:
    """Profiles by user. What was replaced is overwritten in the file once `put` returns."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._db = opened(path, _TABLE)
        with translated("profiles"):
            self._db.execute("PRAGMA secure_delete=ON")
            # A kill between a write and the emptying of its traces leaves them here.
            forget_traces(self._db)

    def put(self, profiles: Sequence[Profile]) -> None:
        rows = [(each.user_id, json.dumps(profile_to_payload(each), ensure_ascii=False)) for each in profiles]
        with self._lock, translated("profiles"):
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT OR REPLACE INTO profiles VALUES (?, ?)", rows)
            forget_traces(self._db)

    def get(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        with self._lock, translated("profiles"):
            for each in user_ids:
                row = self._db.execute("SELECT profile FROM profiles WHERE user_id = ?", (each,)).fetchone()
                if row is not None:
                    found[each] = profile_from_payload(json.loads(row[0]))
        return found

    def close(self) -> None:
        with self._lock:
            self._db.close()
