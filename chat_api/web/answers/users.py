"""What is answered about users: their profile, their settings, how far learning is behind them."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from chat_api.recall.profile import KnownLine
from chat_api.users import RecallPolicy, UserSettings
from chat_api.web.answers.answer import Answer
from chat_api.web.answers.memories import SourceOut, sources


class ProfileLineOut(Answer):
    """Something that matters about a user, with the messages it rests on."""

    text: str = Field(description="What is known.")
    said_at: datetime = Field(description="When it was said.")
    pinned: bool = Field(description="Put there by the user, so before all others.")
    sources: list[SourceOut] = Field(description="The messages it rests on.")

    @classmethod
    def of(cls, line: KnownLine) -> Self:
        return cls(text=line.text, said_at=line.said_at, pinned=line.pinned, sources=sources(line.sources))


class ProfileOut(Answer):
    """What matters most about a user: what every chat begins with."""

    lines: list[ProfileLineOut] = Field(
        description="What is pinned first, then the most important, 300 tokens of it at most."
    )
    updated_at: datetime | None = Field(
        description="When what is not pinned was last written; null before there was any."
    )


class UserOut(Answer):
    """What a user has set."""

    user_id: str = Field(description="Whose settings these are.")
    timezone: str = Field(description="Where time words are read.")
    recall: RecallPolicy = Field(
        description="Whether replies draw on what is remembered, where a request does not say."
    )
    persona: str | None = Field(description="How the assistant is to be towards this user; null for no wish.")

    @classmethod
    def of(cls, user_id: str, settings: UserSettings) -> Self:
        return cls(
            user_id=user_id,
            timezone=settings.timezone,
            recall=settings.recall,
            persona=settings.persona,
        )


class FreshnessOut(Answer):
    """How far learning is behind the rows of a user."""

    message_id: int | None = Field(
        description="The message that was waited for; null without `wait_for`, as is what follows of it."
    )
    revision: str | None = Field(description="Of the message as it is now.")
    state: Literal["learned", "pending", "deleted", "dead"] | None = Field(
        description="`dead`: set aside, as it could not be learned."
    )
    learned: bool = Field(description="Of that message; without one, whether nothing is left to learn.")
    facts: int | None = Field(description="How many were found in it.")
    waited_ms: float = Field(description="How long it took, in milliseconds.")
    unlearned: int = Field(description="How many of the user's messages are not learned yet.")
    oldest_unlearned_s: float | None = Field(description="How many seconds ago the oldest of them was written.")
