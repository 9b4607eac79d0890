"""The store that the settings name."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from memory_store.embedded import EmbeddedStore
from memory_store.models import Layout
from memory_store.port import MemoryStore
from memory_store.settings import StoreSettings


@contextmanager
def opened_store(settings: StoreSettings, home: Path, layout: Layout) -> Iterator[MemoryStore]:
    """A store for all threads, until the end of the block.

    Raises OwnedElsewhere while another process owns the embedded one. A server that is away is no error here.
    """
    if settings.store == "embedded":
        with closing(EmbeddedStore(home, layout)) as owned:
            yield owned
        return
    # A second, which nobody is to wait for without a server.
    from qdrant_client import QdrantClient  # noqa: PLC0415

    from memory_store.server import ServerStore  # noqa: PLC0415

    key = settings.qdrant_api_key.get_secret_value() or None
    client = QdrantClient(
        url=settings.qdrant_url,
        api_key=key,
        timeout=int(settings.qdrant_timeout.total_seconds()),
        # It asks the server at once, which may be away.
        check_compatibility=False,
        # For httpx: a proxy of the environment is for what is outside, and what is said goes to the server only.
        trust_env=False,
    )
    with closing(client), closing(ServerStore(client, layout)) as store:
        yield store
