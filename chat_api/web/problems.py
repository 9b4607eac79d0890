"""Every refusal and every failure as a problem document (RFC 9457), without anything that was said."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api import unforeseen
from chat_api.errors import (
    Busy,
    ChatError,
    Conflict,
    Faulty,
    Forbidden,
    Gone,
    Invalid,
    NoReply,
    NotFound,
    Refused,
    TooMany,
    Unauthorized,
    Unavailable,
)
from memory_store.errors import StoreError

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: As a route's document has it.
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
RETRY_AFTER = {"Retry-After": "2"}

_STATUS: Mapping[type[ChatError], int] = {
    Invalid: 422,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 409,
    Busy: 409,
    TooMany: 429,
    Unavailable: 503,
    NoReply: 502,
    Faulty: 500,
    Refused: 503,
}
_WORDS = {
    400: "The body cannot be read as JSON.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}
#: Where a value stood, not part of a field's name.
_PLACES = frozenset({"body", "query", "path", "header"})
_KINDS = frozenset({"one", "many"})
#: Of keys: before the fields of a body, where the field of that name itself stands alone.
_KEY_KINDS = frozenset({"user", "tenant", "admin"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


class Fault(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(description="Its name, with dots for what is inside of others.")
    message: str = Field(description="What it must be.")


class Problem(BaseModel):
    """A refusal or a failure: `title` names the kind, `detail` says in a sentence what is wrong."""

    type: str = Field(default="about:blank", description="There is but this one: `title` names the kind.")
    title: str = Field(description="The kind, as HTTP names the status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, in a sentence for people.")
    errors: list[Fault] | None = Field(default=None, description="The fields, where fields are at fault.")


def response(
    status: int, detail: str, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """A problem document."""
    problem = document(status, detail, errors)
    # As ASCII: a name that a client made up may be no Unicode at all.
    body = json.dumps(problem.model_dump(exclude_none=True))
    return Response(body, status, headers, MEDIA_TYPE)


def described(description: str) -> dict[str, Any]:
    """Of a route's document: that it may answer with a problem document."""
    return {"model": Problem, "description": description, "content": CONTENT}


def install(app: FastAPI) -> None:
    """Makes the app answer with problem documents only."""
    app.add_exception_handler(ChatError, _of_ours)
    app.add_exception_handler(StoreError, _of_store)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


def status_of(exc: ChatError) -> int:
    """The HTTP status of one of our errors."""
    return next(_STATUS[kind] for kind in type(exc).__mro__ if kind in _STATUS)


def document(status: int, detail: str, errors: Sequence[Fault] = ()) -> Problem:
    """What a problem document says."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors) or None)


def _of_ours(_request: Request, exc: Exception) -> Response:
    return refusal(exc)


def refusal(exc: Exception) -> Response:
    """What a ChatError is answered with."""
    assert isinstance(exc, ChatError)  # noqa: S101  it is registered for these
    status = status_of(exc)
    if isinstance(exc, Faulty):
        _log.error("A request failed: %s", exc, extra={"action": "request_failed"})
        return response(status, "Something is wrong with the database or with how it was set up.")
    return response(status, str(exc), headers=_headers(exc))


def _headers(exc: Exception) -> Mapping[str, str] | None:
    if isinstance(exc, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    return RETRY_AFTER if isinstance(exc, (Busy, TooMany, Unavailable)) else None


def _of_store(_request: Request, _exc: Exception) -> Response:
    return response(503, "The memories are away. Try again.", headers=RETRY_AFTER)


def _of_http(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101  it is registered for these
    detail = _WORDS.get(exc.status_code, str(exc.detail))
    return response(exc.status_code, detail, headers=exc.headers)


def _of_validation(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)  # noqa: S101  it is registered for these
    found = exc.errors()
    if any(error["type"] == "json_invalid" for error in found):
        return response(400, "The body is not JSON.")
    faults = [_fault(error) for error in found[:20]]
    return response(422, f"{faults[0].field}: {faults[0].message}.", faults)


def _fault(error: Mapping[str, Any]) -> Fault:
    first, *rest = error["loc"]
    if first == "body" and len(rest) > 1 and rest[0] in _KEY_KINDS:
        rest = rest[1:]
    parts = [part for part in (rest if first in _PLACES else error["loc"]) if part not in _KINDS]
    if error["type"] == "extra_forbidden" and not _NAME.fullmatch(str(parts[-1])):
        parts[-1] = "(a field)"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not a field of this request"
    return Fault(field=".".join(str(part) for part in parts) or "body", message=message)


class LastResort:
    """Answers where the app failed in a way that was not foreseen, and logs where, but no values."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as exc:  # noqa: BLE001  the process boundary; the exception's words may quote a message
            unforeseen.log(exc)
            if scope["type"] == "http" and not begun:
                failed = response(500, "Something went wrong here. The log tells where.")
                await failed(scope, receive, send)
