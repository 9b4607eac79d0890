"""Conversations: list, read, delete."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from chat_api.fields import Identifier
from chat_api.parts import Called, Wired
from chat_api.web import cursors
from chat_api.web.answers.conversations import ConversationOut, ConversationsOut, DeletedOut
from chat_api.web.answers.messages import MessageOut, MessagesOut
from chat_api.web.requests.conversations import ConversationsQuery, MessagesQuery
from chat_api.web.requests.users import UserQuery

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

ConversationId = Annotated[Identifier, Path(description="Percent-encoded; it may hold slashes.")]


@router.get("", summary="List a user's conversations")
def listed(parts: Wired, caller: Called, query: Annotated[ConversationsQuery, Query()]) -> ConversationsOut:
    """Newest first."""
    user_id = caller.named(query.user_id)
    before = None if query.cursor is None else cursors.place(query.cursor)
    found = parts.rows.conversations(user_id, limit=query.limit, before=before)
    return ConversationsOut(
        conversations=[ConversationOut.of(one) for one in found],
        cursor=cursors.after(found[-1]) if len(found) == query.limit else None,
    )


@router.get("/{conversation_id:path}/messages", summary="Read a conversation")
def read(
    parts: Wired, caller: Called, conversation_id: ConversationId, query: Annotated[MessagesQuery, Query()]
) -> MessagesOut:
    """Its messages in the order they were written."""
    user_id = caller.named(query.user_id)
    found = parts.rows.messages(user_id, conversation_id, limit=query.limit, after=query.after)
    return MessagesOut(
        messages=[MessageOut.of(row) for row in found],
        after=found[-1].id if len(found) == query.limit else None,
    )


@router.delete("/{conversation_id:path}", summary="Delete a conversation")
def delete(
    parts: Wired, caller: Called, conversation_id: ConversationId, query: Annotated[UserQuery, Query()]
) -> DeletedOut:
    """With all its messages; what was learned from them is no longer recalled, from now on."""
    erasure = parts.erasures.conversation(caller.named(query.user_id), conversation_id)
    return DeletedOut(deleted=erasure.rows, erasure_id=erasure.id)
