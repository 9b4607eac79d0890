"""Who did what to what of whom, and when: a line of JSON for each call. Never what was said, and never a key."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api.auth.callers import Caller
from chat_api.auth.keys import without_keys

LOGGER = "oboegaki.audit"

_log = logging.getLogger(LOGGER)
#: Calls without a good key that are told in a minute: whoever has none must not push the others out.
_STRANGERS = 60
_TOO_OFTEN, _UNFIT = 429, 422
#: Of an id, in characters; those that are taken are no longer.
_LONGEST = 255


class AuditGate:
    """Tells every call but health."""

    def __init__(
        self,
        app: ASGIApp,
        clock: Callable[[], datetime],
        open_to_all: frozenset[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._clock = clock
        self._open = open_to_all
        self._thinned = Thinned(monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._tell(*self._thinned.rest())
            return
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope.setdefault("state", {})
        try:
            await self._app(scope, receive, watched)
        finally:
            caller: Caller | None = scope["state"].get("caller")
            self._tell(*self._thinned.over())
            if self._thinned.tells(caller, status):
                self._tell(entry(scope, caller, status))

    def _tell(self, *entries: Mapping[str, Any]) -> None:
        for each in entries:
            # As ASCII: whatever an id holds, it stays a line.
            _log.info("%s", json.dumps({"at": self._clock().isoformat(), **each}))


class _Alike(NamedTuple):
    key_id: str | None
    status: int | None
    #: Lines of them in a minute.
    most: int


class Thinned:
    """Tells of a flood the first calls of each minute, and of the others how many. For one event loop."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._minute = 0
        self._calls: Counter[_Alike] = Counter()

    def tells(self, caller: Caller | None, status: int | None) -> bool:
        """Whether a call is told itself."""
        if caller is None:
            alike = _Alike(None, None, _STRANGERS)
        elif status == _TOO_OFTEN:
            alike = _Alike(caller.key_id, status, 1)
        else:
            return True
        self._calls[alike] += 1
        return self._calls[alike] <= alike.most

    def over(self) -> Iterator[dict[str, Any]]:
        """What was but counted in the minute before, once that is over."""
        minute = int(self._monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            yield from self.rest()

    def rest(self) -> Iterator[dict[str, Any]]:
        """What was but counted so far."""
        calls, self._calls = self._calls, Counter()
        for (key_id, status, most), number in calls.items():
            if number > most:
                yield {"key": key_id, "status": status, "more": number - most}


def entry(scope: Scope, caller: Caller | None, status: int | None) -> dict[str, Any]:
    """What is told of a call: the route's pattern, not its address, which may hold what was asked."""
    route = scope.get("route")
    client = scope.get("client")
    return {
        "key": None if caller is None else caller.key_id,
        "method": scope["method"],
        "route": getattr(route, "path", None),
        "ids": _ids(scope, caller, status),
        "user": _id(scope, caller.asked_for[0]) if caller is not None and caller.asked_for else None,
        "status": status,
        "address": client[0] if client else None,
    }


def _ids(scope: Scope, caller: Caller | None, status: int | None) -> dict[str, str]:
    """What the address names, by the route's names for it, and what else the call was about."""
    # What was refused as no id is none, but whatever somebody typed there.
    named: Mapping[str, Any] = {} if status == _UNFIT else scope.get("path_params") or {}
    about = {} if caller is None else caller.about
    return {name: _id(scope, str(each)) for name, each in {**named, **about}.items()}


def _id(scope: Scope, told: str) -> str:
    """It, never too long, and with no key in it, where somebody took that for the key's id."""
    sent = Headers(scope=scope).get("Authorization", "").partition(" ")[2].strip()
    told = without_keys(told.replace(sent, "(a key)") if sent else told)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
