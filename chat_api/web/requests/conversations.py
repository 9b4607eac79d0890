"""What is asked about conversations."""

from pydantic import Field

from chat_api.web.requests.users import UserQuery


class MessagesQuery(UserQuery):
    """A page of a conversation."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    after: int = Field(default=0, ge=0, description="The last message id of the page before.")


class ConversationsQuery(UserQuery):
    """A page of a user's conversations."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    cursor: str | None = Field(default=None, description="`cursor` of the page before.")
