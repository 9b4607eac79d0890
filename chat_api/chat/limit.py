"""How many replies may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from chat_api.auth.callers import Caller
from chat_api.auth.shares import Shares
from chat_api.errors import Overloaded


class Limit:
    """Counts what is under way and refuses what is too many, rather than have it wait. For one event loop."""

    def __init__(self, most: int, shares: Shares) -> None:
        """`shares` are what each caller may have of them."""
        self._left = most
        self._shares = shares

    @contextmanager
    def one(self, caller: Caller) -> Iterator[None]:
        """A place as long as it lasts. Raises Overloaded, and TooMany where the caller has their share."""
        if self._left == 0:
            raise Overloaded("Too many replies are under way. Try again in a moment.")
        with self._shares.one(caller):
            self._left -= 1
            try:
                yield
            finally:
                self._left += 1
