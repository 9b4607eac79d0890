"""Points in a shard of qdrant-edge, Qdrant's own engine in this process.

The engine leaves what was removed in its files for good, so they are written anew from what is left: aside first
(`.points.part`), then under the name `.points.new`, which is whole, then in the place of the former ones
(`.points.old`), which come back where the new ones cannot be opened.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from memory_store.errors import Unavailable
from memory_store.files import sync_folder
from memory_store.models import Memory
from memory_store.payload import CONTEXT, TEXT, WORDS, from_payload, to_payload
from memory_store.points import EVERYTHING, Near, Point, Scores, Where

#: Points per call. The engine holds Python's interpreter lock throughout a call, so calls are kept short.
_BATCH = 256

_INDEXES: dict[str, edge.PayloadSchemaType | edge.KeywordIndexParams] = {
    "user_id": edge.KeywordIndexParams(is_tenant=True),
    "conversation_id": edge.PayloadSchemaType.Keyword,
    "message_id": edge.PayloadSchemaType.Integer,
    "said_at_us": edge.PayloadSchemaType.Integer,
    "supersedes": edge.PayloadSchemaType.Keyword,
}


class EdgePoints:
    """Points by id; durable once flushed. Searching is exact."""

    def __init__(self, path: Path, dim: int, load: Callable[[str], edge.EdgeShard] = edge.EdgeShard.load) -> None:
        """`load` opens a shard's folder. Raises Unavailable."""
        self._load = load
        self._path = path
        self._dim = dim
        #: Says that something was removed which is still in the files.
        self._unpurged = path.with_name("unpurged")
        with _translated():
            _end_replacing(path)
            self._shard = load(str(path))

    @staticmethod
    def create(path: Path, dim: int) -> None:
        """Makes an empty shard in a folder that does not exist yet."""
        with _translated():
            _created(path, dim).close()

    def compact(self) -> None:
        """Rewrites large segments that deletions have hollowed out. Stops the process: 0.5 s per 50,000 points."""
        with _translated():
            self._shard.optimize()

    def purge(self, ends: Callable[[], bool]) -> None:
        if not self._unpurged.exists():
            return
        with _translated():
            part, new = _beside(self._path, "part"), _beside(self._path, "new")
            # Also of a purge that failed.
            _end_replacing(self._path)
            if not self._copied(part, ends):
                return
            part.rename(new)
            sync_folder(new.parent)
            _replace(self._path)
            # The former one ends with whoever still reads from it.
            self._shard = self._loaded()
            _end_replacing(self._path)
            self._unpurged.unlink()

    @property
    def purged(self) -> bool:
        return not self._unpurged.exists()

    def upsert(self, points: Sequence[Point]) -> None:
        for start in range(0, len(points), _BATCH):
            batch = [_to_edge(point) for point in points[start : start + _BATCH]]
            with _translated():
                self._shard.update(edge.UpdateOperation.upsert_points(batch))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            with _translated():
                # Before it is so: a stop in between must not leave something that nobody knows of.
                if not self._unpurged.exists():
                    self._unpurged.touch()
                    sync_folder(self._unpurged.parent)
                self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def flush(self) -> None:
        with _translated():
            self._shard.flush()

    def nearest(
        self, vector: NDArray[np.float32], where: Where, limit: int, words: Sequence[int] = (), most: int = 0
    ) -> Near:
        wanted, theirs, near = _filter(where), _filter(Where(user_id=where.user_id)), vector.tolist()
        requests = [
            edge.QueryRequest(limit=limit, query=edge.Query.Nearest(near, using=name), filter=wanted)
            for name in (TEXT, CONTEXT)
        ]
        for word in words:
            holding = edge.Query.Nearest(edge.SparseVector([word], [1.0]), using=WORDS)
            requests.append(edge.QueryRequest(limit=most, query=holding, filter=theirs))
        with _translated():
            by_text, by_context, *held = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return Near(_scores(by_text), _scores(by_context), tuple(tuple(_scores(each)) for each in held))

    def find(self, where: Where) -> Iterator[Memory]:
        wanted, offset = _filter(where), None
        while True:
            request = edge.ScrollRequest(limit=_BATCH, filter=wanted, with_payload=True, offset=offset)
            with _translated():
                records, offset = self._shard.scroll(request)
            yield from map(_from_edge, records)
            if offset is None:
                return

    def newest(self, where: Where, limit: int) -> list[Memory]:
        latest_first = edge.OrderBy(key="said_at_us", direction=edge.Direction.Desc)
        request = edge.ScrollRequest(limit=limit, filter=_filter(where), with_payload=True, order_by=latest_first)
        with _translated():
            records, _ = self._shard.scroll(request)
        return [_from_edge(record) for record in records]

    def count(self, where: Where = EVERYTHING) -> int:
        wanted = None if where == EVERYTHING else _filter(where)
        with _translated():
            return self._shard.count(edge.CountRequest(exact=True, filter=wanted))

    def vectors(self, ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        with _translated():
            records = self._shard.retrieve(list(ids), with_payload=False, with_vector=True)
        found: dict[str, Any] = {str(record.id): record.vector for record in records}
        return {each: (vectors[TEXT], vectors[CONTEXT]) for each, vectors in found.items()}

    def close(self) -> None:
        with _translated():
            self._shard.close()

    def _loaded(self) -> edge.EdgeShard:
        """The new files; where they cannot be opened, the former ones, which are open, are put back."""
        try:
            return self._load(str(self._path))
        except BaseException:
            _put_back(self._path)
            raise

    def _copied(self, path: Path, ends: Callable[[], bool]) -> bool:
        """Makes a shard of all points that there are, each as it is, bit for bit; False where it gave up."""
        copy, offset = _created(path, self._dim), None
        while True:
            request = edge.ScrollRequest(limit=_BATCH, with_payload=True, with_vector=True, offset=offset)
            records, offset = self._shard.scroll(request)
            points = [edge.Point(each.id, each.vector or {}, each.payload or {}) for each in records]
            if points:
                copy.update(edge.UpdateOperation.upsert_points(points))
            if offset is None or ends():
                break
        copy.flush()
        copy.close()
        return offset is None


def _created(path: Path, dim: int) -> edge.EdgeShard:
    # No graph (m=0): a user's points are few enough to look at all of them, 7 ms for 50,000, and building
    # a graph would stop the whole process for a minute.
    graph = edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10_000)
    vectors = {name: edge.EdgeVectorParams(size=dim, distance=edge.Distance.Cosine) for name in (TEXT, CONTEXT)}
    path.mkdir()
    config = edge.EdgeConfig(
        vectors=vectors, sparse_vectors={WORDS: edge.EdgeSparseVectorParams()}, hnsw_config=graph
    )
    shard = edge.EdgeShard.create(str(path), config)
    for field, schema in _INDEXES.items():
        shard.update(edge.UpdateOperation.create_field_index(field, schema))
    shard.flush()
    return shard


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.{what}")


