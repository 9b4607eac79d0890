"""What a reply is made from, within its budgets of tokens. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Literal

from openai.types.chat import ChatCompletionMessageParam

from chat_api.chat.tokens import estimated
from chat_api.messages import Message, answered_by
from chat_api.recall.profile import KnownLine
from chat_api.recall.recollection import Recollection

#: How much of each thing remembered goes into a prompt or an offline answer.
_LINE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """Something remembered and when it was said."""

    said_at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.said_at:%Y-%m-%d}: {shortened(self.text)}"


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the conversation so far."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a reply is made from."""

    message: str
    now: datetime
    turns: Sequence[Turn] = ()
    #: What matters most about the user, whatever the message is about.
    known: Sequence[Line] = ()
    remembered: Sequence[Line] = ()
    recent: Sequence[Line] = ()
    #: Who the assistant is and how it answers; None is as the settings say.
    system: str | None = None

    @property
    def remembers(self) -> bool:
        """Whether there is anything to tell of the user."""
        return bool(self.known or self.remembered or self.recent)


def messages(system: str, prompt: Prompt) -> list[ChatCompletionMessageParam]:
    """The prompt as a language model's server takes it."""
    told: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": f"{prompt.system or system}\n\n{notes(prompt)}"}
    ]
    for turn in prompt.turns:
        if turn.role == "user":
            told.append({"role": "user", "content": turn.content})
        else:
            told.append({"role": "assistant", "content": turn.content})
    told.append({"role": "user", "content": prompt.message})
    return told


def notes(prompt: Prompt) -> str:
    """What is remembered, with its dates and the present time, as a model is told it."""
    parts = [f"Now: {prompt.now:%Y-%m-%d %H:%M %Z}."]
    for title, lines in (
        ("What you know about the user:", prompt.known),
        ("What you remember, most relevant first:", prompt.remembered),
        ("What was said most recently:", prompt.recent),
    ):
        if lines:
            parts.append("\n".join([title, *(f"- {line}" for line in lines)]))
    return "\n\n".join(parts)


def fitting(rows: Sequence[Message], most_tokens: int) -> dict[int, Turn]:
    """The latest turns that come to no more tokens than that, by their ids; a reply follows what it answers."""
    costs = accumulate(estimated(row.content) for row in reversed(rows))
    count = sum(1 for _ in takewhile(lambda cost: cost <= most_tokens, costs))
    turns: dict[int, Turn] = {}
    for row in in_told_order(rows[len(rows) - count :]):
        if row.role == "user" or row.role == "assistant":  # noqa: PLR1714  mypy narrows these one by one
            turns[row.id] = Turn(row.role, row.content)
    return turns


def in_told_order(rows: Sequence[Message]) -> list[Message]:
    """Rows as they were written, but each reply behind what it answers, where two were asked for at once."""
    questions = {row.id for row in rows if row.role == "user"}
    replies: Mapping[int | None, list[Message]] = defaultdict(list)
    others: list[Message] = []
    for row in rows:
        answered = answered_by(row) if row.role == "assistant" else None
        (replies[answered] if answered in questions else others).append(row)
    return [each for row in others for each in (row, *replies.get(row.id, ()))]


def within(found: Recollection, most_tokens: int) -> Recollection:
    """What of a recollection comes to no more tokens than that: memories first, then what is pending."""
    lines = [Line(one.memory.said_at, one.memory.text) for one in found.memories]
    lines += [Line(row.said_at, row.content) for row in found.pending]
    costs = accumulate(estimated(f"- {line}\n") for line in lines)
    count = sum(1 for _ in takewhile(lambda cost: cost <= most_tokens, costs))
    of_memories = min(count, len(found.memories))
    return replace(found, memories=found.memories[:of_memories], pending=found.pending[: count - of_memories])


def remembered(found: Recollection) -> list[Line]:
    """The memories, as lines of a prompt."""
    return [Line(one.memory.said_at, one.memory.text) for one in found.memories]


def recent(found: Recollection, without: Collection[int]) -> list[Line]:
    """What a user said too recently to be learned, but for these messages, as lines of a prompt."""
    return [
        Line(row.said_at, row.content)
        for row in found.pending
        if row.id not in without and row.role in ("user", "note")
    ]


def known(lines: Sequence[KnownLine]) -> list[Line]:
    """What matters most about a user, as lines of a prompt."""
    return [Line(line.said_at, line.text) for line in lines]


def shortened(text: str) -> str:
    """The text on one line, cut where it is long."""
    words = " ".join(text.split())
    return words if len(words) <= _LINE_CHARACTERS else f"{words[:_LINE_CHARACTERS]}…"
