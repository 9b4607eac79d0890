"""Where in a message a memory comes from: the sentences that share most with it. Pure."""

import re
from dataclasses import dataclass
from itertools import accumulate
from operator import or_

from memory_store.words import words

_SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?]+[」』）)\]\"'”’]*|\.(?=\s|$)|\n|$)", re.DOTALL)
#: Sentences that a passage may come to: a fact of a model may rest on several.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a content: from the character `start` to before `end`, without blanks around it."""

    start: int
    end: int


def passage(content: str, fact: str) -> Passage | None:
    """The part of a content that a fact is nearest to; None where they share nothing.

    That is the fact itself, where it stands there word for word; else the sentences, few and next to each other,
    which have most of the fact's words.
    """
    at = content.find(fact)
    if fact and at >= 0:
        return Passage(at, at + len(fact))
    wanted = set(words(fact))
    sentences = _sentences(content)
    held = [set(words(content[each.start : each.end])) & wanted for each in sentences]
    best, most = None, 0
    for first in range(len(sentences)):
        for count, shared in enumerate(accumulate(held[first : first + _MOST], or_)):
            # The first of the shortest: a longer one has to have more.
            if len(shared) > most or (len(shared) == most and best is not None and count < best[1] - best[0]):
                best, most = (first, first + count), len(shared)
    if best is None:
        return None
    return Passage(sentences[best[0]].start, sentences[best[1]].end)


def _sentences(content: str) -> list[Passage]:
    found = []
    for match in _SENTENCE.finditer(content):
        text = match[0]
        stripped = text.strip()
        if stripped:
            start = match.start() + len(text) - len(text.lstrip())
            found.append(Passage(start, start + len(stripped)))
    return found
