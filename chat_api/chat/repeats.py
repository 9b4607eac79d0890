"""What an `Idempotency-Key` stands for: rows that it names, and a request that it must be sent with again.

As in the IETF's draft "The Idempotency-Key HTTP Header Field": another request under a key that was used is 422,
the same one while the first is under way is 409.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from chat_api.errors import Busy, Invalid
from chat_api.messages import Message, ours

#: Among what we say of both rows: what the key was first sent with.
_REQUEST = "request"
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Names:
    """The external ids of the two rows of a turn, and the digest of the request that asked for it."""

    said: str
    reply: str
    request: str

    def check(self, row: Message) -> None:
        """Raises Invalid where the row was written for another request."""
        if ours(row.metadata).get(_REQUEST) != self.request:
            raise Invalid(
                "This Idempotency-Key was sent with another request before. Send a new key with this one."
            )

    @property
    def ours(self) -> dict[str, object]:
        """What we say of the request in the metadata of the rows."""
        return {_REQUEST: self.request}


def names(key: str | None, request: Mapping[str, object]) -> Names | None:
    """What the key stands for; None without one. Raises Invalid.

    Neither the key nor the request can be told from the rows: the digest of the request is salted with the key.
    """
    if key is None:
        return None
    # The draft quotes it, as a string of RFC 8941; many clients do not.
    told = key.strip().strip('"')
    if not told or len(told) > _LONGEST:
        raise Invalid(f"Idempotency-Key: must hold between one and {_LONGEST} characters.")
    hashed = _digest(told)
    told_request = json.dumps(request, sort_keys=True)
    return Names(f"idem:{hashed}:said", f"idem:{hashed}:reply", _digest(f"{told}\0{told_request}"))


class UnderWay:
    """The keys whose first request this process is still answering. For one event loop."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def holding(self, user_id: str, named: Names | None) -> Iterator[None]:
        """Keeps others out as long as it lasts. Raises Busy."""
        if named is None:
            yield
            return
        key = (user_id, named.said)
        if key in self._keys:
            raise Busy("A request with this Idempotency-Key is still being answered. Try again in a moment.")
        self._keys.add(key)
        try:
            yield
        finally:
            self._keys.discard(key)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
