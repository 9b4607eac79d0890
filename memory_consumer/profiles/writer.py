"""Profiles in a language model's words: what it is shown, and what of its answer is kept. Pure.

It is shown facts and the lines it wrote before, never messages, so that whatever it says rests on facts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memory_consumer.asking.grounds import unsaid
from memory_consumer.asking.tokens import estimated
from memory_consumer.profiles.choice import ranked, shortened
from memory_consumer.profiles.record import BUDGET_TOKENS, LINE_TOKENS, Line, Told, line

#: Characters of all that is shown, and of that the lines written before.
SHOWN_CHARACTERS = 1_300
_LINES_CHARACTERS = 700
#: Of one fact or line, and what its number and its date take.
_ITEM_TOKENS = 40
_MARK_CHARACTERS = 18


@dataclass(frozen=True, slots=True)
class Item:
    """A fact, or a line of the present profile with the facts that it rests on."""

    text: str
    said_at: datetime
    told: tuple[Told, ...]


class ProfileWriter(Protocol):
    """Writes profiles. Safe to call from several threads."""

    @property
    def author(self) -> str:
        """Names this behaviour: model and prompt."""

    def write(self, items: Sequence[Item]) -> tuple[Line, ...]:
        """The lines of a profile, each resting on items, the most important first.

        Raises Transient where the model is away or asks to wait, Invalid where its answer cannot be used.
        """


def shown(told: Sequence[Told], lines: Iterable[Line]) -> tuple[Item, ...]:
    """What a model is shown of a user: its lines that stand, then other facts as a profile is chosen from them."""
    items = list(_fitting(_of_lines(told, lines), _LINES_CHARACTERS))
    taken = {each.cited for item in items for each in item.told}
    facts = (Item(shortened(each.text, _ITEM_TOKENS), each.said_at, (each,)) for each in ranked(told))
    left = SHOWN_CHARACTERS - sum(map(_characters, items))
    return (*items, *_fitting((item for item in facts if item.told[0].cited not in taken), left))


def within_budget(written: Iterable[tuple[str, Sequence[int]]], items: Sequence[Item]) -> tuple[Line, ...]:
    """Lines as a model wrote them, with the numbers (from 1) of the items that they rest on.

    One that rests on nothing that was shown is left out: it could not be taken back with what it came from.
    """
    lines: list[Line] = []
    budget = BUDGET_TOKENS
    for text, numbers in written:
        cited = [items[number - 1] for number in numbers if 1 <= number <= len(items)]
        others = {at: item.text for at, item in enumerate(items) if item not in cited}
        cited += [items[at] for at in unsaid(text, [item.text for item in cited], others)] if cited else []
        told = list({each.cited: each for item in cited for each in item.told}.values())
        short = shortened(text, _ITEM_TOKENS)
        cost = estimated(short) + LINE_TOKENS
        if told and short and cost <= budget and all(short != each.text for each in lines):
            budget -= cost
            lines.append(line(short, told))
    return tuple(lines)


def _of_lines(told: Sequence[Told], lines: Iterable[Line]) -> Iterator[Item]:
    standing = {each.cited: each for each in told}
    for each in lines:
        if all(cited in standing for cited in each.facts):
            yield Item(each.text, each.said_at, tuple(standing[cited] for cited in each.facts))


def _fitting(items: Iterable[Item], characters: int) -> Iterator[Item]:
    for item in items:
        characters -= _characters(item)
        if characters < 0:
            return
        yield item


def _characters(item: Item) -> int:
    return len(item.text) + _MARK_CHARACTERS
