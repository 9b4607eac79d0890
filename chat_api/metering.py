"""What the chat path tells of itself, and who counts the requests. Knows no vendor."""

import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Change = Literal["added", "edited", "suppressed", "deleted"]

#: A client may make up any method, and each would be another series.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
#: What was refused before it had come to a route, or that there is no route for.
_NO_ROUTE = "none"
#: Among the state of a request.
_ROUTE = "route"


class Meter(Protocol):
    """Is told what happened, from any thread; quick, and raises nothing. Durations are in seconds."""

    def came(self) -> None:
        """A request has begun."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """It was answered in full, or its client left; `route` is a template, never an address."""

    def wrote(self, change: Change, rows: int) -> None:
        """So many rows of messages were changed, committed."""

    def recalled(self, steps: Mapping[str, float], *, degraded: bool) -> None:
        """A recall was done, with the time of each of its steps."""

    def asked_for_reply(
        self, seconds: float, *, answered: bool, prompt_tokens: int | None = None, answer_tokens: int | None = None
    ) -> None:
        """A language model was asked for a reply; tokens where its server tells them."""


class Unmetered:
    """A Meter that nobody reads."""

    def came(self) -> None: ...

    def answered(self, method: str, route: str, status: int, seconds: float) -> None: ...

    def wrote(self, change: Change, rows: int) -> None: ...

    def recalled(self, steps: Mapping[str, float], *, degraded: bool) -> None: ...

    def asked_for_reply(
        self, seconds: float, *, answered: bool, prompt_tokens: int | None = None, answer_tokens: int | None = None
    ) -> None: ...


class Metered:
    """Tells a meter of every request, those that the gates refuse too."""

    def __init__(self, app: ASGIApp, meter: Meter, timer: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._meter = meter
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Whoever leaves before the answer has begun gets none: 499, as others' logs have it.
        started, status = self._timer(), 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope.setdefault("state", {})
        self._meter.came()
        try:
            await self._app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            route = scope["state"].get(_ROUTE, _NO_ROUTE)
            self._meter.answered(method, route, status, self._timer() - started)


class Routed:
    """Notes which route a request came to, for `Metered`: gates between the two may have copied the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if (route := scope.get("route")) is not None and "state" in scope:
                scope["state"][_ROUTE] = str(route.path).replace(":path}", "}")
