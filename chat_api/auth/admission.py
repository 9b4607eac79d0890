"""From what a request is sent with to who calls."""

import hmac
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import datetime

import anyio
from anyio import to_thread
from pydantic import SecretStr

from chat_api.auth.callers import Caller
from chat_api.auth.key_ring import KeyRing
from chat_api.auth.keys import ApiKey, is_text
from chat_api.auth.tokens import Tokens
from chat_api.errors import Overloaded, Unauthorized

#: What the settings' own key is called.
SETTINGS_KEY = "admin"

_NO_KEY = "This needs a key: send the header `Authorization: Bearer <key>`."
#: Unknown keys, however many are tried, keep no more of the database's connections than this.
_LOOK_UPS = 2
#: Unknown keys that are looked up or wait for it, and as many tokens of unknown keys; further ones come again.
_WAITING = 64
_CHECKS = 4
#: In a token.
_DOTS = 2


class Admission:
    """Tells who calls: by the settings' own key, by a key of the ring, or by an identity provider's token."""

    def __init__(
        self,
        admin_key: SecretStr,
        ring: KeyRing,
        clock: Callable[[], datetime],
        tokens: Tokens | None = None,
    ) -> None:
        self._admin_key = admin_key.get_secret_value().encode()
        self._ring = ring
        self._clock = clock
        self._tokens = tokens
        self._looking_up = anyio.CapacityLimiter(_LOOK_UPS)
        # Keys that were good just before do not stand behind unknown ones.
        self._unknown = _Bounded("Too many unknown keys are being looked up. Try again.")
        self._renewing = anyio.CapacityLimiter(_LOOK_UPS)
        # Nobody waits for these, so one thread is enough; it ends with this object.
        self._ahead = ThreadPoolExecutor(1, "keys")
        # Nor do either stand behind tokens while the provider's keys cannot be read.
        self._unread = _Bounded("Too many tokens wait for the identity provider. Try again.")
        self._checking = anyio.CapacityLimiter(_CHECKS)

    async def caller(self, authorization: str) -> Caller:
        """Who sent that header. Raises Unauthorized, and Unavailable where it cannot be told now."""
        scheme, _, credentials = authorization.partition(" ")
        given = credentials.strip()
        if scheme.lower() != "bearer" or not given:
            raise Unauthorized(_NO_KEY)
        if hmac.compare_digest(given.encode(), self._admin_key):
            return Caller(SETTINGS_KEY, "admin")
        if self._tokens is not None and given.count(".") == _DOTS:
            return await self._by_token(self._tokens, given)
        return await self._by_ring(given)

    async def _by_token(self, tokens: Tokens, text: str) -> Caller:
        # In a thread: the provider's keys may have to be fetched, and signatures take their time.
        with nullcontext() if tokens.knows_key_of(text) else self._unread.one():
            return await to_thread.run_sync(tokens.caller, text, limiter=self._checking)

    async def _by_ring(self, text: str) -> Caller:
        if not is_text(text):
            raise Unauthorized(_NO_KEY)
        key = self._ring.at_hand(text)
        if key is None:
            key = await self._looked_up(text)
        elif self._ring.begins_renewal(text):
            self._ahead.submit(self._ring.renew, text)
        if key is None:
            raise Unauthorized(_NO_KEY)
        return key.caller(self._clock())

    async def _looked_up(self, text: str) -> ApiKey | None:
        if self._ring.has_read(text):
            return await to_thread.run_sync(self._ring.find, text, limiter=self._renewing)
        with self._unknown.one():
            return await to_thread.run_sync(self._ring.find, text, limiter=self._looking_up)


class _Bounded:
    """So many at once, and no more. For one event loop."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._under_way = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place while it lasts. Raises Overloaded."""
        if self._under_way >= _WAITING:
            raise Overloaded(self._sentence)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
