"""What the API answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from chat_api.auth.keys import ApiKey
from chat_api.auth.keys import Kind as KeyKind
from chat_api.control.notes import Noted
from chat_api.control.passages import passage
from chat_api.erasing.parts import Erasure, Kind, Part, Scope
from chat_api.messages import Added, Conversation, Message, Role
from chat_api.recall.profile import KnownLine
from chat_api.recall.recollection import Remembered
from chat_api.users import RecallPolicy, UserSettings
from memory_store.models import Memory, Receipt


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class AddedOut(_Answer):
    """What became of a posted message."""

    message_id: int = Field(description="The row's number, counted over all users.")
    conversation_id: str = Field(description="As it was given, or a new one.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    created: bool = Field(description="False where the message repeats one that is there.")

    @classmethod
    def of(cls, added: Added) -> Self:
        return cls(
            message_id=added.message_id,
            conversation_id=added.conversation_id,
            external_id=added.external_id,
            created=added.created,
        )


class AddedListOut(_Answer):
    """What became of posted messages, in their order."""

    messages: list[AddedOut] = Field(description="One for each, in the order they were sent.")


class MessageOut(_Answer):
    """A message."""

    message_id: int = Field(description="The row's number, counted over all users.")
    user_id: str = Field(description="Whose it is.")
    conversation_id: str = Field(description="Where it was said.")
    external_id: str | None = Field(description="The client's own name for it; null where it gave none.")
    role: Role = Field(description="Who said it.")
    content: str = Field(description="What was said.")
    suppressed: str | list[str] | None = Field(
        description='`"all"`: off the record; or references of the facts that are forgotten.'
    )
    metadata: dict[str, Any] | None = Field(description="As it was given.")
    agent_id: str | None = Field(description="As it was given.")
    pinned: str | list[str] | None = Field(
        default=None,
        description='`"all"`: what is learned from it is pinned; or references of the facts that are.',
    )
    created_at: datetime = Field(description="When it was said, with the speaker's own offset.")
    updated_at: datetime = Field(description="When it was last written.")
    revision: str = Field(
        description="Changes with every edit; what was learned names the revision that it was learned from."
    )

    @classmethod
    def of(cls, row: Message) -> Self:
        return cls(
            message_id=row.id,
            user_id=row.user_id,
            conversation_id=row.conversation_id,
            external_id=row.external_id,
            role=row.role,
            content=row.content,
            suppressed=list(row.suppressed) if isinstance(row.suppressed, tuple) else row.suppressed,
            metadata=row.metadata,
            agent_id=row.agent_id,
            pinned=list(row.pinned) if isinstance(row.pinned, tuple) else row.pinned,
            created_at=row.said_at,
            updated_at=row.updated_at,
            revision=row.revision,
        )


class MessagesOut(_Answer):
    """A page of a conversation, in the order it was written."""

    messages: list[MessageOut] = Field(description="The page.")
    after: int | None = Field(description="To ask for the next page with; null on the last one.")


class ConversationOut(_Answer):
    """A conversation."""

    conversation_id: str = Field(description="Its name.")
    created_at: datetime = Field(description="When its first message was written.")
    messages: int = Field(description="How many messages it holds.")
    last_said_at: datetime | None = Field(description="The latest `created_at` of them.")

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        return cls(
            conversation_id=conversation.conversation_id,
            created_at=conversation.created_at,
            messages=conversation.messages,
            last_said_at=conversation.last_said_at,
        )


class ConversationsOut(_Answer):
    """A page of a user's conversations, newest first."""

    conversations: list[ConversationOut] = Field(description="The page.")
    cursor: str | None = Field(description="To ask for the next page with; null on the last one.")


class DeletedOut(_Answer):
    """How many messages went."""

    deleted: int = Field(description="How many messages went.")
    erasure_id: str = Field(description="To ask how far their words are gone everywhere.")


class SourceOut(_Answer):
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


class MemoryOut(_Answer):
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


class PassageOut(_Answer):
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


class OtherMemoryOut(_Answer):
    """Another memory."""

    id: str = Field(description="To read it by.")
    text: str = Field(description="What is remembered.")
    said_at: datetime = Field(description="When it was said.")

    @classmethod
    def of(cls, remembered: Remembered) -> Self:
        memory = remembered.memory
        return cls(id=memory.id, text=memory.text, said_at=memory.said_at)


class WhyOut(_Answer):
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


class NotedOut(_Answer):
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


class MemoriesOut(_Answer):
    """What is remembered, and what was said too recently to be learned."""

    memories: list[MemoryOut] = Field(description="Best first with `query`, latest first without.")
    pending: list[SourceOut] = Field(description="What was said too recently to be learned, the latest first.")
    degraded: bool = Field(description="True where the memories could not be asked; `pending` is then the newest.")
    timings: dict[str, float] = Field(description="Milliseconds, by what they were spent on.")
    cursor: str | None = Field(default=None, description="To ask for the next page of a list with.")


