"""Chat in its simplest form."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from chat_api.chat.streaming import Delta, Done, Event, Failed, Recalled, Streamed
from chat_api.chat.turns import Answer, Begun
from chat_api.parts import Called, Wired
from chat_api.routes.memories import memory_out
from chat_api.routes.messages import check_length
from chat_api.web import problems
from chat_api.web.answers.chat import ChatOut, DeltaOut, DoneOut, RecalledOut
from chat_api.web.answers.memories import sources
from chat_api.web.answers.users import ProfileLineOut
from chat_api.web.documents import answered_header, events
from chat_api.web.problems import Problem
from chat_api.web.requests.chat import ChatIn

router = APIRouter(prefix="/v1/chat", tags=["chat"])

_KEY = (
    "Any text made up for this request: the same request under it gets the same answer, and writes no second row."
)
#: Only for the document: what the key stands for tells what is wrong with it.
_IdempotencyKey = Annotated[str, Field(json_schema_extra={"pattern": r'[^\s"]', "maxLength": 255})]
_EVENTS = (
    "With `stream`, events instead: `recalled` (what the reply can draw on), `delta` (`text`, the next piece), and"
    " at the end `done` (the reply with its ids and timings) or `error` (a problem document)."
)
_CLASH = (
    "A request with this Idempotency-Key is still being answered, or what was said was deleted before the reply"
    " came."
)
#: Else a proxy may hold events back.
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_REPLAYED = {"Idempotency-Replayed": "true"}


@router.post(
    "",
    summary="Say something and get a reply",
    response_model=ChatOut,
    responses={
        200: {
            "description": _EVENTS,
            "content": events(recalled=RecalledOut, delta=DeltaOut, done=DoneOut, error=Problem),
            "headers": answered_header(
                "Idempotency-Replayed", "`true` where it is the answer of an earlier call."
            ),
        },
        409: problems.described(_CLASH),
        502: problems.described("The language model gave no answer."),
    },
)
async def say(
    parts: Wired,
    caller: Called,
    body: ChatIn,
    idempotency_key: Annotated[_IdempotencyKey | None, Header(alias="Idempotency-Key", description=_KEY)] = None,
) -> Response:
    """What is said is written first and kept, whatever becomes of the reply.

    A streamed reply is made and written to its end also where the client leaves.
    """
    caller.named(body.user_id)
    check_length(parts.settings, body.message, field="message")
    check_length(parts.settings, body.system or "", field="system")
    saying = body.saying(idempotency_key)
    if body.stream:
        events = await parts.chat.stream(saying, caller)
        return Streamed(events, _told(events), _UNBUFFERED)
    answer = await parts.chat.answer(saying, caller)
    out = ChatOut(
        reply_message_id=answer.reply.message_id,
        reply=answer.text,
        timings=answer.timings,
        **_recalled(answer),
    )
    return JSONResponse(out.model_dump(mode="json"), headers=_REPLAYED if answer.replayed else None)


def _recalled(turn: Begun | Answer) -> dict[str, Any]:
    found = turn.recollection
    return {
        "conversation_id": turn.said.conversation_id,
        "message_id": turn.said.message_id,
        "profile": [ProfileLineOut.of(line) for line in turn.known],
        "recalled": [memory_out(remembered) for remembered in found.memories],
        "pending": sources(found.pending),
        "degraded": found.degraded,
    }


async def _told(happened: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    async for event in happened:
        yield _event(event)


def _event(event: Event) -> bytes:
    match event:
        case Recalled(turn):
            return _sse("recalled", RecalledOut(**_recalled(turn)))
        case Delta(text):
            return _sse("delta", DeltaOut(text=text))
        case Done(answer):
            return _sse("done", _done(answer))
        case Failed(error):
            return _sse("error", problems.document(problems.status_of(error), str(error)))


def _done(answer: Answer) -> DoneOut:
    return DoneOut(
        conversation_id=answer.said.conversation_id,
        message_id=answer.said.message_id,
        reply_message_id=answer.reply.message_id,
        reply=answer.text,
        timings=answer.timings,
    )


def _sse(name: str, data: BaseModel) -> bytes:
    # JSON has no line ends of its own, so it is one line.
    return f"event: {name}\ndata: {data.model_dump_json(exclude_none=name == 'error')}\n\n".encode()
