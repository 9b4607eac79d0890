"""What the process that learns does for erasures: tells how far they are, and lets logs and files forget."""

from collections.abc import Callable, Collection, Sequence
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


class TakenOut:
    """Takes each extent out of each former log once; what could not be done is tried the next time."""

    def __init__(self, take_out: Callable[[str, Extent], int | None]) -> None:
        self._take_out = take_out
        self._done: set[tuple[str, Extent]] = set()

    def see_to(self, left: Collection[tuple[str, Extent]]) -> None:
        """Given all that is left anywhere: what is left no more is forgotten here, too."""
        self._done &= set(left)
        for each in left:
            if each not in self._done and self._take_out(*each) is not None:
                self._done.add(each)


class Erasing:
    """Tells the API what its logs still hold, and takes it out of those that nothing is learned into any more."""

    def __init__(self, settings: ConsumerSettings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._own = names.facts_log(settings.facts_version)
        # What was taken out once only waits to be compacted.
        self._former = TakenOut(lambda log, extent: former.erase(settings, log, extent, clock))

    def trail(self, extents: Sequence[Extent]) -> list[Told]:
        """What is left of each of them. Raises Unavailable."""
        try:
            found = LogTrail(self._settings).left(extents)
            self._former.see_to(
                [
                    (log, extent)
                    for extent, left in zip(extents, found, strict=True)
                    for log, count in left.facts.items()
                    if log != self._own and count
                ]
            )
        except LearningError as exc:
            raise Unavailable("Kafka is away, so it cannot be told what its logs still hold.") from exc
        return [_told(each, self._settings.facts_version) for each in found]


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
