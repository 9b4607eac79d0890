"""Points, receipts and profiles in two collections of a Qdrant server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid5

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from memory_store.errors import Unavailable
from memory_store.models import NAMESPACE, Memory, Profile, Receipt
from memory_store.payload import (
    CONTEXT,
    TEXT,
    WORDS,
    from_payload,
    profile_from_payload,
    profile_to_payload,
    receipt_from_payload,
    receipt_to_payload,
    to_payload,
)
from memory_store.points import EVERYTHING, Near, Point, Scores, Where
from memory_store.server_errors import translated

_BATCH = 256
_PAGE = 1000


class Collection:
    """A collection as one caller sees it, until it is closed; the client stays open."""

    def __init__(self, client: QdrantClient, name: str, turn: AbstractContextManager[Any]) -> None:
        """`turn` lets one thread at a time use a client that needs it."""
        self.name = name
        self._client = client
        self._turn = turn
        self._closed = False

    @contextmanager
    def client(self) -> Iterator[QdrantClient]:
        """Raises our errors for the client's."""
        with self._turn, translated():
            if self._closed:
                raise Unavailable("This version of the memories is closed.")
            yield self._client

    def upsert(self, points: Sequence[models.PointStruct]) -> None:
        """Durable on return."""
        for start in range(0, len(points), _BATCH):
            with self.client() as client:
                client.upsert(self.name, list(points[start : start + _BATCH]), wait=True)

    def scroll(self, wanted: models.Filter | None) -> Iterator[models.Record]:
        """All such points, by id."""
        offset = None
        while True:
            with self.client() as client:
                records, offset = client.scroll(self.name, wanted, limit=_PAGE, offset=offset)
            yield from records
            if offset is None:
                return

    def close(self) -> None:
        """Later calls raise Unavailable."""
        self._closed = True


