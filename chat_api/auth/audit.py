"""Who did what to whom, and when: a line of JSON for each call. Never what was said, and never a key."""

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api.auth.callers import Caller

LOGGER = "oboegaki.audit"

_log = logging.getLogger(LOGGER)
_MOST_BYTES = 10 * 1024 * 1024
_FILES = 10
#: Calls without a good key that are told in a minute: whoever has none must not push the others out.
_STRANGERS = 60


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
        self._monotonic = monotonic
        self._minute = self._strangers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            if caller is not None or self._tells_stranger():
                _log.info("%s", json.dumps({"at": self._clock().isoformat(), **entry(scope, caller, status)}))

    def _tells_stranger(self) -> bool:
        minute = int(self._monotonic() // 60)
        if minute != self._minute:
            self._minute, self._strangers = minute, 0
        self._strangers += 1
        return self._strangers <= _STRANGERS


def entry(scope: Scope, caller: Caller | None, status: int | None) -> dict[str, Any]:
    """What is told of a call: the route's pattern, not its address, which may hold what was asked."""
    route = scope.get("route")
    client = scope.get("client")
    return {
        "key": None if caller is None else caller.key_id,
        "method": scope["method"],
        "route": getattr(route, "path", None),
        "user": caller.asked_for[0] if caller is not None and caller.asked_for else None,
        "status": status,
        "address": client[0] if client else None,
    }


def write_to(path: Path) -> RotatingFileHandler:
    """Has the calls told in a file of ten, of 10 MiB each, and nowhere else; what is returned is to be closed."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_FILES - 1, encoding="utf-8", delay=True)
    _log.setLevel(logging.INFO)
    _log.propagate = False
    _log.addHandler(handler)
    return handler
