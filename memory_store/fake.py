"""A store in memory and an embedder without a model, for fast tests; the contract suite runs on them too."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from memory_store.errors import NoLiveVersion, Refused, Unavailable
from memory_store.models import Memory, Profile, Receipt
from memory_store.payload import (
    from_payload,
    microseconds,
    profile_from_payload,
    profile_to_payload,
    to_payload,
)
from memory_store.points import EVERYTHING, Near, Point, Scores, Where
from memory_store.version import FiledVersion, checked_name


class HashEmbedder:
    """Bags of character n-grams, hashed: texts that share words are near. Equal on every machine."""

    name = "hash-64"
    dim = 64

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = [_hashed(text, self.dim) for text in texts]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), self.dim)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.passages(texts)


class FakeStore:
    """Versions that live as long as this object."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._kept: dict[str, tuple[dict[str, Point], dict[int, Receipt], dict[str, Profile]]] = {}
        self._opened: dict[str, FiledVersion] = {}
        self._live: str | None = None
        self._closed = False

    def live(self) -> FiledVersion:
        with self._lock:
            self._check_open()
            if self._live is None:
                raise NoLiveVersion("No version of the memories is active yet: create one and activate it.")
            return self.open(self._live)

    def create(self, name: str) -> FiledVersion:
        with self._lock:
            if checked_name(name) in self.versions():
                raise Refused(f"There is a version {name} already: choose another name.")
            self._kept[name] = ({}, {}, {})
            return self.open(name)

    def open(self, name: str) -> FiledVersion:
        with self._lock:
            if name not in self.versions():
                raise Refused(f"There is no version {name}.")
            if name not in self._opened or self._opened[name].closed:
                points, receipts, profiles = self._kept[name]
                self._opened[name] = FiledVersion(name, _Points(points), _Receipts(receipts), _Profiles(profiles))
            return self._opened[name]

    def versions(self) -> list[str]:
        with self._lock:
            self._check_open()
            return sorted(self._kept)

    def activate(self, name: str) -> None:
        with self._lock:
            self._live = self.open(name).name

    def drop(self, name: str) -> None:
        with self._lock:
            dropped = self.open(name)
            if name == self._live:
                raise Refused(f"Version {name} is live: activate another one before dropping it.")
            dropped.close()
            del self._opened[name], self._kept[name]

    def retire(self) -> None:
        with self._lock:
            self._check_open()
            retired, self._live = self._live, None
            if retired is not None:
                self.drop(retired)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for version in self._opened.values():
                version.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")


class _Points:
    def __init__(self, rows: dict[str, Point]) -> None:
        self._rows: dict[str, Point] | None = rows

    def upsert(self, points: Sequence[Point]) -> None:
        self._open().update((point.memory.id, point) for point in points)

    def delete(self, ids: Sequence[str]) -> None:
        for each in ids:
            self._open().pop(each, None)

    def flush(self) -> None:
        self._open()

    def nearest(
        self, vector: NDArray[np.float32], where: Where, limit: int, words: Sequence[int] = (), most: int = 0
    ) -> Near:
        rows, theirs = self._rows_where(where), self._rows_where(Where(user_id=where.user_id))
        text = {row.memory.id: float(row.text @ vector) for row in rows}
        context = {row.memory.id: float(row.context @ vector) for row in rows}
        held = tuple(tuple(row.memory.id for row in theirs if word in row.words)[:most] for word in words)
        return Near(_best(text, limit), _best(context, limit), held)

    def find(self, where: Where) -> Iterator[Memory]:
        rows = sorted(self._rows_where(where), key=lambda row: row.memory.id)
        return iter([_as_stored(row.memory) for row in rows])

    def newest(self, where: Where, limit: int) -> list[Memory]:
        rows = sorted(self._rows_where(where), key=lambda row: row.memory.said_at, reverse=True)
        return [_as_stored(row.memory) for row in rows[:limit]]

    def count(self, where: Where = EVERYTHING) -> int:
        return len(self._rows_where(where))

    def purge(self, ends: Callable[[], bool]) -> None:
        if not ends():
            self._open()

    @property
    def purged(self) -> bool:
        return True

    def vectors(self, ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        rows = self._rows_where(Where(ids=tuple(ids)))
        return {row.memory.id: (row.text.tolist(), row.context.tolist()) for row in rows}

    def close(self) -> None:
        self._rows = None

    def _open(self) -> dict[str, Point]:
        if self._rows is None:
            raise Unavailable("This version of the memories is closed.")
        return self._rows

    def _rows_where(self, where: Where) -> list[Point]:
        return [row for row in list(self._open().values()) if _meets(row.memory, where)]


class _Receipts:
    def __init__(self, rows: dict[int, Receipt]) -> None:
        self._rows: dict[int, Receipt] | None = rows

    def put(self, receipts: Sequence[Receipt]) -> None:
        self._open().update((receipt.message_id, receipt) for receipt in receipts)

    def delete(self, message_ids: Sequence[int]) -> None:
        rows = self._open()
        for each in message_ids:
            rows.pop(each, None)

    def get(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        rows = self._open()
        return {each: rows[each] for each in message_ids if each in rows}

    def scan(self) -> Iterator[Receipt]:
        rows = self._open()
        return iter([rows[each] for each in sorted(rows)])

    def close(self) -> None:
        self._rows = None

    def _open(self) -> dict[int, Receipt]:
        if self._rows is None:
            raise Unavailable("This version of the memories is closed.")
        return self._rows


class _Profiles:
    def __init__(self, rows: dict[str, Profile]) -> None:
        self._rows: dict[str, Profile] | None = rows

    def put(self, profiles: Sequence[Profile]) -> None:
        stored = [profile_from_payload(profile_to_payload(each)) for each in profiles]
        self._open().update((profile.user_id, profile) for profile in stored)

    def get(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        rows = self._open()
        return {each: rows[each] for each in user_ids if each in rows}

    def close(self) -> None:
        self._rows = None

    def _open(self) -> dict[str, Profile]:
        if self._rows is None:
            raise Unavailable("This version of the memories is closed.")
        return self._rows


def _meets(memory: Memory, where: Where) -> bool:
    said = microseconds(memory.said_at)
    return (
        where.user_id in (None, memory.user_id)
        and where.conversation_id in (None, memory.conversation_id)
        and (where.since_us is None or said >= where.since_us)
        and (where.until_us is None or said < where.until_us)
        and (where.message_ids is None or memory.message_id in where.message_ids)
        and (where.up_to is None or memory.message_id <= where.up_to)
        and (where.ids is None or memory.id in where.ids)
        and (where.supersedes is None or not set(where.supersedes).isdisjoint(memory.supersedes))
    )


def _as_stored(memory: Memory) -> Memory:
    return from_payload(memory.id, to_payload(memory))


def _best(scores: Scores, limit: int) -> Scores:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit])


def _hashed(text: str, dim: int) -> NDArray[np.float64]:
    vector = np.zeros(dim)
    # Always one feature, so that a blank text has a direction as well.
    vector[0] = 0.01
    lowered = f" {text.casefold()} "
    for size in (1, 2, 3):
        for start in range(len(lowered) - size + 1):
            gram = lowered[start : start + size].encode(errors="replace")
            digest = int.from_bytes(blake2b(gram, digest_size=4).digest(), "big")
            vector[digest % dim] += size if digest & 0x80000000 else -size
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit
