"""How many replies may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from chat_api.errors import Overloaded


class Limit:
    """Counts what is under way and refuses what is too many, rather than have it wait. For one event loop."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place as long as it lasts. Raises Overloaded."""
        if self._left == 0:
            raise Overloaded("Too many replies are under way. Try again in a moment.")
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1
