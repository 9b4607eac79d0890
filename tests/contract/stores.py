"""The three stores that the suite runs on.

The server store runs on qdrant-client's local mode, which keeps its collections in this process: no Qdrant server
comes with the packages, and a test that needs one would run almost nowhere. So what only a server does (its
indexes, its graphs, its answers to a refused call) is not shown here; everything else is.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from qdrant_client import QdrantClient

from memory_store.embedded import EmbeddedStore
from memory_store.fake import FakeStore
from memory_store.models import Layout
from memory_store.port import MemoryStore
from memory_store.server import ServerStore
from tests.contract.making import LAYOUT

#: Opens a store whose data is in a folder, or would be.
Opener = Callable[[Path, Layout], AbstractContextManager[MemoryStore]]


@contextmanager
def fake(_home: Path, _layout: Layout = LAYOUT) -> Iterator[MemoryStore]:
    """The store in memory; it has no folder and no layout."""
    store = FakeStore()
    yield store
    store.close()


@contextmanager
def embedded(home: Path, layout: Layout = LAYOUT) -> Iterator[EmbeddedStore]:
    """The store on qdrant-edge."""
    store = EmbeddedStore(home, layout)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def server(home: Path, layout: Layout = LAYOUT) -> Iterator[ServerStore]:
    """The store on qdrant-client's local mode, in a folder."""
    with _serving(QdrantClient(path=str(home / "qdrant")), layout) as store:
        yield store


@contextmanager
def server_in_memory(_home: Path, layout: Layout = LAYOUT) -> Iterator[ServerStore]:
    """The same without a folder, as that one waits for the disk after every point."""
    with _serving(QdrantClient(":memory:"), layout) as store:
        yield store


@contextmanager
def _serving(client: QdrantClient, layout: Layout) -> Iterator[ServerStore]:
    with closing(client), closing(ServerStore(client, layout)) as store:
        yield store


ALL: dict[str, Opener] = {"fake": fake, "embedded": embedded, "server": server_in_memory}
DURABLE: dict[str, Opener] = {"embedded": embedded, "server": server}
