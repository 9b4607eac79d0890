"""Ways to score: the one of the store, and each without one of its ingredients or with another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_chats import Chat
from memory_store import scoring
from memory_store.embed import CONTEXT_CHARACTERS
from memory_store.port import Embedder
from memory_store.wording import as_told
from memory_store.words import asked, numbered

Grid = NDArray[np.floating[Any]]

#: The usual constant of reciprocal rank fusion.
_RANKS = 60


@dataclass(frozen=True, slots=True)
class Way:
    """How memories are scored; as the store does it unless told otherwise."""

    name: str
    text: float = scoring.TEXT_WEIGHT
    words: float = scoring.WORDS_WEIGHT
    #: Questions in the words of who was remembered.
    told: bool = True
    #: Words of the memory alone, without the turn before.
    own_words: bool = False
    #: Words weighed by their rarity.
    rarity: bool = True
    #: Reciprocal ranks instead of what the parts come to.
    ranks: bool = False


WAYS = (
    Way("everything"),
    Way("without words", words=0.0),
    Way("without the vector of the text", text=0.0),
    Way("without the vector of the turn before", text=1.0),
    Way("words of the memory alone", own_words=True),
    Way("words all weigh the same", rarity=False),
    Way("questions as they were put", told=False),
    Way("reciprocal ranks", ranks=True),
    Way("words alone", words=1.0),
    Way("text vector alone", text=1.0, words=0.0),
)


class Remembering(Embedder):
    """An embedder that embeds no text twice."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[tuple[bool, str], NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dim(self) -> int:
        return self._embedder.dim

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors(False, texts, self._embedder.passages)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors(True, texts, self._embedder.queries)

    def _vectors(
        self, asked: bool, texts: Sequence[str], encode: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        missing = [text for text in dict.fromkeys(texts) if (asked, text) not in self._known]
        self._known.update(((asked, text), row) for text, row in zip(missing, encode(missing), strict=True))
        rows = [self._known[asked, text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dim)


def scores(chat: Chat, questions: Sequence[str], way: Way, embedder: Embedder) -> Grid:
    """(questions, memories): what each memory comes to for each question."""
    put = [as_told(each) if way.told else each for each in questions]
    in_context = [f"{m.context[-CONTEXT_CHARACTERS:]}\n{m.text}" if m.context else m.text for m in chat.memories]
    vectors = embedder.queries(put)
    by_text = vectors @ embedder.passages([memory.text for memory in chat.memories]).T
    by_context = vectors @ embedder.passages(in_context).T
    held = [numbered(text) for text in ([m.text for m in chat.memories] if way.own_words else in_context)]
    shares = _shares([asked(each, scoring.MOST_WORDS) for each in put], held, rarity=way.rarity)
    if way.ranks:
        parts = [1 / (_RANKS + _ranks(each)) for each in (by_text, by_context, shares)]
        return np.asarray(sum(parts), dtype=np.float64)
    cosines = way.text * by_text + (1 - way.text) * by_context
    return np.asarray((1 - way.words) * cosines + way.words * shares, dtype=np.float64)


def _shares(questions: Sequence[Sequence[int]], held: Sequence[Sequence[int]], *, rarity: bool) -> Grid:
    holders: dict[int, list[str]] = {}
    for at, words in enumerate(held):
        for word in words:
            holders.setdefault(word, []).append(str(at))
    found = np.zeros((len(questions), len(held)))
    for row, question in enumerate(questions):
        lists = [holders.get(word, []) for word in question]
        shares = scoring.shares(lists) if rarity else {}
        for memory, share in shares.items():
            found[row, int(memory)] = share
        for each in () if rarity else lists:
            for memory in each:
                found[row, int(memory)] += 1 / len(question)
    return found


def _ranks(grid: Grid) -> Grid:
    order = np.argsort(-grid, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(grid.shape[1])[None, :], axis=1)
    return ranks + 1.0
