"""What is answered about memories, and the messages that they rest on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from chat_api.control.notes import Noted
from chat_api.control.passages import passage
from chat_api.messages import Message, Role
from chat_api.recall.recollection import Remembered
from chat_api.web.answers.answer import Answer


class SourceOut(Answer):
    """A message that a memory rests on."""

    message_id: int = Field(description="The row's number, counted over all users.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    conversation_id: str = Field(description="Where it was said.")
    role: Role = Field(description="Who said it.")
    content: str | None = Field(description="Null where something of the message was told to be forgotten.")
    created_at: datetime = Field(description="When it was said, with the speaker's own offset.")

    @classmethod
    def of(cls, row: Message) -> Self:
        return cls(
            message_id=row.id,
            external_id=row.external_id,
            conversation_id=row.conversation_id,
            role=row.role,
            content=row.content if row.suppressed is None else None,
            created_at=row.said_at,
        )


class MemoryOut(Answer):
    """Something remembered, with the messages it rests on."""

    id: str = Field(
        description="Follows from the message and the words, so it stays the same when all is learned anew."
    )
    text: str = Field(description="What is remembered.")
    score: float | None = Field(
        description="Higher is nearer; only to compare within one answer. Null in lists, and where a better"
        " memory of the same message no longer holds."
    )
    said_at: datetime = Field(description="When it was said.")
    supersedes: list[str] = Field(description="Memories that this one stands in the place of.")
    superseded_by: list[str] = Field(
        description="Memories that stand in its place, the latest first; it is then only shown if asked for."
    )
    pinned: bool = Field(description="Given to every chat, and never replaced by itself.")
    metadata: dict[str, Any] | None = Field(description="Of the message that it is filed under, as is `agent_id`.")
    agent_id: str | None = Field(description="The assistant that it was said to.")
    sources: list[SourceOut] = Field(description="The messages it rests on.")


class PassageOut(Answer):
    """A part of a content, in characters (Unicode code points) of it: from `start` to before `end`."""

    start: int = Field(description="The first character.")
    end: int = Field(description="After the last one.")
    text: str = Field(description="The characters themselves.")


class WhySourceOut(SourceOut):
    """A message that a memory rests on, and what of it."""

    passage: PassageOut | None = Field(
        description="The sentences nearest to the memory; null where none shares a word, or where it is not shown."
    )

    @classmethod
    def nearest_to(cls, row: Message, fact: str) -> Self:
        source = SourceOut.of(row)
        found = None if source.content is None else passage(source.content, fact)
        if source.content is None or found is None:
            return cls(**source.model_dump(), passage=None)
        text = source.content[found.start : found.end]
        return cls(**source.model_dump(), passage=PassageOut(start=found.start, end=found.end, text=text))


class OtherMemoryOut(Answer):
    """Another memory."""

    id: str = Field(description="To read it by.")
    text: str = Field(description="What is remembered.")
    said_at: datetime = Field(description="When it was said.")

    @classmethod
    def of(cls, remembered: Remembered) -> Self:
        memory = remembered.memory
        return cls(id=memory.id, text=memory.text, said_at=memory.said_at)


class WhyOut(Answer):
    """Why something is remembered."""

    id: str = Field(description="The memory's.")
    text: str = Field(description="What is remembered.")
    said_at: datetime = Field(description="When it was said.")
    learned_at: datetime = Field(description="When it was found.")
    extractor: str = Field(description="What found it in the messages; of a note, what took it over as it is.")
    pinned: bool = Field(description="Given to every chat, and never replaced by itself.")
    sources: list[WhySourceOut] = Field(description="The messages it rests on.")
    supersedes: list[OtherMemoryOut] = Field(description="Those that stand but for this one.")
    superseded_by: list[OtherMemoryOut] = Field(description="The latest first.")
    in_place_of: str | None = Field(description="Of a correction: the id of the memory that it corrected.")


class NotedOut(Answer):
    """A memory as it was added or changed."""

    id: str = Field(description="It can be read by it once its message is learned.")
    text: str = Field(description="As it is kept.")
    pinned: bool = Field(description="Given to every chat, and never replaced by itself.")
    message_id: int = Field(description="The row of the message that it is kept as, a note where `created`.")
    conversation_id: str = Field(description="Where that message is.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    metadata: dict[str, Any] | None = Field(description="Of that message.")
    agent_id: str | None = Field(description="The assistant that it is kept for.")
    created: bool = Field(description="Whether a note was written.")

    @classmethod
    def of(cls, noted: Noted) -> Self:
        row = noted.row
        return cls(
            id=noted.memory_id,
            text=noted.text,
            pinned=noted.pinned,
            message_id=row.id,
            conversation_id=row.conversation_id,
            external_id=row.external_id,
            metadata=row.metadata,
            agent_id=row.agent_id,
            created=noted.created,
        )


class MemoriesOut(Answer):
    """What is remembered, and what was said too recently to be learned."""

    memories: list[MemoryOut] = Field(description="Best first with `query`, latest first without.")
    pending: list[SourceOut] = Field(description="What was said too recently to be learned, the latest first.")
    degraded: bool = Field(description="True where the memories could not be asked; `pending` is then the newest.")
    timings: dict[str, float] = Field(description="Milliseconds, by what they were spent on.")
    cursor: str | None = Field(default=None, description="To ask for the next page of a list with.")


def sources(rows: Sequence[Message]) -> list[SourceOut]:
    """Rows as sources of what was recalled."""
    return [SourceOut.of(row) for row in rows]
