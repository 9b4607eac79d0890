"""What a language model is asked: a window's messages, numbered under their dates, and what to do with them. Pure.

Two prompts of one schema: a compact one of ours, in Japanese for Japanese windows and in English for others, and
what Mem0's own is told in addition, since it knows neither sources nor memories that are no longer so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memory_consumer.asking.windows import Known, Turn, Window
from memory_consumer.extractors.model.compact import ENGLISH, JAPANESE, Wording
from memory_consumer.extractors.offline import language
from memory_consumer.records.facts import LEARNED_ROLES

#: Of a turn before the window, as Mem0 cuts it.
_BEFORE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two messages that a model is sent."""

    system: str
    user: str

    @property
    def characters(self) -> int:
        """How long it is."""
        return len(self.system) + len(self.user)


#: Makes the prompt of a window.
Prompting = Callable[[Window], Prompt]


def compact(window: Window) -> Prompt:
    """Our own prompt, of less than 3,000 characters before the messages, in the language of the window."""
    wording = JAPANESE if spoken(window) == "ja" else ENGLISH
    return Prompt(wording.instructions, "\n".join(_sections(window, wording)))


def spoken(window: Window) -> str:
    """The language that the user speaks in a window."""
    return language("\n".join(turn.text for turn in window.turns if turn.role in LEARNED_ROLES))


def numbered(turns: Sequence[Turn]) -> str:
    """Turns with their numbers from 1, local times, roles and texts, under local date, offset and conversation."""
    return "\n".join(_lines(turns, [f"[{number}]" for number in range(1, len(turns) + 1)]))


def earlier(turns: Sequence[Turn]) -> str:
    """The same without numbers, as these cannot be cited, each cut to 300 characters."""
    short = [replaced(turn, _cut(turn.text)) for turn in turns]
    return "\n".join(_lines(short, ["-"] * len(short)))


def memory_line(known: Known) -> str:
    """An existing memory and the local date it was said on."""
    return f"{known.text} ({known.said_at:%Y-%m-%d})"


def local_dates(turns: Sequence[Turn]) -> str:
    """The days on which turns were said where their speakers were: one date, or the first and the last."""
    dates = sorted({f"{turn.said_at:%Y-%m-%d}" for turn in turns})
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def replaced(turn: Turn, text: str) -> Turn:
    """A turn with another text."""
    return Turn(turn.message_id, turn.conversation_id, turn.role, text, turn.said_at)


def _sections(window: Window, wording: Wording) -> Iterator[str]:
    if window.known:
        yield wording.known
        yield from (f"{number}. {_flat(memory_line(known))}" for number, known in enumerate(window.known))
        yield ""
    if window.before:
        yield from (wording.before, earlier(window.before), "")
    yield from (wording.messages, numbered(window.turns), "", wording.ending)


def _lines(turns: Sequence[Turn], marks: Sequence[str]) -> Iterator[str]:
    names = {name: _letter(at) for at, name in enumerate(dict.fromkeys(turn.conversation_id for turn in turns))}
    heads = [_head(turn, names[turn.conversation_id]) for turn in turns]
    fresh = [True, *(one != other for one, other in pairwise(heads))]
    for turn, mark, head, is_fresh in zip(turns, marks, heads, fresh, strict=False):
        if is_fresh:
            yield head
        yield f"{mark} {turn.said_at:%H:%M} {turn.role}: {_indented(turn.text)}"


def _head(turn: Turn, conversation: str) -> str:
    day = turn.said_at
    # Not %a, which speaks the language of the machine.
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day.weekday()]
    offset = day.isoformat(timespec="minutes")[len("2025-06-03T00:20") :]
    return f"# {day:%Y-%m-%d} {weekday}, UTC{offset}, conversation {conversation}"


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")  # noqa: PLR2004  letters


def _indented(text: str) -> str:
    # A line of a message must not pass for a message of its own.
    return text.strip().replace("\n", "\n  ")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text if len(text) <= _BEFORE_CHARACTERS else f"{text[:_BEFORE_CHARACTERS]}…"