def _replace(path: Path) -> None:
    """Puts the new files in the place of the former ones, which whoever has them open may go on reading."""
    path.rename(_beside(path, "old"))
    _beside(path, "new").rename(path)
    sync_folder(path.parent)


def _put_back(path: Path) -> None:
    """Undoes it."""
    path.rename(_beside(path, "part"))
    _beside(path, "old").rename(path)
    sync_folder(path.parent)


def _end_replacing(path: Path) -> None:
    """Ends what a stop cut off, and removes what is not needed any more."""
    if not path.exists():
        new = _beside(path, "new")
        (new if new.exists() else _beside(path, "old")).rename(path)
        sync_folder(path.parent)
    for left in ("part", "new", "old"):
        shutil.rmtree(_beside(path, left), ignore_errors=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # the seam: the engine raises bare Exceptions; any subclass is a mistake of ours
        if type(exc) is not Exception and not isinstance(exc, OSError):
            raise
        raise Unavailable(f"The embedded store failed: {exc}") from exc


def _filter(where: Where) -> edge.Filter:
    must: list[edge.FieldCondition | edge.HasIdCondition] = []
    if where.user_id is not None:
        must.append(edge.FieldCondition("user_id", match=edge.MatchValue(where.user_id)))
    if where.conversation_id is not None:
        must.append(edge.FieldCondition("conversation_id", match=edge.MatchValue(where.conversation_id)))
    if where.message_ids is not None:
        must.append(edge.FieldCondition("message_id", match=edge.MatchAny(list(where.message_ids))))
    if where.up_to is not None:
        must.append(edge.FieldCondition("message_id", range=edge.RangeFloat(lte=where.up_to)))
    if where.since_us is not None or where.until_us is not None:
        said = edge.RangeFloat(gte=where.since_us, lt=where.until_us)
        must.append(edge.FieldCondition("said_at_us", range=said))
    if where.supersedes is not None:
        must.append(edge.FieldCondition("supersedes", match=edge.MatchAny(list(where.supersedes))))
    if where.ids is not None:
        must.append(edge.HasIdCondition({UUID(each) for each in where.ids}))
    return edge.Filter(must=list(must))


def _to_edge(point: Point) -> edge.Point:
    words = edge.SparseVector(list(point.words), [1.0] * len(point.words))
    vectors = {TEXT: point.text.tolist(), CONTEXT: point.context.tolist(), WORDS: words}
    return edge.Point(point.memory.id, vectors, to_payload(point.memory))


def _from_edge(record: edge.Record) -> Memory:
    return from_payload(str(record.id), record.payload or {})


def _scores(points: list[edge.ScoredPoint]) -> Scores:
    return {str(point.id): point.score for point in points}
