"""What a message quotes: code in fences and lines behind `>` are others' words. Pure."""

import re

_FENCE = "```"
_QUOTED_LINES = re.compile(r"^>.*\n?", re.MULTILINE)

#: A stretch of a text: where it starts and ends.
Stretch = tuple[int, int]


def own_words(text: str) -> list[Stretch]:
    """The stretches of a message that are neither fenced code nor quoted lines."""
    return [own for outside in _outside_fences(text) for own in _outside_quotes(text, *outside)]


def _outside_fences(text: str) -> list[Stretch]:
    marks = [match.start() for match in re.finditer(_FENCE, text)]
    closed = list(zip(marks[::2], marks[1::2], strict=False))
    starts = [0, *(end + len(_FENCE) for _, end in closed)]
    ends = [*(start for start, _ in closed), len(text)]
    return list(zip(starts, ends, strict=True))


def _outside_quotes(text: str, start: int, end: int) -> list[Stretch]:
    quoted = [match.span() for match in _QUOTED_LINES.finditer(text, start, end)]
    starts = [start, *(stop for _, stop in quoted)]
    ends = [*(begun for begun, _ in quoted), end]
    return list(zip(starts, ends, strict=True))
