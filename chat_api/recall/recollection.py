"""What recall is asked, and what it comes to. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from chat_api.messages import Message, pins
from chat_api.recall.filters import RowFilter
from memory_store.models import Memory


@dataclass(frozen=True, slots=True)
class Question:
    """What to recall for a user. Times bound when it was said: from `since` on, before `until`."""

    user_id: str
    limit: int
    query: str | None = None
    #: What each memory must come to; None asks the best alone to reach the recaller's own bound for its language.
    min_score: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    conversation_id: str | None = None
    #: A message that is left out: the question itself, where it was just written as a row.
    without: int | None = None
    #: Also what later memories have superseded.
    history: bool = False
    #: What the messages have to be.
    rows: RowFilter = field(default_factory=RowFilter)

    def covers(self, said_at: datetime, conversation_id: str) -> bool:
        """Whether something said then and there may be in the answer."""
        return (
            (self.since is None or said_at >= self.since)
            and (self.until is None or said_at < self.until)
            and self.conversation_id in (None, conversation_id)
        )


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory whose sources still say what it was learned from."""

    memory: Memory
    sources: tuple[Message, ...]
    score: float | None = None
    #: The memories that stand in its place, the latest said first.
    superseded_by: tuple[str, ...] = ()

    @property
    def row(self) -> Message:
        """The message that it is filed under, the latest of its sources."""
        return next((row for row in self.sources if row.id == self.memory.message_id), self.sources[-1])

    @property
    def pinned(self) -> bool:
        """Whether the user pinned it: then nothing takes its place by itself."""
        return pins(self.row.pinned, self.memory.extractor, self.memory.hash)


@dataclass(frozen=True, slots=True)
class Recollection:
    """What a recall came to; `timings` in milliseconds."""

    memories: tuple[Remembered, ...] = ()
    pending: tuple[Message, ...] = ()
    degraded: bool = False
    cursor: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
