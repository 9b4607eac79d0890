"""Chat in its simplest form."""

from fastapi import APIRouter

from chat_api.answers import ChatOut, ProfileLineOut, sources
from chat_api.parts import Wired
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
def say(parts: Wired, body: ChatIn) -> ChatOut:
    """What is said is written first and kept, whatever becomes of the reply."""
    check_length(parts.settings, body.message, field="message")
    recall = body.recall or parts.rows.user_settings(body.user_id).recall
    answer = parts.chat.answer(body.user_id, body.message, body.conversation_id, recall=recall != "never")
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
