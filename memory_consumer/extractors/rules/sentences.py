"""Where the sentences of a message begin and end. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Stops within brackets and quotes (「行く。」と言った) end no sentence, unless they hold whole paragraphs.
_ENCLOSED = re.compile(r"[「『（(\[“][^「『（(\[“」』）)\]”\n]{0,200}[」』）)\]”]")
_END = re.compile(
    r"(?:[。！？!?]+|\.+(?=[\s\"'”’)\]]|$)|\n)"
    r"[。！？!?.…」』）)\]\"'”’♪～〜\u2600-\u27bf\U0001f300-\U0001faff\ufe0f\u200d]*"
)
_LAST_WORD = re.compile(r"[A-Za-z0-9.]+\Z")
_WORD_CHARACTERS = 12
_NEVER_LAST = (
    "mr mrs ms dr prof st vs e.g i.e cf no fig approx dept inc ltd jr sr mt"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
)
_ABBREVIATIONS = frozenset(_NEVER_LAST.split())
#: These end a sentence only where the next word is capital.
_MAYBE_LAST = frozenset({"a.m", "p.m", "etc", "u.s", "u.k", "al"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, without blanks around it."""

    start: int
    end: int


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Piece]:
    """The sentences between two places of a text, in order; nothing but blanks stands between them."""
    end = len(text) if end is None else end
    found, begun = [], start
    for stop in (*_stops(text, start, end), end):
        piece = trimmed(text, begun, stop)
        if piece is not None:
            found.append(piece)
        begun = stop
    return found


def pieces(text: str, limit: int) -> list[str]:
    """A text in pieces of at most `limit` characters, cut at sentence ends where there are any."""
    found: list[Piece] = []
    for sentence in sentences(text):
        for start in range(sentence.start, sentence.end, limit):
            end = min(sentence.end, start + limit)
            if found and end - found[-1].start <= limit:
                found[-1] = Piece(found[-1].start, end)
            else:
                found.append(Piece(start, end))
    return [text[piece.start : piece.end].strip() for piece in found]


def trimmed(text: str, start: int, end: int) -> Piece | None:
    """A stretch without the blanks around it; None if there is nothing else."""
    inner = text[start:end]
    lead = len(inner) - len(inner.lstrip())
    stripped = inner.strip()
    return Piece(start + lead, start + lead + len(stripped)) if stripped else None


def _stops(text: str, start: int, end: int) -> Iterator[int]:
    enclosed = _ENCLOSED.finditer(text, start, end)
    current = next(enclosed, None)
    for match in _END.finditer(text, start, end):
        while current is not None and current.end() <= match.start():
            current = next(enclosed, None)
        inside = current is not None and current.start() < match.start()
        if not inside and not _is_abbreviation(text, match):
            yield match.end()


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    if match[0][0] != ".":
        return False
    begun = max(0, match.start() - _WORD_CHARACTERS)
    found = _LAST_WORD.search(text, begun, match.start())
    if found is None:
        return False
    word = found[0].casefold()
    if word in _MAYBE_LAST:
        return not text[match.end() : match.end() + 2].strip()[:1].isupper()
    opens_its_line = found.start() == 0 or text[found.start() - 1] == "\n"
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    return word in _ABBREVIATIONS or is_initial or (word.isdigit() and opens_its_line)
