"""How much one user, or one tenant, may have under way at once, so that room is left for the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chat_api.auth.callers import Caller
from chat_api.errors import TooMany


class Shares:
    """Counts what each has under way and refuses what is too many, rather than have it wait. For one event loop.

    By user and tenant, as one may have many keys. Admins are not bounded: who serves everybody has an admin's key.
    """

    def __init__(self, what: str, *, of_user: int, of_tenant: int) -> None:
        """`what` is counted, as the refusal calls it."""
        self._what = what
        self._most = {"user": of_user, "tenant": of_tenant}
        self._under_way: Counter[tuple[str, str | None]] = Counter()

    @contextmanager
    def one(self, caller: Caller | None) -> Iterator[None]:
        """A place among the caller's own as long as it lasts. Raises TooMany."""
        if caller is None or caller.kind == "admin":
            yield
            return
        whose = (caller.kind, caller.bound_to)
        if self._under_way[whose] >= self._most[caller.kind]:
            raise TooMany(f"Too many {self._what} of this {caller.kind} are under way. Try again in a moment.")
        self._under_way[whose] += 1
        try:
            yield
        finally:
            self._under_way[whose] -= 1
            if not self._under_way[whose]:
                # One entry for each who has something under way, not for each who ever had.
                del self._under_way[whose]
