"""What a user has set for themselves. Pure."""

from dataclasses import dataclass
from typing import Literal

#: Whether replies draw on memories where a request does not say: `auto` leaves it to what is said.
RecallPolicy = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class UserSettings:
    """Settings of a user; these where none were ever made."""

    timezone: str = "UTC"
    recall: RecallPolicy = "auto"
    #: How the assistant is to be towards this user, in words for a model.
    persona: str | None = None
