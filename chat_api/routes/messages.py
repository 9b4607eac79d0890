"""Messages: write one or many, read, edit, delete."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from chat_api.errors import Invalid
from chat_api.fields import RowId
from chat_api.parts import Called, Wired
from chat_api.settings import ApiSettings
from chat_api.web import problems
from chat_api.web.answers.messages import AddedListOut, AddedOut, MessageOut
from chat_api.web.documents import answered_header
from chat_api.web.requests.messages import EditIn, ManyMessages, Messages
from chat_api.web.requests.users import UserQuery

router = APIRouter(prefix="/v1/messages", tags=["messages"])

MessageId = Annotated[RowId, Path(description="As it was answered when the message was written.")]


@router.post(
    "",
    summary="Write one message or many",
    status_code=201,
    responses={
        200: {"model": AddedOut | AddedListOut, "description": "All of it was there already."},
        409: problems.described("An external_id is taken by a message that differs."),
    },
)
def add(parts: Wired, caller: Called, body: Messages, response: Response) -> AddedOut | AddedListOut:
    """All or nothing. A repeat by `external_id` changes nothing and answers with the message that is there."""
    user_id = caller.named(body.user_id)
    posted = body.messages if isinstance(body, ManyMessages) else [body]
    for message in posted:
        check_length(parts.settings, message.content)
    added = parts.rows.add_messages(user_id, [message.new() for message in posted])
    if not any(one.created for one in added):
        response.status_code = 200
    out = [AddedOut.of(one) for one in added]
    return AddedListOut(messages=out) if isinstance(body, ManyMessages) else out[0]


@router.get("/{message_id}", summary="Read a message")
def read(parts: Wired, caller: Called, message_id: MessageId, query: Annotated[UserQuery, Query()]) -> MessageOut:
    """The message as it is now."""
    return MessageOut.of(parts.rows.get(caller.named(query.user_id), message_id))


@router.patch("/{message_id}", summary="Edit a message")
def edit(
    parts: Wired,
    caller: Called,
    message_id: MessageId,
    query: Annotated[UserQuery, Query()],
    body: EditIn,
) -> MessageOut:
    """What is left out stays. What was learned from the old words is no longer recalled, from now on.

    A fact that is reworded or forgotten is pinned no more, unless `pinned` says so.
    """
    user_id = caller.named(query.user_id)
    check_length(parts.settings, body.content)
    return MessageOut.of(parts.rows.edit(user_id, message_id, body.edit()))


@router.delete(
    "/{message_id}",
    summary="Delete a message",
    status_code=204,
    responses={204: {"description": "It is gone.", "headers": answered_header("Erasure-Id", "The erasure's id.")}},
)
def delete(
    parts: Wired, caller: Called, message_id: MessageId, query: Annotated[UserQuery, Query()], response: Response
) -> None:
    """It is gone, and what was learned from it is no longer recalled, from now on.

    The header `Erasure-Id` names the erasure that tells how far its words are gone everywhere.
    """
    response.headers["Erasure-Id"] = parts.erasures.message(caller.named(query.user_id), message_id).id


def check_length(settings: ApiSettings, text: str, *, field: str = "content") -> None:
    """Raises Invalid where what a field holds is longer than the settings allow."""
    if len(text) > settings.max_content_characters:
        raise Invalid(f"{field}: must not be longer than {settings.max_content_characters} characters.")
