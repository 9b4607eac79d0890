"""The stores that the suite runs on.

The server store runs on qdrant-client's local mode, which keeps its collections in this process, and on the same
behind HTTP: no Qdrant server comes with the packages, and a test that needs one would run almost nowhere. So what
only a server does (its indexes, its graphs, its answers to a refused call) is not shown here; everything else is.
"""

import asyncio
import atexit
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from threading import Thread

import uvicorn
from pydantic import SecretStr
from qdrant_client import QdrantClient

from memory_store.embedded import EmbeddedStore
from memory_store.fake import FakeStore
from memory_store.models import Layout
from memory_store.port import MemoryStore
from memory_store.server import ServerStore
from memory_store.settings import StoreSettings
from tests.containers.qdrant_rest import create_app
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


_KEY = "a key for tests"
_numbers = count()


@contextmanager
def over_http(_home: Path, layout: Layout = LAYOUT) -> Iterator[ServerStore]:
    """A store of its own on a server of this process."""
    with warnings.catch_warnings():
        # Of a key without TLS; it does not leave this machine.
        warnings.simplefilter("ignore", UserWarning)
        client = QdrantClient(url=_address(), api_key=_KEY, check_compatibility=False)
    with closing(client), closing(ServerStore(client, layout, prefix=f"test{next(_numbers)}")) as store:
        yield store


def on_http() -> StoreSettings:
    """What names that server."""
    return StoreSettings(store="server", qdrant_url=_address(), qdrant_api_key=SecretStr(_KEY))


@cache
def _address() -> str:
    """Where the server answers; it is started once and ends with the process."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(QdrantClient(":memory:"), _KEY)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()

    def end() -> None:
        server.should_exit = True
        thread.join(10)

    atexit.register(end)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def server_environment() -> dict[str, str]:
    """The settings of another process that uses that server."""
    return {"OBOEGAKI_STORE": "server", "OBOEGAKI_QDRANT_URL": _address(), "OBOEGAKI_QDRANT_API_KEY": _KEY}


@contextmanager
def _serving(client: QdrantClient, layout: Layout) -> Iterator[ServerStore]:
    with closing(client), closing(ServerStore(client, layout)) as store:
        yield store


ALL: dict[str, Opener] = {"fake": fake, "embedded": embedded, "server": server_in_memory, "http": over_http}
DURABLE: dict[str, Opener] = {"embedded": embedded, "server": server}
