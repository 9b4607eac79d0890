"""The keys in use: made, revoked, and looked up in the database no more often than needed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chat_api.auth.keys import ApiKey, NewKey, digest, new_id, new_text
from chat_api.errors import ChatError, Overloaded, Unavailable

#: How long a key is taken as it was read: what another process revokes holds here after so long.
FRESH_S = 5.0
#: A key that is in use is read again from then on, so that no request of it waits.
AHEAD_S = FRESH_S / 2
#: Where the database was away, it is not asked again for so long.
_AWAY_S = 1.0
#: Keys that are kept at hand.
_MOST = 10_000


class KeyRows(Protocol):
    """Where keys are kept. Each raises Unavailable while that is away, and Overloaded where it is but busy."""

    def add(self, key_id: str, digest: str, new: NewKey) -> ApiKey:
        """Writes a key."""

    def used(self, digest: str, now: datetime) -> ApiKey | None:
        """The key of that digest, which is used now."""

    def listed(self, *, limit: int, after: str = "") -> list[ApiKey]:
        """A page of all keys, by their ids."""

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """The key as revoked. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class _Read:
    key: ApiKey
    at: float


class KeyRing:
    """Thread-safe. While the database is away, a key that was read goes on, and any other is Unavailable."""

    def __init__(
        self, rows: KeyRows, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read: OrderedDict[str, _Read] = OrderedDict()
        self._renewing: set[str] = set()
        #: Counts revocations: what was read before one is not taken for what holds after it.
        self._revocations = 0
        self._away_until = float("-inf")

    def create(self, new: NewKey) -> tuple[ApiKey, str]:
        """A new key and its text, which nobody can tell later."""
        text = new_text()
        return self._rows.add(new_id(), digest(text), new), text

    def listed(self, *, limit: int, after: str = "") -> list[ApiKey]:
        """A page of all keys, by their ids."""
        return self._rows.listed(limit=limit, after=after)

    def revoke(self, key_id: str) -> ApiKey:
        """The key as revoked; from now on this process refuses it, others within `FRESH_S`. Raises NotFound."""
        revoked = self._rows.revoke(key_id, self._clock())
        self._let_go(lambda key: key.key_id == key_id)
        return revoked

    def revoked_of(self, user_id: str) -> None:
        """To be called once all keys of a user are revoked: this process then refuses them as well."""
        self._let_go(lambda key: key.kind == "user" and key.bound_to == user_id)

    def at_hand(self, text: str) -> ApiKey | None:
        """The key, where it was read just before; never asks the database."""
        with self._lock:
            read = self._read.get(digest(text))
        return None if read is None or self._is_stale(read) else read.key

    def has_read(self, text: str) -> bool:
        """Whether the key was read before, however long ago; never asks the database."""
        with self._lock:
            return digest(text) in self._read

    def begins_renewal(self, text: str) -> bool:
        """Whether a key at hand is old enough to be read again; told to one, who has `renew` done."""
        of_text = digest(text)
        with self._lock:
            if of_text in self._renewing or not self._is_due(of_text):
                return False
            self._renewing.add(of_text)
            return True

    def renew(self, text: str) -> None:
        """Reads a key again before it is stale. Where that fails, whoever finds it stale is told why."""
        of_text = digest(text)
        try:
            with self._lock:
                # Whoever found it stale may have been faster, or found that nobody answers.
                due = self._is_due(of_text)
            with suppress(ChatError):
                if due:
                    self._ask(of_text)
        finally:
            with self._lock:
                self._renewing.discard(of_text)

    def find(self, text: str) -> ApiKey | None:
        """The key, revoked and expired ones too; None where there is none. Raises Unavailable.

        Raises Overloaded where nothing is away, also for a key that was read: one that was revoked meanwhile must
        not go on for longer because much is asked.
        """
        of_text = digest(text)
        with self._lock:
            read, away = self._read.get(of_text), self._is_away()
        if read is not None and (away or not self._is_stale(read)):
            return read.key
        if away:
            raise _away()
        try:
            return self._ask(of_text)
        except Overloaded:
            raise
        except Unavailable as exc:
            with self._lock:
                # Anew: it may have been revoked here meanwhile.
                read = self._read.get(of_text)
            if read is None:
                raise _away() from exc
            return read.key

    def _ask(self, of_text: str) -> ApiKey | None:
        with self._lock:
            revocations = self._revocations
        begun = self._monotonic()
        try:
            found = self._rows.used(of_text, self._clock())
        except Overloaded:
            raise
        except Unavailable:
            with self._lock:
                self._away_until = self._monotonic() + _AWAY_S
            raise
        self._keep(of_text, None if found is None else _Read(found, begun), revocations)
        return found

    def _let_go(self, revoked: Callable[[ApiKey], bool]) -> None:
        with self._lock:
            self._revocations += 1
            self._read = OrderedDict(
                (of_text, read) for of_text, read in self._read.items() if not revoked(read.key)
            )

    def _keep(self, of_text: str, read: _Read | None, revocations: int) -> None:
        with self._lock:
            known = self._read.get(of_text)
            if read is not None and known is not None and known.at > read.at:
                return
            self._read.pop(of_text, None)
            if read is None or revocations != self._revocations:
                return
            self._read[of_text] = read
            while len(self._read) > _MOST:
                self._read.popitem(last=False)

    def _is_due(self, of_text: str) -> bool:
        read = self._read.get(of_text)
        return read is not None and self._age_s(read) >= AHEAD_S and not self._is_away()

    def _is_away(self) -> bool:
        return self._monotonic() < self._away_until

    def _is_stale(self, read: _Read) -> bool:
        return self._age_s(read) >= FRESH_S

    def _age_s(self, read: _Read) -> float:
        return self._monotonic() - read.at


def _away() -> Unavailable:
    return Unavailable("The database is away, so this key cannot be looked up. Try again.")
