"""What is answered to who runs it: what is filed, and what has been learned."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from chat_api.web.answers.answer import Answer
from chat_api.web.answers.messages import MessageOut
from memory_store.models import Memory, Receipt


class ReceiptOut(Answer):
    """That a revision of a message has been learned and filed."""

    user_id: str = Field(description="Whose message it is.")
    revision: str = Field(description="The one that was learned; empty where it could not be read.")
    state: str = Field(description="`learned`, `deleted` or `dead`.")
    facts: int = Field(description="How many were found.")
    learned_at: datetime = Field(description="When it was learned.")
    facts_offset: int = Field(description="Where it is in the facts log.")
    filed_at: datetime | None = Field(description="When it was filed in the store.")

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        return cls(
            user_id=receipt.user_id,
            revision=receipt.revision,
            state=receipt.state,
            facts=receipt.facts,
            learned_at=receipt.learned_at,
            facts_offset=receipt.facts_offset,
            filed_at=receipt.filed_at,
        )


class PointOut(Answer):
    """A memory as it is filed."""

    id: str = Field(description="The memory's.")
    text: str = Field(description="What is remembered.")
    said_at: datetime = Field(description="When it was said.")
    learned_at: datetime = Field(description="When it was found.")

    @classmethod
    def of(cls, memory: Memory) -> Self:
        return cls(id=memory.id, text=memory.text, said_at=memory.said_at, learned_at=memory.learned_at)


class FiledOut(Answer):
    """A message's row, and what is filed under it in the live version."""

    message_id: int = Field(description="The one that was asked for.")
    row: MessageOut | None = Field(description="Null where it is gone.")
    version: str = Field(description="Of the memories, the one that is live.")
    receipt: ReceiptOut | None = Field(description="Null where nothing was filed yet.")
    points: list[PointOut] = Field(description="The memories that are filed under the message.")


class StatusOut(Answer):
    """What this process serves and has learned since it started."""

    version: str | None = Field(description="Of the memories, the one that is live; null while the store is away.")
    memories: int | None = Field(description="How many there are; null while the store is away.")
    stages: list[dict[str, Any]] = Field(
        description="One for each stage of the learning in this process, with its name and what it counted."
    )
