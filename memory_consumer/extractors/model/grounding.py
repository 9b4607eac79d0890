"""What of a model's drafts is learned: facts that rest on what the user said and that are not known yet. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from memory_consumer.asking.windows import Found, Known, Turn, Window
from memory_consumer.errors import Invalid
from memory_consumer.extractors.model.answer import Draft
from memory_consumer.extractors.offline import language
from memory_consumer.extractors.rules.sentences import pieces
from memory_consumer.extractors.rules.speakers import turns as turns_of
from memory_consumer.records.facts import LEARNED_ROLES

#: Longer ones are split at their sentence ends.
MOST_CHARACTERS = 1_000
#: Facts of a turn at most, on the average: a model that cannot stop would fill the memory.
MOST_PER_TURN = 20
#: From this share of common character bigrams on, a text may say the same as another one.
_ALIKE = 0.85

#: Gives the relative time words of a text their dates, as of when it was said.
Dated = Callable[[str, datetime], str]

_WORD = re.compile(r"[a-z0-9]+|[\u30a0-\u30ff]+|[\u4e00-\u9fff]+")
#: But for what stands within a number: 3.5 is not 35.
_PUNCTUATION = re.compile(r"(?<!\d)[\W_]+|[\W_]+(?!\d)")
_NEGATION = re.compile(r"\b(?:no|not|never|without|stopped|quit)\b|n't\b|ない|なかった|ません|やめ")


def found(drafts: Iterable[Draft], window: Window, dated: Dated) -> tuple[Found, ...]:
    """The facts of a window, each with its sources, in the order of the drafts and without doubles.

    Raises Invalid for so many that they cannot rest on what was said.
    """
    drafts = tuple(drafts)
    if len(drafts) > MOST_PER_TURN * len(window.turns) + MOST_PER_TURN:
        raise Invalid("The language model found far more than was said.")
    facts = without_doubles(fact for draft in drafts for fact in _facts(draft, window, dated))
    return tuple(fact for fact in facts if not _repeats(fact, window.known))


def without_doubles(facts: Iterable[Found]) -> tuple[Found, ...]:
    """Facts of equal words as one, which rests on the sources of all."""
    joined: dict[str, Found] = {}
    for fact in facts:
        key = _normal(fact.text)
        joined[key] = _both(joined[key], fact) if key in joined else fact
    return tuple(joined.values())


def _facts(draft: Draft, window: Window, dated: Dated) -> Iterator[Found]:
    sources = _sources(draft, window.turns)
    known = window.known
    supersedes = tuple(known[number].id for number in draft.supersedes if number < len(known))
    for piece in pieces(draft.text, MOST_CHARACTERS) if sources else ():
        text = _dated(piece, sources, dated)
        if not _normal(text):
            continue
        yield Found(
            text=text,
            sources=tuple(dict.fromkeys(turn.message_id for turn in sources)),
            lang=language(text),
            supersedes=supersedes,
            speaker=_speaker(sources),
        )


def _dated(text: str, sources: Sequence[Turn], dated: Dated) -> str:
    """With dates for time words, where all that the user said of it was said on one day: else whose are they?"""
    said_at = [turn.said_at for turn in sources if turn.role in LEARNED_ROLES]
    return dated(text, said_at[-1]) if len({each.date() for each in said_at}) == 1 else text


def _sources(draft: Draft, turns: Sequence[Turn]) -> list[Turn]:
    """The turns that a draft rests on; none where the user said none of them."""
    said = [turn for turn in turns if turn.role in LEARNED_ROLES]
    cited = [turn for number, turn in enumerate(turns, start=1) if number in draft.sources]
    if not cited:
        return [] if draft.about_assistant else said
    return cited if any(turn.role in LEARNED_ROLES for turn in cited) else []


def _speaker(sources: Sequence[Turn]) -> str | None:
    """Who said it, where all that is cited and learned begins with one and the same name."""
    names = {spoken.speaker for turn in sources if turn.role in LEARNED_ROLES for spoken in turns_of(turn.text)}
    return names.pop() if len(names) == 1 else None


def _both(one: Found, other: Found) -> Found:
    return replace(
        one,
        sources=tuple(sorted({*one.sources, *other.sources})),
        supersedes=tuple(dict.fromkeys((*one.supersedes, *other.supersedes))),
    )


def _repeats(fact: Found, known: Iterable[Known]) -> bool:
    """Whether a memory says it already, and the fact replaces no other one."""
    alike = {each.id for each in known if says_the_same(fact.text, each.text)}
    return bool(alike) and alike.issuperset(fact.supersedes)


def says_the_same(text: str, known: str) -> bool:
    """Whether a text adds nothing to a known one: equal, or nearly so without a new word, number or negation."""
    new, old = _normal(text), _normal(known)
    if new == old:
        return True
    words, old_words = set(_WORD.findall(_folded(text))), set(_WORD.findall(_folded(known)))
    negated = Counter(_NEGATION.findall(_folded(text))) != Counter(_NEGATION.findall(_folded(known)))
    return words <= old_words and not negated and _overlap(new, old) >= _ALIKE


def _overlap(one: str, other: str) -> float:
    """Dice's coefficient of the character bigrams, 0 to 1. https://doi.org/10.2307/1932409"""
    pairs, others = (Counter(pairwise(text)) for text in (one, other))
    both = pairs.total() + others.total()
    return 2 * (pairs & others).total() / both if both else 0.0


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _normal(text: str) -> str:
    return _PUNCTUATION.sub("", _folded(text))
