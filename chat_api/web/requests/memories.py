"""What is asked about memories."""

from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from chat_api.control.notes import MemoryChange
from chat_api.fields import Content, Identifier, Metadata, Rfc3339
from chat_api.messages import NOTE_CHARACTERS, NewMessage
from chat_api.recall.filters import RowFilter
from chat_api.web.requests.request import Body
from chat_api.web.requests.users import UserQuery

#: What a query's bounds on metadata begin with.
_METADATA = "metadata."


_MemoryText = Annotated[
    Content,
    Field(
        max_length=NOTE_CHARACTERS,
        description="What is to be remembered, kept word for word.",
        examples=["お茶が好き"],
    ),
]


class MemoryIn(Body):
    """Something to remember as it is."""

    user_id: Identifier = Field(description="Whose memory it is.")
    text: _MemoryText
    pinned: bool = Field(default=False, description="Given to every chat, and never replaced by itself.")
    conversation_id: Identifier | None = Field(default=None, description="`memories` if left out.")
    external_id: Identifier | None = Field(
        default=None, description="The client's own name for it, by which a repeat is known."
    )
    created_at: Rfc3339 | None = Field(default=None, description="When it was said; now if left out.")
    metadata: Metadata | None = Field(
        default=None, description="Whatever the client wants to find again, or bind recall by."
    )
    agent_id: Identifier | None = Field(
        default=None, description="The assistant that it is for, to bind recall by."
    )

    def note(self) -> NewMessage:
        """The note as the rows take it."""
        return NewMessage(
            "note",
            self.text,
            conversation_id=self.conversation_id,
            external_id=self.external_id,
            said_at=self.created_at,
            metadata=self.metadata,
            agent_id=self.agent_id,
            pinned="all" if self.pinned else None,
        )


class MemoryEditIn(Body):
    """What to change of a memory; what is left out stays."""

    text: _MemoryText | None = Field(default=None, description="The corrected memory, in place of the old one.")
    pinned: bool | None = Field(default=None, description="Given to every chat, and never replaced by itself.")
    metadata: Metadata | None = Field(default=None, description="In place of that of its message.")

    def change(self) -> MemoryChange:
        """The change as notes take it."""
        return MemoryChange(text=self.text, pinned=self.pinned, metadata=self.metadata)


class MemoriesQuery(UserQuery):
    """What to recall: by meaning with `query`, by time without."""

    query: Content | None = Field(
        default=None, description="What to recall by: a question, a message, some words."
    )
    limit: int | None = Field(
        default=None, ge=1, le=100, description="How many at most; `OBOEGAKI_RECALL_LIMIT` if left out."
    )
    min_score: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="What each memory must come to; if left out, the best one to `OBOEGAKI_MIN_SCORE`.",
    )
    since: Rfc3339 | None = Field(default=None, description="Only what was said at that time or later.")
    until: Rfc3339 | None = Field(default=None, description="Only what was said before that time.")
    conversation_id: Identifier | None = Field(default=None, description="Only what was said there.")
    history: bool = Field(default=False, description="Also what later memories have superseded.")
    cursor: str | None = Field(default=None, description="`cursor` of the page before; only without `query`.")
    agent_id: Identifier | None = Field(default=None, description="Only of messages with that `agent_id`.")
    _metadata: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _take_metadata(cls, value: dict[str, Any], build: ModelWrapValidatorHandler[Self]) -> Self:
        """Takes every `metadata.<key>` there is, as no list of fields can."""
        asked = {name: held for name, held in value.items() if name.startswith(_METADATA) and name != _METADATA}
        if any(not isinstance(held, str) for held in asked.values()):
            raise ValueError("each metadata.<key> must be given once")
        made = build({name: held for name, held in value.items() if name not in asked})
        made._metadata.update({name.removeprefix(_METADATA): held for name, held in asked.items()})  # noqa: SLF001  a new one of our own
        return made

    def rows(self) -> RowFilter:
        """What the messages have to be."""
        return RowFilter(agent_id=self.agent_id, metadata=self._metadata)
