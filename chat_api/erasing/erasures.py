"""Erasures: asked for by a route, then looked after until nothing is left anywhere."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from uuid import uuid4

from chat_api.auth.callers import Caller
from chat_api.erasing.erasure_rows import ErasureRows
from chat_api.erasing.parts import ELSEWHERE, Erasure, Filed, Told, Trail, looked, merged
from chat_api.erasing.statements import Asked, no_erasure
from chat_api.errors import ChatError, Forbidden
from memory_store.errors import StoreError, WrongLayout
from memory_store.models import Extent
from memory_store.port import MemoryStore

_log = logging.getLogger(__name__)

#: How long it can be asked about an erasure that is done, or of which nobody can tell what is left after its
#: deadline. Until then its row says whose it was.
KEPT = timedelta(days=30)
#: A message's id is below it.
_LAST = 2**63 - 1


class Erasures:
    """What is to be gone, and how far it is. Any number of processes may look after the same ones."""

    def __init__(
        self,
        rows: ErasureRows,
        store: MemoryStore,
        *,
        within: timedelta,
        clock: Callable[[], datetime],
        trail: Trail | None = None,
    ) -> None:
        """`within` is the promise; `trail` tells of the logs, and is None where another process learns."""
        self._rows = rows
        self._store = store
        self._within = within
        self._clock = clock
        self._trail = trail
        #: Set when something was asked for, for whoever looks after it.
        self.asked = Event()

    def user(self, user_id: str) -> Erasure:
        """Forgets all that a user said until now; what they say afterwards is learned as ever. Raises TooMany.

        Asked again while that is under way, and nothing was said since, it is the same erasure.
        """
        return self._noted(self._rows.erase_user(user_id, self._asked(Extent(user_id, _LAST))))

    def conversation(self, user_id: str, conversation_id: str) -> Erasure:
        """Forgets a conversation. Raises NotFound and TooMany."""
        extent = Extent(user_id, _LAST, conversation_id)
        return self._noted(self._rows.erase_conversation(user_id, conversation_id, self._asked(extent)))

    def message(self, user_id: str, message_id: int) -> Erasure:
        """Forgets a message. Raises NotFound and TooMany."""
        extent = Extent(user_id, message_id, alone=True)
        return self._noted(self._rows.erase_message(user_id, message_id, self._asked(extent)))

    def one(self, caller: Caller, erasure_id: str) -> Erasure:
        """An erasure as it was last looked at. Raises NotFound, also where the key is not for its user."""
        found = self._rows.one(erasure_id)
        try:
            caller.named(found.user_id)
        except Forbidden:
            raise no_erasure() from None
        return found

    def look_after(self) -> None:
        """Looks once where there is something left of what is not done. Raises Unavailable."""
        erasures = self._rows.under_way()
        # First the logs: what they no longer hold cannot be filed afterwards.
        told = self._told([each.extent for each in erasures]) if erasures else ()
        for erasure, of_it in zip(erasures, told, strict=True):
            self._look(erasure, of_it)
        self._rows.forget_done(self._clock() - KEPT)

    def _asked(self, extent: Extent) -> Asked:
        at = self._clock()
        # Before the rows go: what is filed now is what was found. Former versions are opened by the looks only,
        # which takes long.
        found = merged((), looked(self._live(extent), None))
        parts = tuple(replace(each, done=False) for each in found)
        return Asked(str(uuid4()), at, at + self._within, parts)

    def _noted(self, erasure: Erasure) -> Erasure:
        self.asked.set()
        return erasure

    def _look(self, erasure: Erasure, told: Told | None) -> None:
        now = self._clock()
        # Of what was never learned nobody will ever say that it is deleted.
        filed = self._filed(erasure, is_over=now >= erasure.deadline)
        # Of what could not be looked at nobody knows, however well the rest is.
        whole = now if filed is not None and told is not None else None
        seen = looked(filed or {}, told)
        after: Erasure | None = erasure.after(seen, whole)
        # Most looks see nothing new. There may be many erasures, and a row is locked to write it.
        if after != erasure:
            after = self._rows.note(erasure.id, seen, whole)
        if after is None:
            return
        if after.done_at is not None:
            _log.info("An erasure is done.", extra={"action": "erased", "erasure": erasure.id})
        elif after.untold and now >= after.deadline + KEPT:
            self._rows.forget(erasure.id)

    def _told(self, extents: Sequence[Extent]) -> Sequence[Told | None]:
        if self._trail is None:
            return [ELSEWHERE] * len(extents)
        with suppress(ChatError):
            return self._trail(extents)
        return [None] * len(extents)

    def _live(self, extent: Extent) -> dict[str, Filed]:
        """What the live version holds; none while the store is away."""
        with suppress(StoreError):
            live = self._store.live().name
            return {live: self._held(live, extent, is_over=False)}
        return {}

    def _filed(self, erasure: Erasure, *, is_over: bool) -> dict[str, Filed] | None:
        """What each version still holds that is not done; None while the store is away."""
        with suppress(StoreError):
            live, extent = self._store.live().name, erasure.extent
            return {
                name: self._held(name, extent, is_over=is_over) if name == live else self._former(name, extent)
                for name in self._store.versions()
                if name not in erasure.versions_done
            }
        return None

    def _former(self, name: str, extent: Extent) -> Filed:
        """Nothing is filed into it any more, so nothing takes the extent out of it but this."""
        held = self._held(name, extent, is_over=True)
        # What another embedder built cannot be opened, so it is not counted, and is told as not done. What is
        # counted before is what was found; the next look counts what is left.
        if held.left:
            self._store.open(name).erase(extent)
        return held

    def _held(self, name: str, extent: Extent, *, is_over: bool) -> Filed:
        try:
            version = self._store.open(name)
            receipt = version.receipts([extent.up_to]).get(extent.up_to)
            gone = extent.up_to == 0 or (receipt is not None and receipt.state == "deleted")
            return Filed(version.count_of(extent), version.purged, deleted=gone or is_over)
        except WrongLayout:
            return Filed(None, None, deleted=False)
