"""What a request has to pass before it is read: how many there are, key, share and rate, address, size."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api import patience
from chat_api.auth.admission import SETTINGS_KEY, Admission
from chat_api.auth.rates import Rates
from chat_api.auth.shares import Shares
from chat_api.errors import ChatError, TooMany
from chat_api.web import problems

#: Asked without a key.
OPEN = frozenset({"/health/live", "/health/ready"})
#: A body of which nothing came for so long is not waited for: its request has a place that others want.
STALLED_S = 30.0
#: Nothing of an answer is a page, and nothing of it is to be kept or framed.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class KeyGate:
    """Lets through who sends a key, and notes who it is; some paths are open to all."""

    def __init__(self, app: ASGIApp, admission: Admission, open_to_all: Collection[str]) -> None:
        self._app = app
        self._admission = admission
        self._open_to_all = frozenset(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_to_all:
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._admission.caller(Headers(scope=scope).get("Authorization", ""))
        except ChatError as exc:
            await problems.refusal(exc)(scope, receive, send)
            return
        # Starlette shows it as `request.state.caller`.
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


class LoadGate:
    """Refuses what is too much at once, and tells the rest how long it may wait. For one event loop.

    A request has one thread at most at a time, so that no more than these ever wait for one.
    """

    def __init__(self, app: ASGIApp, most: int, open_to_all: Collection[str]) -> None:
        self._app = app
        self._left = most
        self._open_to_all = frozenset(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_to_all:
            await self._app(scope, receive, send)
            return
        if self._left == 0:
            sentence = "Too many requests are under way. Try again in a moment."
            await problems.response(503, sentence, headers=problems.RETRY_AFTER)(scope, receive, send)
            return
        self._left -= 1
        try:
            with patience.of_a_request():
                await self._app(scope, receive, send)
        finally:
            self._left += 1


class ShareGate:
    """Refuses what is too much at once of one user or tenant, by who the gate of keys found."""

    def __init__(self, app: ASGIApp, shares: Shares) -> None:
        self._app = app
        self._shares = shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as place:
            try:
                place.enter_context(self._shares.one(scope.get("state", {}).get("caller")))
            except TooMany as exc:
                await problems.refusal(exc)(scope, receive, send)
                return
            await self._app(scope, receive, send)


class RateGate:
    """Refuses who asks too often; the settings' own key may ask as often as it likes."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope.get("state", {}).get("caller")
        if caller is None or caller.key_id == SETTINGS_KEY:
            await self._app(scope, receive, send)
            return
        wait_s = await self._rates.wait_s(caller.key_id)
        if wait_s == 0:
            await self._app(scope, receive, send)
            return
        sentence = f"This key may ask {self._rates.limit} at most. Try again in {wait_s} s."
        await problems.response(429, sentence, headers={"Retry-After": str(wait_s)})(scope, receive, send)


class SafeAnswers:
    """Tells browsers to make nothing of an answer but what a program asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, told)


class AddressGate:
    """Refuses addresses that are not UTF-8: read leniently, two of them would name the same user."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_utf8(scope):
            refused = problems.response(400, "The address is not UTF-8.")
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)


class SizeGate:
    """Refuses bodies that are too large, before they are parsed, and those that stop coming."""

    def __init__(self, app: ASGIApp, max_bytes: int, stalled_s: float = STALLED_S) -> None:
        self._app = app
        self._max = max_bytes
        self._stalled_s = stalled_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("Content-Length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max:
            refused = problems.response(413, self._sentence())
            await refused(scope, receive, send)
            return
        read, ended = 0, False

        async def counted() -> Message:
            nonlocal read, ended
            # After the body, and once it is answered, what comes is that the client leaves, whenever it does.
            message = await (receive() if ended else self._soon(receive))
            read += len(message.get("body", b""))
            ended = ended or not message.get("more_body", False)
            if read > self._max:
                raise HTTPException(413, self._sentence())
            return message

        async def watched(message: Message) -> None:
            nonlocal ended
            ended = True
            await send(message)

        await self._app(scope, counted, watched)

    async def _soon(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._stalled_s):
                return await receive()
        except TimeoutError as exc:
            sentence = f"Nothing more of the body came for {self._stalled_s:g} s. Send it again."
            raise HTTPException(408, sentence, headers={"Connection": "close"}) from exc

    def _sentence(self) -> str:
        return f"The body is larger than {self._max} bytes. Post less at once."


class JsonGate:
    """Every body is JSON, whatever type `curl -d` gives it; what is none is refused when it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # The key keeps browsers' forms out, so the type protects nothing.
            headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            scope["headers"] = [*headers, (b"content-type", b"application/json")]
        await self._app(scope, receive, send)


def _is_utf8(scope: Scope) -> bool:
    try:
        unquote_to_bytes(scope.get("raw_path") or b"").decode()
        unquote_to_bytes(scope["query_string"]).decode()
    except UnicodeDecodeError:
        return False
    return True
