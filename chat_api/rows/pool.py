"""Connections lent to one thread at a time. Knows no vendor."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from chat_api import patience
from chat_api.errors import Overloaded

#: A connection that lay idle for longer is asked whether it still lives; a restart of MySQL takes longer.
TRUSTED_S = 0.5


class Link(Protocol):
    """A connection as the pool handles it. None of these raises."""

    def alive(self) -> bool:
        """Whether the other side still answers."""

    def reset(self) -> bool:
        """Undoes what was not committed; False if the connection is of no more use."""

    def close(self) -> None:
        """Ends the connection."""


L = TypeVar("L", bound=Link)


class Pool(Generic[L]):
    """At most `size` connections, opened when needed."""

    def __init__(
        self, connect: Callable[[], L], size: int, *, wait_s: float = 5.0, trusted_s: float = TRUSTED_S
    ) -> None:
        self._connect = connect
        self._slots = threading.BoundedSemaphore(size)
        self._wait_s = wait_s
        self._trusted_s = trusted_s
        self._lock = threading.Lock()
        self._idle: list[tuple[L, float]] = []
        self._closed = False
        self._lent = 0

    @property
    def lent(self) -> int:
        """How many are in use at this moment."""
        return self._lent

    @contextmanager
    def lend(self) -> Iterator[L]:
        """A connection for one transaction. Raises Overloaded when none becomes free in time.

        A request that has waited for long already takes one that is free, and waits no more.
        """
        if not self._slots.acquire(timeout=patience.left(self._wait_s)):
            raise Overloaded("Every connection to the database is in use. Try again.")
        try:
            link = self._take()
            self._count(1)
            try:
                yield link
            finally:
                self._count(-1)
                self._give_back(link)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Closes what is idle; what is lent is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for link, _ in idle:
            link.close()

    def _count(self, more: int) -> None:
        with self._lock:
            self._lent += more

    def _take(self) -> L:
        while True:
            with self._lock:
                if not self._idle:
                    break
                link, since = self._idle.pop()
            if time.monotonic() - since < self._trusted_s or link.alive():
                return link
            # Those that lay idle for longer are no better; asking each whether it lives takes its time.
            with self._lock:
                dead, self._idle = [link, *(older for older, _ in self._idle)], []
            for each in dead:
                each.close()
        return self._connect()

    def _give_back(self, link: L) -> None:
        usable = link.reset()
        with self._lock:
            if usable and not self._closed:
                self._idle.append((link, time.monotonic()))
                return
        link.close()
