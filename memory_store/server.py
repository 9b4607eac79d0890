"""The store on a Qdrant server: two collections per version, and the live one behind an alias.

Collections `<prefix>_<version>` (points) and `<prefix>_<version>_receipts`, alias `<prefix>`. The receipts are
made last and go last: nothing half-made is listed, and what is half-dropped still is, so that it can be dropped
again instead of keeping texts that no erasure reaches. An unmodified mem0.Memory reads the points.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Any

from qdrant_client import QdrantClient, models

from memory_store.errors import NoLiveVersion, Refused, Unavailable
from memory_store.layout import check, described
from memory_store.models import Layout
from memory_store.payload import CONTEXT, TEXT, WORDS
from memory_store.server_errors import translated
from memory_store.server_points import Collection, ServerPoints, ServerProfiles, ServerReceipts
from memory_store.version import FiledVersion, checked_name, may_name

_RECEIPTS = "_receipts"


class ServerStore:
    """A MemoryStore on a server, which any number of processes may share. The client stays the caller's."""

    def __init__(self, client: QdrantClient, layout: Layout, *, prefix: str = "oboegaki") -> None:
        self._client = client
        self._layout = layout
        self._prefix = prefix
        self._local = is_local(client)
        # A client in local mode loses writes when two threads use it.
        self._turn: AbstractContextManager[Any] = RLock() if self._local else nullcontext()
        self._lock = RLock()
        self._opened: dict[str, FiledVersion] = {}
        self._closed = False

    def live(self) -> FiledVersion:
        name = self._live_name()
        if name is None:
            raise NoLiveVersion("No version of the memories is active yet: create one and activate it.")
        return self.open(name)

    def create(self, name: str) -> FiledVersion:
        collection = self._collection(checked_name(name))
        with self._lock:
            if name in self.versions():
                raise Refused(f"There is a version {name} already: choose another name.")
            with self._calls() as client:
                if client.collection_exists(collection):
                    client.delete_collection(collection)
                self._create_points(client, collection)
                client.create_collection(
                    collection + _RECEIPTS, vectors_config={}, metadata=described(self._layout)
                )
            return self.open(name)

    def open(self, name: str) -> FiledVersion:
        with self._lock:
            if name not in self._opened or self._opened[name].closed:
                self._check_there(name)
                collection = self._collection(name)
                with self._calls() as client:
                    stored = client.get_collection(collection + _RECEIPTS).config.metadata
                check(name, stored, self._layout)
                points = ServerPoints(Collection(self._client, collection, self._turn))
                beside = Collection(self._client, collection + _RECEIPTS, self._turn)
                self._opened[name] = FiledVersion(name, points, ServerReceipts(beside), ServerProfiles(beside))
            return self._opened[name]

    def versions(self) -> list[str]:
        with self._calls() as client:
            names = [each.name for each in client.get_collections().collections]
        first = f"{self._prefix}_"
        ours = [name for name in names if name.startswith(first) and name.endswith(_RECEIPTS)]
        found = [name.removeprefix(first).removesuffix(_RECEIPTS) for name in ours]
        # Another store's prefix may begin with ours.
        return sorted(name for name in found if may_name(name))

    def activate(self, name: str) -> None:
        self.open(name)
        # One operation on the alias itself: the server saves each by itself, so two could be cut apart.
        pointed = models.CreateAlias(collection_name=self._collection(name), alias_name=self._prefix)
        with self._calls() as client:
            client.update_collection_aliases([models.CreateAliasOperation(create_alias=pointed)])

    def drop(self, name: str) -> None:
        with self._lock:
            self._check_there(name)
            if name == self._live_name():
                raise Refused(f"Version {name} is live: activate another one before dropping it.")
            self._remove(name)

    def retire(self) -> None:
        with self._lock:
            name = self._live_name()
            if name is None:
                return
            alias = models.DeleteAlias(alias_name=self._prefix)
            with self._calls() as client:
                client.update_collection_aliases([models.DeleteAliasOperation(delete_alias=alias)])
            self._remove(name)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._opened:
                self._opened.popitem()[1].close()

    def _create_points(self, client: QdrantClient, collection: str) -> None:
        vector = models.VectorParams(size=self._layout.dim, distance=models.Distance.COSINE)
        client.create_collection(
            collection,
            vectors_config={TEXT: vector, CONTEXT: vector},
            sparse_vectors_config={WORDS: models.SparseVectorParams()},
            # One graph per user instead of one over all: every search is a user's.
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        )
        if self._local:
            return
        client.create_payload_index(
            collection,
            "user_id",
            models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
        )
        client.create_payload_index(collection, "conversation_id", models.PayloadSchemaType.KEYWORD)
        client.create_payload_index(collection, "message_id", models.PayloadSchemaType.INTEGER)
        client.create_payload_index(collection, "said_at_us", models.PayloadSchemaType.INTEGER)
        client.create_payload_index(collection, "supersedes", models.PayloadSchemaType.KEYWORD)

    def _remove(self, name: str) -> None:
        if name in self._opened:
            self._opened.pop(name).close()
        with self._calls() as client:
            client.delete_collection(self._collection(name))
            client.delete_collection(self._collection(name) + _RECEIPTS)

    def _live_name(self) -> str | None:
        with self._calls() as client:
            aliases = client.get_aliases().aliases
        for alias in aliases:
            if alias.alias_name == self._prefix:
                return alias.collection_name.removeprefix(f"{self._prefix}_")
        return None

    def _collection(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _check_there(self, name: str) -> None:
        if name not in self.versions():
            raise Refused(f"There is no version {name} on the Qdrant server.")

    @contextmanager
    def _calls(self) -> Iterator[QdrantClient]:
        with self._turn, translated():
            if self._closed:
                raise Unavailable("The store is closed.")
            yield self._client


def is_local(client: QdrantClient) -> bool:
    """Whether a client keeps its collections in this process instead of asking a server."""
    options = client.init_options
    return options["location"] == ":memory:" or options["path"] is not None
