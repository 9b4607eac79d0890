"""A window that is too long for one call, in slices that are not: nothing is left out unseen. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from memory_consumer.asking.tokens import estimated
from memory_consumer.asking.windows import Turn, Window
from memory_consumer.extractors.rules.sentences import pieces

#: With a compact prompt, known memories and an answer it fits the 4,096 tokens that Ollama gives a model by
#: default; what is beyond them it would leave out without a word.
MOST_TOKENS = 2_500
#: Turns of the slice before that a slice is understood by.
_BEFORE = 2


def slices(window: Window, most: int = MOST_TOKENS) -> Iterator[Window]:
    """The window in slices of at most about so many tokens, in order; turns longer than that are cut, too."""
    before: Sequence[Turn] = window.before
    for turns in _packed([piece for turn in window.turns for piece in _cut(turn, most)], most):
        yield replace(window, turns=tuple(turns), before=tuple(before))
        before = turns[-_BEFORE:]


def _packed(turns: Sequence[Turn], most: int) -> Iterator[list[Turn]]:
    packed: list[Turn] = []
    tokens = 0
    for turn in turns:
        tokens += estimated(turn.text)
        if packed and tokens > most:
            yield packed
            packed, tokens = [], estimated(turn.text)
        packed.append(turn)
    if packed:
        yield packed


def _cut(turn: Turn, most: int) -> list[Turn]:
    tokens = estimated(turn.text)
    if tokens <= most:
        return [turn]
    return [replace(turn, text=piece) for piece in pieces(turn.text, len(turn.text) * most // tokens)]
