"""The version of the memories opened, by one consumer at a time."""

from collections.abc import Callable
from contextlib import nullcontext

from chat_api.rows.locks import alone
from memory_consumer import opening
from memory_consumer.control import VersionRecord
from memory_store.port import MemoryStore, MemoryVersion
from oboegaki.instance import Instance


def opened_version(
    instance: Instance,
    store: MemoryStore,
    known: VersionRecord | None,
    *,
    extractor: str,
    embedder: str,
    rebuild: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> MemoryVersion:
    """The version to project into. Raises as memory_consumer.opening.open_version.

    Of several consumers at one store, the first makes the version, and the others find it made; MySQL says whose
    turn it is. Raises chat_api's Unavailable where it does not, or where the wait is `stopped`.
    """
    shared = instance.store.store == "server"
    with alone(instance.api.account(), "opening", stopped=stopped) if shared else nullcontext():
        return opening.open_version(
            instance.consumer,
            store,
            opening.version_so_far(instance.consumer) if shared else known,
            store_name=instance.store.store,
            extractor=extractor,
            embedder=embedder,
            rebuild=rebuild,
        )
