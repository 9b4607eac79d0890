"""Windows: the messages of a user that are learned in one go, and what finds facts in them. Pure.

A language model is asked once for a window, so it costs a tenth of asking for each message, and it reads each
message with those around it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """A message as a window shows it; `said_at` has the speaker's own offset."""

    message_id: int
    conversation_id: str
    role: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A memory that the user has already; `id` is its point's."""

    id: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """What an extractor is given: turns to learn from, turns before them to understand them by, memories near."""

    user_id: str
    turns: tuple[Turn, ...]
    before: tuple[Turn, ...] = ()
    known: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A fact found in a window; it rests on `sources`, message ids of the window, never none."""

    text: str
    sources: tuple[int, ...]
    lang: str
    #: Ids of known memories that it replaces, as what they say is no longer so.
    supersedes: tuple[str, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The pending messages of a user: how many, about how many tokens, and since when the last one waits."""

    user_id: str
    messages: int
    tokens: int
    since: datetime


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """When a window closes: sooner is fresher, later is cheaper."""

    idle: timedelta = timedelta(seconds=5)
    messages: int = 10
    tokens: int = 2000
    #: Messages that are learned in one call where more wait than a window needs: a backlog costs fewer calls.
    most: int = 20

    def closes(self, waiting: Waiting, now: datetime) -> bool:
        """Whether what waits is to be learned now: enough of it, or nothing more came for a while."""
        full = waiting.messages >= self.messages or waiting.tokens >= self.tokens
        return full or now - waiting.since >= self.idle


class WindowExtractor(Protocol):
    """Finds facts in windows. Safe to call from several threads."""

    @property
    def version(self) -> str:
        """Names this behaviour: model, prompt and parsing."""

    def extract(self, window: Window) -> tuple[Found, ...]:
        """The facts of a window, in order; none is an answer too.

        Raises Transient where the model is away or asks to wait, Invalid where its answer cannot be used.
        """
