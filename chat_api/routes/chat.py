"""Chat in its simplest form."""

from fastapi import APIRouter

from chat_api.answers import ChatOut, ProfileLineOut, sources
from chat_api.parts import Called, Wired
from chat_api.problems import Problem
from chat_api.requests import ChatIn
from chat_api.routes.memories import memory_out
from chat_api.routes.messages import check_length

router = APIRouter(prefix="/v1/chat", tags=["chat"])


@router.post(
    "",
    summary="Say something and get a reply",
    responses={502: {"model": Problem, "description": "The language model gave no answer."}},
)
def say(parts: Wired, caller: Called, body: ChatIn) -> ChatOut:
    """What is said is written first and kept, whatever becomes of the reply."""
    user_id = caller.named(body.user_id)
    check_length(parts.settings, body.message, field="message")
    answer = parts.chat.answer(user_id, body.message, body.conversation_id, recall=body.recall != "never")
    recollection = answer.recollection
    return ChatOut(
        conversation_id=answer.said.conversation_id,
        message_id=answer.said.message_id,
        reply_message_id=answer.reply.message_id,
        reply=answer.text,
        profile=[ProfileLineOut.of(line) for line in answer.known],
        recalled=[memory_out(remembered) for remembered in recollection.memories],
        pending=sources(recollection.pending),
        degraded=recollection.degraded,
        timings=answer.timings,
    )
