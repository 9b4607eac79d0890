"""Chat completions and models in OpenAI's schema."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from chat_api.auth.callers import Caller
from chat_api.chat.streaming import Streamed
from chat_api.chat.upstream import Declined
from chat_api.completions import open_webui, refusals
from chat_api.completions.completions import Asked
from chat_api.completions.owner import conversation, owner
from chat_api.completions.shapes import CompletionIn
from chat_api.parts import Called, Parts, Wired
from chat_api.users import RecallPolicy
from chat_api.web.documents import LINES_OF_DATA, answered_header, json_of

router = APIRouter(prefix="/v1", tags=["openai"], responses=refusals.DOCUMENTED)

_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

#: OpenAI's own, and whatever the language model's server adds to it.
_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A completion; with `stream`, its chunks as server-sent events.",
        "content": {"application/json": {"schema": {"type": "object"}}, **LINES_OF_DATA},
        "headers": {
            **answered_header("X-Oboegaki-Conversation", "The conversation's name, percent-encoded."),
            **answered_header("X-Oboegaki-Message", "The row of what was said, where it was written."),
        },
    }
}

_MODEL = {
    "type": "object",
    "properties": {"id": {"type": "string", "description": "What `model` of a request may be."}},
    "required": ["id"],
}
_MODELS = {
    "type": "object",
    "properties": {"data": {"type": "array", "items": _MODEL, "description": "The models."}},
    "required": ["data"],
}

Named = Annotated[
    str | None, Header(alias="X-Oboegaki-Conversation", description="The conversation's name, percent-encoded.")
]
ChatId = Annotated[
    str | None, Header(alias="X-OpenWebUI-Chat-Id", description="The same, as Open WebUI sends it.")
]
UserId = Annotated[
    str | None,
    Header(alias="X-OpenWebUI-User-Id", description="Whose memory it is about, from keys trusted for it."),
]
Task = Annotated[
    str | None,
    Header(alias="X-Oboegaki-Task", description="What Open WebUI asks for itself: nothing is kept of it."),
]
# A header cannot be null.
Policy = Annotated[
    RecallPolicy | SkipJsonSchema[None], Header(alias="X-Oboegaki-Recall", description="As `recall` of /v1/chat.")
]


@router.post("/chat/completions", summary="Complete a chat", response_model=None, responses=_STREAMED)
async def complete(  # noqa: PLR0917  FastAPI fills them by name
    parts: Wired,
    caller: Called,
    body: CompletionIn,
    x_oboegaki_conversation: Named = None,
    x_openwebui_chat_id: ChatId = None,
    x_openwebui_user_id: UserId = None,
    x_oboegaki_recall: Policy = None,
    x_oboegaki_task: Task = None,
) -> Response:
    """As OpenAI's, passed through to the language model's server with what is remembered of the user.

    What is said is written, and what of the history is stored already is not written again. `store: false` writes
    and remembers nothing.
    """
    user_id = None
    if not _passing_by(body, x_oboegaki_task):
        user_id = _owner(parts, caller, body, x_openwebui_user_id)
    named = conversation(x_oboegaki_conversation, x_openwebui_chat_id)
    asked = Asked(body, caller, user_id, named, x_oboegaki_recall)
    try:
        return await _answered(parts, asked)
    except Declined as exc:
        return refusals.of_model(exc)


@router.get("/models", summary="List the models", response_model=None, responses=json_of(_MODELS))
async def models(parts: Wired) -> Response:
    """Those of the language model's server."""
    try:
        return Response(await parts.completions.models(), media_type="application/json")
    except Declined as exc:
        return refusals.of_model(exc)


@router.get("/models/{model_id:path}", summary="Read a model", response_model=None, responses=json_of(_MODEL))
async def model(
    parts: Wired, model_id: Annotated[str, Path(description="As the list has it; it may hold slashes.")]
) -> dict[str, Any] | Response:
    """One of those."""
    try:
        return await parts.completions.model(model_id)
    except Declined as exc:
        return refusals.of_model(exc)


async def _answered(parts: Parts, asked: Asked) -> Response:
    if asked.request.stream:
        begun, lines = await parts.completions.stream(asked)
        headers = {**_UNBUFFERED, **begun.headers}
        return Streamed(lines, lines, headers)
    begun, answer = await parts.completions.complete(asked)
    return Response(answer, media_type="application/json", headers=begun.headers)


def _passing_by(body: CompletionIn, task: str | None) -> bool:
    told = body.metadata.get("task") if isinstance(body.metadata, dict) else None
    return body.store is False or bool(task) or bool(told) or open_webui.is_task(body.messages)


def _owner(parts: Parts, caller: Caller, body: CompletionIn, header: str | None) -> str:
    return owner(caller, body.user, header, admin_trusted=parts.settings.trust_openwebui_user)