class ProfileLineOut(_Answer):
    """Something that matters about a user, with the messages it rests on."""

    text: str = Field(description="What is known.")
    said_at: datetime = Field(description="When it was said.")
    pinned: bool = Field(description="Put there by the user, so before all others.")
    sources: list[SourceOut] = Field(description="The messages it rests on.")

    @classmethod
    def of(cls, line: KnownLine) -> Self:
        return cls(text=line.text, said_at=line.said_at, pinned=line.pinned, sources=sources(line.sources))


class ProfileOut(_Answer):
    """What matters most about a user: what every chat begins with."""

    lines: list[ProfileLineOut] = Field(
        description="What is pinned first, then the most important, 300 tokens of it at most."
    )
    updated_at: datetime | None = Field(
        description="When what is not pinned was last written; null before there was any."
    )


class UserOut(_Answer):
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


class FreshnessOut(_Answer):
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


class ChatOut(_Answer):
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


class RecalledOut(_Answer):
    """The first event of a stream: what the reply can draw on."""

    conversation_id: str = Field(description="As it was given, or a new one.")
    message_id: int = Field(description="The row of what was said.")
    profile: list[ProfileLineOut] = Field(description="What the reply can draw on whatever was asked.")
    recalled: list[MemoryOut] = Field(
        description="What it can draw on of the memories; empty where none were asked for."
    )
    pending: list[SourceOut] = Field(description="What it can draw on that is not learned yet.")
    degraded: bool = Field(description="True where the memories could not be asked.")


class DeltaOut(_Answer):
    """The next piece of the reply."""

    text: str = Field(description="To be put after what came before.")


class DoneOut(_Answer):
    """The last event of a stream: the reply as it is written."""

    conversation_id: str = Field(description="As it was given, or a new one.")
    message_id: int = Field(description="The row of what was said.")
    reply_message_id: int = Field(description="The row of the reply.")
    reply: str = Field(description="All of it.")
    timings: dict[str, float] = Field(description="Milliseconds, by what they were spent on.")


class HealthOut(_Answer):
    """Whether a part answers."""

    status: Literal["ok", "degraded"] = Field(
        description="`degraded`: requests are served, some without the memories."
    )
    parts: dict[str, Literal["ok", "away"]] = Field(
        default={}, description="Whether each part answers; without any, where only the process is asked."
    )


class ReadyOut(HealthOut):
    """The same, and of which release."""

    version: str = Field(description="Of oboegaki.")


class ReceiptOut(_Answer):
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


class PointOut(_Answer):
    """A memory as it is filed."""

    id: str = Field(description="The memory's.")
    text: str = Field(description="What is remembered.")
    said_at: datetime = Field(description="When it was said.")
    learned_at: datetime = Field(description="When it was found.")

    @classmethod
    def of(cls, memory: Memory) -> Self:
        return cls(id=memory.id, text=memory.text, said_at=memory.said_at, learned_at=memory.learned_at)


class FiledOut(_Answer):
    """A message's row, and what is filed under it in the live version."""

    message_id: int = Field(description="The one that was asked for.")
    row: MessageOut | None = Field(description="Null where it is gone.")
    version: str = Field(description="Of the memories, the one that is live.")
    receipt: ReceiptOut | None = Field(description="Null where nothing was filed yet.")
    points: list[PointOut] = Field(description="The memories that are filed under the message.")


class StatusOut(_Answer):
    """What this process serves and has learned since it started."""

    version: str | None = Field(description="Of the memories, the one that is live; null while the store is away.")
    memories: int | None = Field(description="How many there are; null while the store is away.")
    stages: list[dict[str, Any]] = Field(
        description="One for each stage of the learning in this process, with its name and what it counted."
    )


class KeyOut(_Answer):
    """What is known of a key; its text is kept nowhere."""

    key_id: str = Field(description="To revoke it by; no secret.")
    kind: KeyKind = Field(description="Whom it may name.")
    bound_to: str | None = Field(description="The user or the tenant; null for an admin's.")
    label: str | None = Field(description="For people, to tell keys apart by.")
    trusts_user_header: bool = Field(description="Whether `X-OpenWebUI-User-Id` is believed.")
    created_at: datetime = Field(description="When it was made.")
    last_used_at: datetime | None = Field(description="To the minute; null where it was never used.")
    expires_at: datetime | None = Field(description="Null where it does not expire.")
    revoked_at: datetime | None = Field(description="Null where it was not revoked.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            key_id=key.key_id,
            kind=key.kind,
            bound_to=key.bound_to,
            label=key.label,
            trusts_user_header=key.trusts_user_header,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )


class KeyMadeOut(KeyOut):
    """A new key."""

    key: str = Field(description="Its text, which nobody can tell later.")


class KeysOut(_Answer):
    """A page of keys, by their ids."""

    keys: list[KeyOut] = Field(description="The page.")
    after: str | None = Field(description="To ask for the next page with; null on the last one.")


def sources(rows: Sequence[Message]) -> list[SourceOut]:
    """Rows as sources of what was recalled."""
    return [SourceOut.of(row) for row in rows]


class ErasureAskedOut(_Answer):
    """That something is being erased."""

    erasure_id: str = Field(description="To ask how far it is: `GET /v1/erasures/{erasure_id}`.")


class ErasedPartOut(_Answer):
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


class ErasureOut(_Answer):
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
