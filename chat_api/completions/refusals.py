"""Every refusal and failure on OpenAI's paths in OpenAI's shape, whoever refuses."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api.chat.upstream import Declined
from chat_api.web import problems

#: What the model's server says of a request holds for ours, too; what it says of itself and of our key does not.
_PASSED_ON = frozenset({400, 404, 409, 413, 415, 422, 429})
_PATHS = ("/v1/chat/completions", "/v1/models")
_KINDS: Mapping[int, tuple[str, str | None]] = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    409: ("conflict_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    502: ("server_error", "model_failed"),
    503: ("server_error", "unavailable"),
}


class RefusalError(BaseModel):
    """What is wrong."""

    message: str = Field(description="In a sentence.")
    type: str = Field(description="The kind, such as `invalid_request_error`.")
    param: str | None = Field(description="The field that is meant.")
    code: str | int | None = Field(description="The kind more exactly, such as `invalid_api_key`.")


class Refusal(BaseModel):
    """A refusal or a failure in OpenAI's shape."""

    error: RefusalError = Field(description="All of it.")


#: What routes in OpenAI's schema may answer besides what is asked for.
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": words}
    for status, words in {
        400: "Unreadable, unfit, or nobody is named whose memory it is about",
        401: "No key",
        403: "The key is not for that user",
        404: "Not there",
        408: "Too slow",
        413: "Too large",
        429: "Too often or too much at once, here or as the language model's server tells",
        502: "The language model gave no answer",
        503: "A part is away",
    }.items()
}


def body(status: int, message: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error as OpenAI tells it."""
    kind, usual = _KINDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))  # noqa: PLR2004
    return {"error": {"message": message, "type": kind, "param": param, "code": code or usual}}


def of_model(declined: Declined) -> Response:
    """What the language model's server answered, where it is about the request; else that it failed."""
    if declined.status not in _PASSED_ON:
        return JSONResponse(body(502, str(declined)), 502)
    headers = {"Retry-After": declined.retry_after} if declined.retry_after else None
    return JSONResponse(_told(declined), declined.status, headers)


def _told(declined: Declined) -> dict[str, Any]:
    ours = body(declined.status, str(declined))["error"]
    try:
        told = json.loads(declined.body)
    except ValueError:
        return {"error": ours}
    theirs = told.get("error", told) if isinstance(told, dict) else told
    if isinstance(theirs, str):
        return {"error": {**ours, "message": theirs}}
    if not isinstance(theirs, dict) or not isinstance(theirs.get("message"), str):
        return {"error": ours}
    return {"error": {**ours, **theirs}}


class InTheirShape:
    """Rewrites problem documents on OpenAI's paths; what cannot be read is 400 there, and not 422."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        started: Message | None = None
        read = b""

        async def rewritten(message: Message) -> None:
            nonlocal started, read
            if message["type"] == "http.response.start" and _is_problem(message):
                started = message
            elif started is None:
                await send(message)
            else:
                read += message.get("body", b"")
                if not message.get("more_body", False):
                    await _send(started, read, send)

        await self._app(scope, receive, rewritten)


def _is_problem(message: Message) -> bool:
    return MutableHeaders(raw=message["headers"]).get("Content-Type", "").startswith(problems.MEDIA_TYPE)


async def _send(started: Message, read: bytes, send: Send) -> None:
    problem = json.loads(read)
    status = 400 if started["status"] == 422 else started["status"]  # noqa: PLR2004  OpenAI's own
    first = (problem.get("errors") or [{}])[0]
    told = json.dumps(body(status, problem["detail"], param=first.get("field"))).encode()
    headers = MutableHeaders(raw=list(started["headers"]))
    headers["Content-Type"] = "application/json"
    headers["Content-Length"] = str(len(told))
    await send({**started, "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": told})
