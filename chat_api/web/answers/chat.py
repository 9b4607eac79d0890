"""What a turn of chat is answered with, whole or as a stream."""

from pydantic import Field

from chat_api.web.answers.answer import Answer
from chat_api.web.answers.memories import MemoryOut, SourceOut
from chat_api.web.answers.users import ProfileLineOut


class ChatOut(Answer):
    """A reply, and what it could draw on."""

    conversation_id: str = Field(description="As it was given, or a new one.")
    message_id: int = Field(description="The row of what was said.")
    reply_message_id: int = Field(description="The row of the reply.")
    reply: str = Field(description="What the assistant says.")
    profile: list[ProfileLineOut] = Field(description="What the reply could draw on whatever was asked.")
    recalled: list[MemoryOut] = Field(
        description="What it could draw on of the memories; empty where none were asked for."
    )
    pending: list[SourceOut] = Field(description="What it could draw on that is not learned yet.")
    degraded: bool = Field(description="True where the memories could not be asked.")
    timings: dict[str, float] = Field(description="Milliseconds, by what they were spent on.")


class RecalledOut(Answer):
    """The first event of a stream: what the reply can draw on."""

    conversation_id: str = Field(description="As it was given, or a new one.")
    message_id: int = Field(description="The row of what was said.")
    profile: list[ProfileLineOut] = Field(description="What the reply can draw on whatever was asked.")
    recalled: list[MemoryOut] = Field(
        description="What it can draw on of the memories; empty where none were asked for."
    )
    pending: list[SourceOut] = Field(description="What it can draw on that is not learned yet.")
    degraded: bool = Field(description="True where the memories could not be asked.")


class DeltaOut(Answer):
    """The next piece of the reply."""

    text: str = Field(description="To be put after what came before.")


class DoneOut(Answer):
    """The last event of a stream: the reply as it is written."""

    conversation_id: str = Field(description="As it was given, or a new one.")
    message_id: int = Field(description="The row of what was said.")
    reply_message_id: int = Field(description="The row of the reply.")
    reply: str = Field(description="All of it.")
    timings: dict[str, float] = Field(description="Milliseconds, by what they were spent on.")
