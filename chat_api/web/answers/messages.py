"""What is answered about messages."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from chat_api.messages import Added, Message, Role
from chat_api.web.answers.answer import Answer


class AddedOut(Answer):
    """What became of a posted message."""

    message_id: int = Field(description="The row's number, counted over all users.")
    conversation_id: str = Field(description="As it was given, or a new one.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    created: bool = Field(description="False where the message repeats one that is there.")

    @classmethod
    def of(cls, added: Added) -> Self:
        return cls(
            message_id=added.message_id,
            conversation_id=added.conversation_id,
            external_id=added.external_id,
            created=added.created,
        )


class AddedListOut(Answer):
    """What became of posted messages, in their order."""

    messages: list[AddedOut] = Field(description="One for each, in the order they were sent.")


class MessageOut(Answer):
    """A message."""

    message_id: int = Field(description="The row's number, counted over all users.")
    user_id: str = Field(description="Whose it is.")
    conversation_id: str = Field(description="Where it was said.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    role: Role = Field(description="Who said it.")
    content: str = Field(description="What was said.")
    suppressed: str | list[str] | None = Field(
        description='`"all"`: off the record; or references of the facts that are forgotten.'
    )
    metadata: dict[str, Any] | None = Field(description="As it was given.")
    agent_id: str | None = Field(description="As it was given.")
    pinned: str | list[str] | None = Field(
        default=None,
        description='`"all"`: what is learned from it is pinned; or references of the facts that are.',
    )
    created_at: datetime = Field(description="When it was said, with the speaker's own offset.")
    updated_at: datetime = Field(description="When it was last written.")
    revision: str = Field(
        description="Changes with every edit; what was learned names the revision that it was learned from."
    )

    @classmethod
    def of(cls, row: Message) -> Self:
        return cls(
            message_id=row.id,
            user_id=row.user_id,
            conversation_id=row.conversation_id,
            external_id=row.external_id,
            role=row.role,
            content=row.content,
            suppressed=list(row.suppressed) if isinstance(row.suppressed, tuple) else row.suppressed,
            metadata=row.metadata,
            agent_id=row.agent_id,
            pinned=list(row.pinned) if isinstance(row.pinned, tuple) else row.pinned,
            created_at=row.said_at,
            updated_at=row.updated_at,
            revision=row.revision,
        )


class MessagesOut(Answer):
    """A page of a conversation, in the order it was written."""

    messages: list[MessageOut] = Field(description="The page.")
    after: int | None = Field(description="To ask for the next page with; null on the last one.")
