"""Waiting until something that was said has been learned."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chat_api import patience
from chat_api.errors import NotFound, Unavailable
from chat_api.messages import Message
from chat_api.recall.unlearned import is_learned, unlearned
from chat_api.rows.rows import Rows
from memory_store.errors import StoreError
from memory_store.models import Receipt
from memory_store.port import MemoryStore

#: Most rows that are looked through for unlearned ones.
_ROWS = 10_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.1
#: Looks of all waits of the process together, however many there are.
_LOOKS_A_SECOND = 200

State = Literal["learned", "pending", "deleted", "dead"]


@dataclass(frozen=True, slots=True)
class Look:
    """How far a message had got when it was looked at."""

    revision: str
    state: State
    facts: int

    @property
    def done(self) -> bool:
        """Whether what the row says, or that it is gone, has been learned."""
        return self.state in ("learned", "deleted")


@dataclass(frozen=True, slots=True)
class Backlog:
    """A user's rows that are not learned yet; dead ones will not be, and do not count."""

    unlearned: int
    oldest_s: float | None


class Freshness:
    """Compares a user's rows with the receipts. For one event loop."""

    def __init__(
        self,
        rows: Rows,
        store: MemoryStore,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rows = rows
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._waiting = 0

    async def wait(self, user_id: str, message_id: int, timeout_s: float) -> Look:
        """The message once it is learned, or as it is at the deadline.

        Raises NotFound when the user has no such message, Unavailable when the memories stay away.
        """
        self._waiting += 1
        try:
            return await self._waited(user_id, message_id, timeout_s)
        finally:
            self._waiting -= 1

    async def backlog(self, user_id: str) -> Backlog:
        """What is left to learn of a user's rows. Raises the store's and the database's errors."""
        return await asyncio.to_thread(patience.unhurried(self._backlog), user_id)

    async def _waited(self, user_id: str, message_id: int, timeout_s: float) -> Look:
        start, pause = self._clock(), _FIRST_PAUSE_S
        while True:
            # A wait is long by itself; each look has the patience of a request that has just come.
            look = await asyncio.to_thread(patience.unhurried(self._look), user_id, message_id)
            left = timeout_s - (self._clock() - start).total_seconds()
            if look is not None and (look.done or left <= 0):
                return look
            if left <= 0:
                raise Unavailable("The memories are away, so nobody knows what has been learned. Try again.")
            await self._sleep(min(max(pause, self._waiting / _LOOKS_A_SECOND), left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _look(self, user_id: str, message_id: int) -> Look | None:
        row = self._rows.rows_by_ids(user_id, [message_id]).get(message_id)
        try:
            receipt = self._store.live().receipts([message_id]).get(message_id)
        except StoreError:
            if row is None:
                raise
            return None
        if row is None:
            return _gone(user_id, receipt)
        return _there(row, receipt)

    def _backlog(self, user_id: str) -> Backlog:
        waiting = [
            change.updated_at
            for change, receipt in unlearned(self._rows, self._store, user_id, most=_ROWS)
            if receipt is None or receipt.state != "dead"
        ]
        oldest = min(waiting, default=None)
        age = None if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())
        return Backlog(len(waiting), age)


def _there(row: Message, receipt: Receipt | None) -> Look:
    if receipt is not None and is_learned(row.revision, receipt):
        return Look(row.revision, "learned", receipt.facts)
    dead = receipt is not None and receipt.state == "dead"
    return Look(row.revision, "dead" if dead else "pending", 0)


def _gone(user_id: str, receipt: Receipt | None) -> Look:
    # Only the receipt still tells whose message it was.
    if receipt is None or receipt.user_id != user_id:
        raise NotFound("This user has no such message.")
    return Look(receipt.revision, "deleted" if receipt.state == "deleted" else "pending", 0)
