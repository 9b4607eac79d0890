"""What the process that learns does for erasures: tells how far they are, and lets logs and files forget."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from chat_api.erasing.parts import Part, Told
from chat_api.errors import Unavailable
from memory_consumer import names
from memory_consumer.erasing import former
from memory_consumer.erasing.trail import Left, LogTrail
from memory_consumer.errors import LearningError
from memory_consumer.settings import ConsumerSettings
from memory_store.errors import WrongLayout
from memory_store.models import Extent
from memory_store.port import MemoryStore


class Erasing:
    """Tells the API what its logs still hold, and takes it out of those that nothing is learned into any more."""

    def __init__(self, settings: ConsumerSettings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._own = names.facts_log(settings.facts_version)
        #: What was taken out of which former log, and only waits to be compacted there.
        self._taken_out: set[tuple[str, Extent]] = set()

    def trail(self, extents: Sequence[Extent]) -> list[Told]:
        """What is left of each of them. Raises Unavailable."""
        try:
            found = LogTrail(self._settings).left(extents)
            for extent, left in zip(extents, found, strict=True):
                for log, count in left.facts.items():
                    if log != self._own and count:
                        self._take_out(log, extent)
        except LearningError as exc:
            raise Unavailable("Kafka is away, so it cannot be told what its logs still hold.") from exc
        return [_told(each, self._settings.facts_version) for each in found]

    def _take_out(self, log: str, extent: Extent) -> None:
        if (log, extent) not in self._taken_out:
            former.erase(self._settings, log, extent, self._clock)
            self._taken_out.add((log, extent))


def purge(store: MemoryStore, ends: Callable[[], bool]) -> None:
    """Writes files of all versions anew that hold what was removed, until it `ends`. Raises the store's errors."""
    for name in store.versions():
        # What another embedder built cannot be opened, and nothing is removed from it.
        with suppress(WrongLayout):
            store.open(name).purge(ends)


def _told(left: Left, version: str) -> Told:
    own = names.facts_log(version)
    others = [
        Part("facts_log", log, left=count, done=count == 0) for log, count in left.facts.items() if log != own
    ]
    parts = (
        Part("messages_log", names.MESSAGES, left=left.messages, done=_is_done(left, left.messages)),
        Part("facts_log", own, left=left.facts[own], done=_is_done(left, left.facts[own])),
        *others,
        Part("dead_letters", names.DEAD_LETTERS, left=left.letters, done=_is_done(left, left.letters)),
        # Both are written in the steps in which a deletion is learned and filed.
        Part("ledger", version, done=left.settled),
        Part("cache", "vectors", done=left.settled),
    )
    return Told(parts, left.settled)


def _is_done(left: Left, count: int) -> bool | None:
    return False if count else left.settled
