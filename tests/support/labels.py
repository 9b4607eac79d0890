"""Messages labelled by hand (tests/data/offline_labels.jsonl), and how well an extractor does on them.

What tells something of the user, their people, things, work, plans, tastes and feelings, or how they want to be
answered, stands in ⟦ ⟧, sentence by sentence. Greetings, thanks, fillers, reactions, bare questions, instructions
and texts to be worked on stand outside. Held out are every third of the first 354 and the last 60: no rule was
written after looking at what the extractor makes of them, and the last 60 were written after the rules.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_LABELS = Path(__file__).parent.parent / "data" / "offline_labels.jsonl"
_MARKED = re.compile(r"⟦([^⟧]*)⟧|([^⟦]+)")
_AFTER_NAME = re.compile(r"^[^:：]*[:：]\s*")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a message that is to be kept, or one that is to be left out."""

    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with its label."""

    language: str
    held_out: bool
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The message as it was said."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Score:
    """Stretches to be kept that were, stretches kept that should not have been, and the other way round."""

    right: int
    too_much: int
    missed: int

    @property
    def precision(self) -> float:
        """Of the stretches kept, the share that is worth it."""
        return self.right / (self.right + self.too_much)

    @property
    def recall(self) -> float:
        """Of the stretches worth keeping, the share that is kept."""
        return self.right / (self.right + self.missed)


def labelled() -> list[Labelled]:
    """All of them, in the order of the file."""
    return [_labelled(json.loads(line)) for line in _LABELS.read_text(encoding="utf-8").splitlines()]


def score(messages: Iterable[Labelled], extract: Callable[[str], Sequence[str]]) -> Score:
    """Counts every stretch with a word in it; it is kept if more than half of its letters are."""
    judged = [judged for message in messages for judged in _judged(message, extract(message.text))]
    return Score(
        right=sum(part.kept and found for part, found in judged),
        too_much=sum(not part.kept and found for part, found in judged),
        missed=sum(part.kept and not found for part, found in judged),
    )


def wrong(message: Labelled, extracted: Sequence[str]) -> list[Part]:
    """The stretches that were kept and should not have been, or the other way round."""
    return [part for part, found in _judged(message, extracted) if part.kept != found]


def _judged(message: Labelled, extracted: Sequence[str]) -> list[tuple[Part, bool]]:
    covered = _covered(message.text, extracted)
    judged, position = [], 0
    for part in message.parts:
        letters = [position + match.start() for match in _WORD.finditer(part.text)]
        if letters:
            judged.append((part, 2 * sum(covered[letter] for letter in letters) > len(letters)))
        position += len(part.text)
    return judged


def _covered(text: str, extracted: Sequence[str]) -> list[bool]:
    covered = [False] * len(text)
    for each in extracted:
        # A later sentence is given with who says it, which stands only before the first.
        passage = each if each in text else _AFTER_NAME.sub("", each)
        start = text.index(passage)
        covered[start : start + len(passage)] = [True] * len(passage)
    return covered


def _labelled(line: dict[str, object]) -> Labelled:
    marked = _MARKED.findall(str(line["message"]))
    parts = tuple(Part(kept or left, bool(kept)) for kept, left in marked)
    return Labelled(str(line["language"]), bool(line["held_out"]), parts)
