"""What is asked about users, and whose thing is meant."""

from typing import Annotated

from pydantic import Field

from chat_api.fields import Content, Identifier, RowId, TimeZone
from chat_api.users import RecallPolicy
from chat_api.web.requests.request import Body, Query


class UserQuery(Query):
    """Whose thing is meant."""

    user_id: Identifier = Field(description="Whose thing it is.")


class UserEditIn(Body):
    """What to set of a user; what is left out stays."""

    # The defaults are never used: what counts is whether a field was sent. From factories, so that the document
    # tells none.
    timezone: TimeZone = Field(
        default_factory=lambda: "UTC", examples=["Asia/Tokyo"], description="Where time words are read."
    )
    recall: RecallPolicy = Field(
        default_factory=lambda: "auto",
        description="Whether replies draw on what is remembered, where a request does not say.",
    )
    persona: Annotated[Content, Field(max_length=4000)] | None = Field(
        default=None, description="How the assistant is to be towards this user; null for no wish."
    )

    def changes(self) -> dict[str, str | None]:
        """What was sent, as the rows take it."""
        return self.model_dump(include=self.model_fields_set)


class FreshnessQuery(Query):
    """What to wait for, and how long."""

    wait_for: RowId | None = Field(default=None, description="Message id; without it the answer comes at once.")
    timeout: float = Field(default=10, ge=0, le=60, allow_inf_nan=False, description="Seconds.")
