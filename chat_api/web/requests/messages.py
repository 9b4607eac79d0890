"""What is asked about messages."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from chat_api.fields import Content, FactRef, Identifier, Metadata, Rfc3339
from chat_api.messages import KEEP, MOST_PINNED, MOST_PINNED_FACTS, Edit, NewMessage, Pinned, Role, Suppressed
from chat_api.web.requests.request import Body

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


class MessageIn(Body):
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


class ManyMessages(Body):
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


class EditIn(Body):
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


def _suppressed(value: Literal["all"] | list[str] | None) -> Suppressed | Pinned:
    # An empty list names nothing, so it is none.
    return (tuple(value) or None) if isinstance(value, list) else value
