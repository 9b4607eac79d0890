"""Which facts matter most, told without a model: those said more than once, and those said last. Pure.

The choice is a function of the facts alone: not of the time, of the order they come in, or of what was chosen
before.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from memory_consumer.asking.tokens import estimated
from memory_consumer.profiles.record import BUDGET_TOKENS, LINE_TOKENS, Line, Told, line

AUTHOR = "choice-1"

#: Tokens of the longest line: so that a profile tells several things.
_MOST_TOKENS = 40
#: Facts that are looked at, the latest: one very long message has more than a thousand.
_MOST_FACTS = 300
#: Characters of a fact by which it is compared.
_COMPARED_CHARACTERS = 200
#: Share of what two facts are made of that both must have. At a half, "green tea" would confirm "black tea".
_NEAR = 0.6

_SENTENCE_END = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)")
_WORD_END = re.compile(r"(?<=[、,，;；])|(?=\s)")
_JAPANESE = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
_WORDS = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|[^\W_]+(?:['’][^\W_]+)*")
_HIRAGANA = re.compile(r"[\u3040-\u309f]+")
_SELF = re.compile(r"(?:私|僕|俺)(?:たち)?(?:は|も|が|の)?")
_NUMBER = re.compile(r"\d+")
_NOT = re.compile(r"n['’]t\b|\bnot\b|\bnever\b|\bno longer\b|ない|なかった|なく|ません")
_COMMON_WORDS = (
    "a an the i im i'm i've i'd my me we our us you your he she it its it's they them his her their this that"
    " these those is am are was were be been being do does did have has had and or but so if to of in on at for"
    " with from by as very really just also too still now there here not no never will would can could like"
    " likes don't doesn't didn't isn't wasn't"
)
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(slots=True)
class _Group:
    """Facts that say nearly the same; `latest` speaks for them."""

    latest: Told
    said_in: set[int] = field(default_factory=set)


def chosen(told: Iterable[Told], budget_tokens: int = BUDGET_TOKENS) -> tuple[Line, ...]:
    """The lines of a profile, within a budget: in turn what was said most often and what was said last.

    Of facts that say nearly the same the latest is told. Long ones are shortened at the end of a sentence.
    """
    lines: list[Line] = []
    for each in ranked(told):
        if budget_tokens <= LINE_TOKENS:
            break
        text = shortened(each.text)
        cost = estimated(text) + LINE_TOKENS
        if text and cost <= budget_tokens and all(text != other.text for other in lines):
            budget_tokens -= cost
            lines.append(line(text, [each]))
    return tuple(lines)


def ranked(told: Iterable[Told]) -> Iterator[Told]:
    """The facts in the order in which they matter; of those that say nearly the same only the latest."""
    for group in _in_turn(_groups(told)):
        yield group.latest


def shortened(text: str, most_tokens: int = _MOST_TOKENS) -> str:
    """A text in one line, cut at the last end of a sentence within a number of tokens, else of a word."""
    whole = " ".join(text.split())
    if estimated(whole) <= most_tokens:
        return whole
    # A token has at most four characters.
    head = whole[: 4 * most_tokens]
    for ends, mark in ((_SENTENCE_END, ""), (_WORD_END, "…")):
        cuts = [head[: end.start()] + mark for end in ends.finditer(head)]
        fitting = [cut for cut in cuts if cut != mark and estimated(cut) <= most_tokens]
        if fitting:
            return fitting[-1]
    return whole[: most_tokens - 1] + "…"


def _in_turn(groups: Sequence[_Group]) -> Iterator[_Group]:
    """Each group once: the most often said and the latest said by turns. Groups come latest first."""
    confirmed = sorted((each for each in groups if len(each.said_in) > 1), key=lambda each: -len(each.said_in))
    taken: set[int] = set()
    for pair in zip_longest(confirmed, groups):
        for group in pair:
            if group is not None and id(group) not in taken:
                taken.add(id(group))
                yield group


def _groups(told: Iterable[Told]) -> list[_Group]:
    """Facts that say nearly the same together, the latest said first."""
    groups: list[_Group] = []
    sizes: list[int] = []
    having: dict[str, list[int]] = {}
    for each in sorted(told, key=_age, reverse=True)[:_MOST_FACTS]:
        marks = _marks(each)
        found = _nearest(marks, having, sizes)
        if found is None:
            found = len(groups)
            groups.append(_Group(each))
            sizes.append(len(marks))
            for mark in marks:
                having.setdefault(mark, []).append(found)
        groups[found].said_in.add(each.cited.message_id)
    return groups


def _nearest(marks: frozenset[str], having: dict[str, list[int]], sizes: Sequence[int]) -> int | None:
    shared = Counter(group for mark in marks for group in having.get(mark, ()))
    alike = {
        group: count / (len(marks) + sizes[group] - count)
        for group, count in shared.items()
        if count >= _NEAR * len(marks)
    }
    best = min(alike, key=lambda group: (-alike[group], group), default=None)
    return best if best is not None and alike[best] >= _NEAR else None


def _marks(told: Told) -> frozenset[str]:
    """What a fact is compared by: the words that carry it, of Japanese the pairs of characters.

    Facts of two speakers share nothing, nor do those with other numbers, nor a fact and its denial.
    """
    text = unicodedata.normalize("NFKC", told.text[:_COMPARED_CHARACTERS]).casefold()
    numbers = sorted(set(_NUMBER.findall(text)))
    kind = f"{told.speaker or ''}\0{'not' if _NOT.search(text) else ''}\0{numbers}\0"
    words = _WORDS.findall(_SELF.sub(" ", text))
    pairs = [pair for word in words if _JAPANESE.fullmatch(word) for pair in _pairs(word)]
    others = [word for word in words if not _JAPANESE.fullmatch(word)]
    # Of Japanese the pairs of kana alone are endings; of English the commonest words carry nothing.
    carrying = [pair for pair in pairs if not _HIRAGANA.fullmatch(pair)]
    carrying += [_stem(word) for word in others if word not in _COMMON]
    return frozenset(kind + mark for mark in carrying or [*pairs, *others, text])


def _pairs(word: str) -> list[str]:
    return [word[at : at + 2] for at in range(len(word) - 1)] or [word]


def _stem(word: str) -> str:
    # Only the plural: "cats" confirms "cat".
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word  # noqa: PLR2004


def _age(told: Told) -> tuple[object, ...]:
    return told.said_at, told.cited.message_id, told.cited.hash
