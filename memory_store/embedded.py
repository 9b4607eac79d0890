"""The embedded store: versions are folders under `<home>/store`, and one process owns them.

store/
├── owner.lock      held by the owner
├── live            the name of the live version, replaced in one step
└── v1/             version.json, points/ (qdrant-edge), receipts.db and profiles.db (SQLite)
"""

import json
import shutil
from pathlib import Path
from threading import RLock

from memory_store.edge_points import EdgePoints
from memory_store.errors import NoLiveVersion, Refused, Unavailable
from memory_store.files import Owned, replace_durably, sync_folder
from memory_store.layout import check, described
from memory_store.models import Layout
from memory_store.sqlite_profiles import SqliteProfiles
from memory_store.sqlite_receipts import SqliteReceipts
from memory_store.version import FiledVersion, checked_name


class EmbeddedStore:
    """A MemoryStore in this process. Close it, or end the process, to let another one own it."""

    def __init__(self, home: Path, layout: Layout) -> None:
        """Raises OwnedElsewhere while another process owns it."""
        self._folder = home / "store"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._layout = layout
        self._owned = Owned(self._folder / "owner.lock")
        self._lock = RLock()
        self._opened: dict[str, FiledVersion] = {}
        self._closed = False
        pointer = self._folder / "live"
        self._live = pointer.read_text(encoding="utf-8") if pointer.exists() else None
        for half_made in self._folder.glob(".*.part"):
            shutil.rmtree(half_made)

    def live(self) -> FiledVersion:
        with self._lock:
            self._check_open()
            if self._live is None:
                raise NoLiveVersion("No version of the memories is active yet: create one and activate it.")
            return self.open(self._live)

    def create(self, name: str) -> FiledVersion:
        with self._lock:
            folder = self._folder / checked_name(name)
            if name in self.versions():
                raise Refused(f"There is a version {name} already: choose another name.")
            part = self._folder / f".{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            EdgePoints.create(part / "points", self._layout.dim)
            SqliteReceipts(part / "receipts.db").close()
            SqliteProfiles(part / "profiles.db").close()
            replace_durably(part / "version.json", json.dumps(described(self._layout)))
            part.replace(folder)
            sync_folder(self._folder)
            return self.open(name)

    def open(self, name: str) -> FiledVersion:
        with self._lock:
            if name not in self._opened or self._opened[name].closed:
                self._check_there(name)
                folder = self._folder / name
                check(name, json.loads((folder / "version.json").read_text(encoding="utf-8")), self._layout)
                points = EdgePoints(folder / "points", self._layout.dim)
                # Now rather than later, as it stops the whole process.
                points.compact()
                receipts, profiles = SqliteReceipts(folder / "receipts.db"), SqliteProfiles(folder / "profiles.db")
                self._opened[name] = FiledVersion(name, points, receipts, profiles)
            return self._opened[name]

    def versions(self) -> list[str]:
        with self._lock:
            self._check_open()
            return sorted(path.parent.name for path in self._folder.glob("[a-z]*/version.json"))

    def activate(self, name: str) -> None:
        with self._lock:
            self.open(name)
            replace_durably(self._folder / "live", name)
            self._live = name

    def drop(self, name: str) -> None:
        with self._lock:
            self._check_there(name)
            if name == self._live:
                raise Refused(f"Version {name} is live: activate another one before dropping it.")
            self._remove(name)

    def retire(self) -> None:
        with self._lock:
            self._check_open()
            if self._live is None:
                return
            name, self._live = self._live, None
            # The pointer first: a stop in between leaves a version that is not live.
            (self._folder / "live").unlink()
            sync_folder(self._folder)
            if name in self.versions():
                self._remove(name)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._opened:
                self._opened.popitem()[1].close()
            self._owned.release()

    def _remove(self, name: str) -> None:
        if name in self._opened:
            self._opened.pop(name).close()
        part = (self._folder / name).replace(self._folder / f".{name}.part")
        sync_folder(self._folder)
        shutil.rmtree(part)

    def _check_there(self, name: str) -> None:
        if name not in self.versions():
            raise Refused(f"There is no version {name} in {self._folder}.")

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The embedded store is closed.")