class ServerPoints:
    """Points by id."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def upsert(self, points: Sequence[Point]) -> None:
        self._collection.upsert([_to_struct(point) for point in points])

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            with self._collection.client() as client:
                client.delete(self._collection.name, models.PointIdsList(points=list(ids)), wait=True)

    def flush(self) -> None:
        """Nothing to do: every call waited for the server's write-ahead log."""

    def nearest(
        self, vector: NDArray[np.float32], where: Where, limit: int, words: Sequence[int] = (), most: int = 0
    ) -> Near:
        wanted, theirs, near = _filter(where), _filter(Where(user_id=where.user_id)), vector.tolist()
        requests = [
            models.QueryRequest(query=near, using=name, filter=wanted, limit=limit) for name in (None, CONTEXT)
        ]
        for word in words:
            holding = models.SparseVector(indices=[word], values=[1.0])
            requests.append(models.QueryRequest(query=holding, using=WORDS, filter=theirs, limit=most))
        with self._collection.client() as client:
            by_text, by_context, *held = client.query_batch_points(self._collection.name, requests)
        return Near(_scores(by_text), _scores(by_context), tuple(tuple(_scores(each)) for each in held))

    def find(self, where: Where) -> Iterator[Memory]:
        return map(_from_record, self._collection.scroll(_filter(where)))

    def newest(self, where: Where, limit: int) -> list[Memory]:
        latest_first = models.OrderBy(key="said_at_us", direction=models.Direction.DESC)
        with self._collection.client() as client:
            records, _ = client.scroll(self._collection.name, _filter(where), limit=limit, order_by=latest_first)
        return [_from_record(record) for record in records]

    def count(self, where: Where = EVERYTHING) -> int:
        wanted = None if where == EVERYTHING else _filter(where)
        with self._collection.client() as client:
            return client.count(self._collection.name, wanted, exact=True).count

    def vectors(self, ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        with self._collection.client() as client:
            records = client.retrieve(self._collection.name, list(ids), with_payload=False, with_vectors=True)
        found: dict[str, Any] = {str(record.id): record.vector for record in records}
        return {each: (vectors[TEXT], vectors[CONTEXT]) for each, vectors in found.items()}

    def purge(self, _ends: Callable[[], bool]) -> None:
        """Nothing to do: the server writes its segments anew by itself, when enough was removed from one."""

    @property
    def purged(self) -> None:
        return None

    def close(self) -> None:
        self._collection.close()


class ServerReceipts:
    """Receipts as points without a vector, whose ids are the message ids."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def put(self, receipts: Sequence[Receipt]) -> None:
        """Not all or none beyond a batch: filing again puts the rest."""
        self._collection.upsert(
            [
                models.PointStruct(id=each.message_id, vector={}, payload=receipt_to_payload(each))
                for each in receipts
            ]
        )

    def delete(self, message_ids: Sequence[int]) -> None:
        if message_ids:
            with self._collection.client() as client:
                client.delete(self._collection.name, models.PointIdsList(points=list(message_ids)), wait=True)

    def get(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        with self._collection.client() as client:
            records = client.retrieve(self._collection.name, list(message_ids))
        return {receipt.message_id: receipt for receipt in map(_receipt, records)}

    def scan(self) -> Iterator[Receipt]:
        # Beside them lie the profiles, whose ids are no numbers.
        return (_receipt(record) for record in self._collection.scroll(None) if isinstance(record.id, int))

    def close(self) -> None:
        self._collection.close()


class ServerProfiles:
    """Profiles as points without a vector, beside the receipts, by an id that follows from the user's."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def put(self, profiles: Sequence[Profile]) -> None:
        """What is replaced stays in the server's files until it rewrites them."""
        self._collection.upsert(
            [
                models.PointStruct(id=_profile_id(each.user_id), vector={}, payload=profile_to_payload(each))
                for each in profiles
            ]
        )

    def get(self, user_ids: Sequence[str]) -> dict[str, Profile]:
        with self._collection.client() as client:
            records = client.retrieve(self._collection.name, [_profile_id(each) for each in user_ids])
        found = [profile_from_payload(record.payload or {}) for record in records]
        return {profile.user_id: profile for profile in found}

    def close(self) -> None:
        self._collection.close()


def _filter(where: Where) -> models.Filter:
    must: list[models.Condition] = []
    for field in ("user_id", "conversation_id"):
        value = getattr(where, field)
        if value is not None:
            must.append(models.FieldCondition(key=field, match=models.MatchValue(value=value)))
    if where.message_ids is not None:
        among = models.MatchAny(any=list(where.message_ids))
        must.append(models.FieldCondition(key="message_id", match=among))
    if where.up_to is not None:
        must.append(models.FieldCondition(key="message_id", range=models.Range(lte=where.up_to)))
    if where.since_us is not None or where.until_us is not None:
        said = models.Range(gte=where.since_us, lt=where.until_us)
        must.append(models.FieldCondition(key="said_at_us", range=said))
    if where.supersedes is not None:
        among = models.MatchAny(any=list(where.supersedes))
        must.append(models.FieldCondition(key="supersedes", match=among))
    if where.ids is not None:
        must.append(models.HasIdCondition(has_id=list(where.ids)))
    return models.Filter(must=must)


def _to_struct(point: Point) -> models.PointStruct:
    words = models.SparseVector(indices=list(point.words), values=[1.0] * len(point.words))
    vectors: Any = {TEXT: point.text.tolist(), CONTEXT: point.context.tolist(), WORDS: words}
    return models.PointStruct(id=point.memory.id, vector=vectors, payload=to_payload(point.memory))


def _from_record(record: models.Record) -> Memory:
    return from_payload(str(record.id), record.payload or {})


def _profile_id(user_id: str) -> str:
    return str(uuid5(NAMESPACE, f"profile:{user_id}"))


def _receipt(record: models.Record) -> Receipt:
    return receipt_from_payload(int(record.id), record.payload or {})


def _scores(response: models.QueryResponse) -> Scores:
    return {str(point.id): point.score for point in response.points}
