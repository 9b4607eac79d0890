"""What is answered about erasures."""

from datetime import datetime
from typing import Self

from pydantic import Field

from chat_api.erasing.parts import Erasure, Kind, Part, Scope
from chat_api.web.answers.answer import Answer


class ErasureAskedOut(Answer):
    """That something is being erased."""

    erasure_id: str = Field(description="To ask how far it is: `GET /v1/erasures/{erasure_id}`.")


class ErasedPartOut(Answer):
    """One place that held what is erased."""

    part: Kind = Field(description="The kind of place.")
    name: str = Field(description="Of the table, the log or the version; empty where another process has them.")
    found: int | None = Field(description="How much was there; null where it cannot be counted.")
    removed: int | None = Field(description="How much of it is gone.")
    deadline: datetime = Field(description="When it is gone from there, where learning runs.")
    done: bool | None = Field(description="Null where only another process can tell.")

    @classmethod
    def of(cls, part: Part, deadline: datetime) -> Self:
        counted = part.found is not None and part.left is not None
        removed = (part.found or 0) - (part.left or 0) if counted else None
        return cls(
            part=part.kind, name=part.name, found=part.found, removed=removed, deadline=deadline, done=part.done
        )


class ErasureOut(Answer):
    """How far something that was erased is gone."""

    erasure_id: str = Field(description="To ask again by.")
    user_id: str = Field(description="Whose words they were.")
    scope: Scope = Field(description="What was deleted.")
    conversation_id: str | None = Field(description="Of a conversation or a message.")
    message_id: int | None = Field(description="Of a message.")
    asked_at: datetime = Field(description="When it was asked for.")
    deadline: datetime = Field(description="When all of it is gone, where learning runs.")
    done: bool | None = Field(
        description="Whether all of it is gone everywhere; null after the deadline, where only another process can"
        " tell."
    )
    overdue: bool = Field(description="Whether the deadline is over, and it is not known to be done.")
    done_at: datetime | None = Field(description="When that was found.")
    parts: list[ErasedPartOut] = Field(description="The places that held it.")

    @classmethod
    def of(cls, erasure: Erasure, now: datetime) -> Self:
        return cls(
            erasure_id=erasure.id,
            user_id=erasure.user_id,
            scope=erasure.scope,
            conversation_id=erasure.conversation_id,
            message_id=erasure.up_to if erasure.scope == "message" else None,
            asked_at=erasure.asked_at,
            deadline=erasure.deadline,
            done=erasure.done(now),
            overdue=erasure.is_overdue(now),
            done_at=erasure.done_at,
            parts=[ErasedPartOut.of(part, erasure.deadline) for part in erasure.parts],
        )
