"""What the API is asked, as validated once at the edge."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Tag,
    model_validator,
)

from chat_api.auth.keys import NewKey
from chat_api.chat import repeats
from chat_api.chat.turns import Saying
from chat_api.control.notes import MemoryChange
from chat_api.errors import Invalid
from chat_api.fields import Content, FactRef, Identifier, Metadata, Rfc3339, RowId, Tenant, TimeZone
from chat_api.messages import (
    KEEP,
    MOST_PINNED,
    MOST_PINNED_FACTS,
    NOTE_CHARACTERS,
    Edit,
    NewMessage,
    Pinned,
    Role,
    Suppressed,
)
from chat_api.recall.filters import RowFilter
from chat_api.users import RecallPolicy

#: What a query's bounds on metadata begin with.
_METADATA = "metadata."

_SuppressedIn = Annotated[
    Literal["all"] | Annotated[list[FactRef], Field(max_length=1000)] | None,
    Field(description='`"all"`: off the record, nothing is learned from it; or references of facts to forget.'),
]


def _few(value: object) -> object:
    # Before the kinds are told apart: of each of them something else would be wrong.
    if isinstance(value, list) and len(value) > MOST_PINNED_FACTS:
        raise ValueError(
            f'must name at most {MOST_PINNED_FACTS} facts; "all" pins whatever is learned from the message'
        )
    return value


_PinnedIn = Annotated[
    Literal["all"] | Annotated[list[FactRef], Field(max_length=MOST_PINNED_FACTS)] | None,
    BeforeValidator(_few),
    Field(
        description='`"all"`: what is learned from it is pinned; or references of facts that are. Something can be'
        f" pinned of at most {MOST_PINNED} messages of a user."
    ),
]
_MemoryText = Annotated[
    Content,
    Field(
        max_length=NOTE_CHARACTERS,
        description="What is to be remembered, kept word for word.",
        examples=["お茶が好き"],
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MessageIn(_Body):
    """A message to write."""

    role: Role = Field(description="Who said it; `note`: something to be remembered word for word.")
    content: Content = Field(description="What was said.")
    conversation_id: Identifier | None = Field(
        default=None, description="The client's own name for the conversation, made on use; a new one if left out."
    )
    external_id: Identifier | None = Field(
        default=None, description="The client's own name for the message, by which a repeat is known."
    )
    created_at: Rfc3339 | None = Field(default=None, description="When it was said; now if left out.")
    suppressed: _SuppressedIn = None
    metadata: Metadata | None = Field(
        default=None, description="Whatever the client wants to find again, or bind recall by."
    )
    agent_id: Identifier | None = Field(
        default=None, description="The assistant that it was said to, to bind recall by."
    )
    pinned: _PinnedIn = None

    def new(self) -> NewMessage:
        """The message as the rows take it."""
        return NewMessage(
            role=self.role,
            content=self.content,
            conversation_id=self.conversation_id,
            external_id=self.external_id,
            said_at=self.created_at,
            suppressed=_suppressed(self.suppressed),
            metadata=self.metadata,
            agent_id=self.agent_id,
            pinned=_suppressed(self.pinned),
        )


class OneMessage(MessageIn):
    """A message and whose it is."""

    user_id: Identifier = Field(description="Whose it is.")


class ManyMessages(_Body):
    """Messages of one user, written all or not at all."""

    user_id: Identifier = Field(description="Whose they are.")
    messages: list[MessageIn] = Field(
        min_length=1, max_length=1000, description="In the order that they were said in."
    )


def _one_or_many(body: Any) -> str:  # noqa: ANN401  not validated yet
    return "many" if isinstance(body, dict) and "messages" in body else "one"


Messages = Annotated[
    Annotated[OneMessage, Tag("one")] | Annotated[ManyMessages, Tag("many")], Discriminator(_one_or_many)
]


class EditIn(_Body):
    """What to change of a message; what is left out stays."""

    # The defaults are never used: what counts is whether a field was sent. From factories, so that the document
    # tells none.
    content: Content = Field(default_factory=str, description="What is said instead.")
    suppressed: _SuppressedIn = None
    metadata: Metadata | None = Field(default=None, description="In place of those there are; null for none.")
    pinned: _PinnedIn = None

    def edit(self) -> Edit:
        """The edit as the rows take it."""
        sent = self.model_fields_set
        return Edit(
            content=self.content if "content" in sent else KEEP,
            suppressed=_suppressed(self.suppressed) if "suppressed" in sent else KEEP,
            metadata=self.metadata if "metadata" in sent else KEEP,
            pinned=_suppressed(self.pinned) if "pinned" in sent else KEEP,
        )


class MemoryIn(_Body):
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


class MemoryEditIn(_Body):
    """What to change of a memory; what is left out stays."""

    text: _MemoryText | None = Field(default=None, description="The corrected memory, in place of the old one.")
    pinned: bool | None = Field(default=None, description="Given to every chat, and never replaced by itself.")
    metadata: Metadata | None = Field(default=None, description="In place of that of its message.")

    def change(self) -> MemoryChange:
        """The change as notes take it."""
        return MemoryChange(text=self.text, pinned=self.pinned, metadata=self.metadata)


class UserEditIn(_Body):
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


class ChatIn(_Body):
    """Something said to the assistant."""

    user_id: Identifier = Field(description="Who says it.")
    message: Content = Field(description="What is said.")
    conversation_id: Identifier | None = Field(default=None, description="A new conversation if left out.")
    recall: RecallPolicy | None = Field(
        default=None,
        description="Whether the reply may draw on memories. `auto`: where the message asks for something that was"
        " said before; the profile is always known. `never`: on nothing, not even the profile. As the user set it,"
        " if left out.",
    )
    system: Content | None = Field(
        default=None,
        description="Who the assistant is and how it answers, in place of the setting, and of the user's persona.",
    )
    stream: bool = Field(default=False, description="The reply as it comes, as server-sent events.")

    def saying(self, idempotency_key: str | None) -> Saying:
        """What is said, as a turn of chat takes it. Raises Invalid."""
        named = repeats.names(idempotency_key, self.model_dump(exclude={"stream"}))
        return Saying(self.user_id, self.message, self.conversation_id, self.recall, self.system, named)


class _AnyKeyIn(_Body):
    label: Identifier | None = Field(default=None, description="For people, to tell keys apart by.")
    expires_at: Rfc3339 | None = Field(default=None, description="Never, if left out.")

    def _expiry(self, now: datetime) -> datetime | None:
        if self.expires_at is not None and self.expires_at <= now:
            raise Invalid("expires_at: must not have passed.")
        return None if self.expires_at is None else self.expires_at.astimezone(UTC)


_Trusts = Annotated[
    bool, Field(description="Whether `X-OpenWebUI-User-Id` tells the user, among those that the key may name.")
]


class UserKeyIn(_AnyKeyIn):
    """A key that names one user."""

    kind: Literal["user"] = Field(description="Whom it may name.")
    bound_to: Identifier = Field(description="The user.")

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("user", self.bound_to, self.label, expires_at=self._expiry(now))


class TenantKeyIn(_AnyKeyIn):
    """A key that names the users of a tenant: those whose ids begin with the tenant and a slash."""

    kind: Literal["tenant"] = Field(description="Whom it may name.")
    bound_to: Tenant = Field(description="The tenant.")
    trusts_user_header: _Trusts = False

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("tenant", self.bound_to, self.label, self.trusts_user_header, self._expiry(now))


class AdminKeyIn(_AnyKeyIn):
    """A key that names everybody and may do everything."""

    kind: Literal["admin"] = Field(description="Whom it may name.")
    trusts_user_header: _Trusts = False

    def new(self, now: datetime) -> NewKey:
        """The key as the rows take it. Raises Invalid."""
        return NewKey("admin", None, self.label, self.trusts_user_header, self._expiry(now))


KeyIn = Annotated[UserKeyIn | TenantKeyIn | AdminKeyIn, Discriminator("kind")]


class KeysQuery(_Query):
    """A page of keys."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    after: str = Field(
        default="", max_length=32, pattern="^[0-9a-f]*$", description="The last key id of the page before."
    )


class UserQuery(_Query):
    """Whose thing is meant."""

    user_id: Identifier = Field(description="Whose thing it is.")


class MessagesQuery(UserQuery):
    """A page of a conversation."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    after: int = Field(default=0, ge=0, description="The last message id of the page before.")


class ConversationsQuery(UserQuery):
    """A page of a user's conversations."""

    limit: int = Field(default=100, ge=1, le=1000, description="How many at most.")
    cursor: str | None = Field(default=None, description="`cursor` of the page before.")


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


class FreshnessQuery(_Query):
    """What to wait for, and how long."""

    wait_for: RowId | None = Field(default=None, description="Message id; without it the answer comes at once.")
    timeout: float = Field(default=10, ge=0, le=60, allow_inf_nan=False, description="Seconds.")


def _suppressed(value: Literal["all"] | list[str] | None) -> Suppressed | Pinned:
    # An empty list names nothing, so it is none.
    return (tuple(value) or None) if isinstance(value, list) else value
