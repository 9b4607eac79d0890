"""What is answered about conversations."""

from datetime import datetime
from typing import Self

from pydantic import Field

from chat_api.messages import Conversation
from chat_api.web.answers.answer import Answer


class ConversationOut(Answer):
    """A conversation."""

    conversation_id: str = Field(description="Its name.")
    created_at: datetime = Field(description="When its first message was written.")
    messages: int = Field(description="How many messages it holds.")
    last_said_at: datetime | None = Field(description="The latest `created_at` of them.")

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        return cls(
            conversation_id=conversation.conversation_id,
            created_at=conversation.created_at,
            messages=conversation.messages,
            last_said_at=conversation.last_said_at,
        )


class ConversationsOut(Answer):
    """A page of a user's conversations, newest first."""

    conversations: list[ConversationOut] = Field(description="The page.")
    cursor: str | None = Field(description="To ask for the next page with; null on the last one.")


class DeletedOut(Answer):
    """How many messages went."""

    deleted: int = Field(description="How many messages went.")
    erasure_id: str = Field(description="To ask how far their words are gone everywhere.")
