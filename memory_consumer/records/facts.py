"""The facts record: what was learned from one message at one revision. Pure.

One record per message; the latest record of a key is the truth about it. The facts log is thereby also the
ledger of what has been learned, and a memory store is a fold over it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from memory_consumer.errors import Invalid
from memory_consumer.records.cdc import encode_key

#: Characters of a turn that are kept as context for the turn after it.
CONTEXT_CHARACTERS = 500

T = TypeVar("T", bound=BaseModel)

#: Whose words are learned, and whose help to understand them: what an assistant says is nothing to remember by
#: itself.
LEARNED_ROLES = frozenset({"user", "note"})
SPOKEN_ROLES = LEARNED_ROLES | {"assistant"}

#: `pending`: read, and to be learned when its window closes.
State = Literal["pending", "learned", "deleted", "dead"]


class _Frozen(BaseModel):
    # An error that shows its input would put what was said into a log.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Source(_Frozen):
    """A message that a fact rests on, at the revision that was read."""

    message_id: int
    revision: str


class Context(_Frozen):
    """The turn before, as it was when the record was written."""

    message_id: int
    revision: str
    text: str


class Fact(_Frozen):
    """One thing worth remembering."""

    text: str
    #: What stands before it in the same message; only helps to find it.
    preceding: str = ""
    hash: str
    sources: tuple[Source, ...]
    supersedes: tuple[str, ...] = ()
    said_at: datetime
    speaker: str | None = None
    lang: str


class FactsRecord(_Frozen):
    """All that was learned from one message; no facts is an answer too."""

    message_id: int
    user_id: str
    conversation_id: str
    role: str
    revision: str
    extractor: str
    state: State
    #: Ids of the messages that the extractor was given.
    window: tuple[int, ...] = ()
    facts: tuple[Fact, ...] = ()
    context: Context | None = None
    #: The end of the turn's text, from which the next turn takes its context; empty if it may not be used.
    said: str = ""
    #: Of what is learned in windows: when it was said, with the speaker's own offset, a digest of role and text,
    #: and the whole text of what a model may have to read (again).
    said_at: datetime | None = None
    content_hash: str = ""
    text: str = ""
    #: Offset of the event in the messages log (same partition), its commit in MySQL, and when it was learned.
    source_offset: int
    committed_at: datetime
    learned_at: datetime

    @property
    def cites(self) -> frozenset[int]:
        """Other messages whose text this record holds or rests on."""
        cited = {source.message_id for fact in self.facts for source in fact.sources}
        if self.context is not None:
            cited.add(self.context.message_id)
        return frozenset(cited - {self.message_id})


def fact_hash(text: str) -> str:
    """The identity of a fact's text: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fact_ref(extractor: str, hash_: str) -> str:
    """How a message's suppressions name a fact."""
    return f"{extractor}:{hash_}"


def names_another(refs: Iterable[str], extractor: str) -> bool:
    """Whether suppressions name another extractor's facts: it words them otherwise, so nobody can tell which."""
    return any(not ref.startswith(fact_ref(extractor, "")) for ref in refs)


def encode(record: FactsRecord) -> tuple[bytes, bytes]:
    """Key and value for the facts log."""
    return encode_key(record.message_id), record.model_dump_json().encode()


def decode(value: bytes) -> FactsRecord:
    """A record of the facts log. Raises Invalid, without quoting what it holds."""
    return decoded(FactsRecord, value)


def decoded(kind: type[T], value: bytes) -> T:
    """A record of either kind that the facts log holds. Raises Invalid, without quoting what it holds."""
    try:
        return kind.model_validate_json(value)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_context=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "record"
        raise Invalid(f"The facts record cannot be read: {field}: {first['type']}.") from exc
