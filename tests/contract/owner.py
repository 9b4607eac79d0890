"""A process that owns an embedded store, for tests that kill it: `python -m tests.contract.owner HOME WORK`."""

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from memory_store.embedded import EmbeddedStore
from memory_store.errors import OwnedElsewhere
from memory_store.models import Filing
from tests.contract.making import LAYOUT, file, filing, gone


def tell(word: object) -> None:
    """A line for the process that will kill this one."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def hold(_store: EmbeddedStore) -> None:
    """Keeps the store until its input ends."""
    tell("owned")
    sys.stdin.read()


def record(offset: int) -> Filing:
    """A log in which every message is learned, then replaced, or every third one deleted."""
    message_id, again = divmod(offset, 2)
    if not again:
        return filing(message_id, f"Old {message_id}", offset=offset)
    if message_id % 3 == 0:
        return gone(message_id, "deleted", offset=offset)
    return filing(message_id, f"New {message_id}", offset=offset)


def file_on(store: EmbeddedStore) -> None:
    """Files one record after another, and names its offset once it is durable."""
    version = store.create("v1")
    store.activate("v1")
    for offset in count():
        file(version, record(offset))
        tell(offset)


def switch_on(store: EmbeddedStore) -> None:
    """Makes one version live after the other."""
    store.create("v1")
    store.create("v2")
    for number in count():
        store.activate(f"v{number % 2 + 1}")
        tell(number)


def rebuild_on(store: EmbeddedStore) -> None:
    """Creates, fills and drops versions beside a live one."""
    file(store.create("v1"), filing(1, "I like tea"))
    store.activate("v1")
    for number in count():
        file(store.create("next"), filing(1, "I like tea"))
        store.drop("next")
        tell(number)


WORK: dict[str, Callable[[EmbeddedStore], None]] = {
    "hold": hold,
    "file": file_on,
    "switch": switch_on,
    "rebuild": rebuild_on,
}


def main() -> None:
    """Opens the store and works on it until killed."""
    home, work = sys.argv[1:]
    try:
        store = EmbeddedStore(Path(home), LAYOUT)
    except OwnedElsewhere as exc:
        sys.exit(str(exc))
    WORK[work](store)


if __name__ == "__main__":
    main()
