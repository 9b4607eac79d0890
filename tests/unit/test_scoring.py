"""The score: cosines and the share of words, and what need not be looked at."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.points import Scores
from memory_store.scoring import COMMON, reachable, score, shares


def test_a_score_is_nine_parts_of_words_and_the_rest_cosines() -> None:
    assert score(0.8, 0.4, 0.5) == pytest.approx(0.91 * (0.25 * 0.8 + 0.75 * 0.4) + 0.09 * 0.5)


def test_a_score_is_at_most_one() -> None:
    assert score(1.0000002, 1.0000001, 1.0000001) == 1.0


def test_a_memory_with_all_words_has_all_of_the_share() -> None:
    assert shares([["a"], ["a", "b"]])["a"] == pytest.approx(1.0)


def test_a_rare_word_weighs_more() -> None:
    rare, frequent = log(1 + 100 / 1.5), log(1 + 100 / 4.5)

    assert shares([["a"], ["b", "c", "d", "e"]])["a"] == pytest.approx(rare / (rare + frequent))


def test_a_word_that_nobody_said_weighs_most_and_is_missing() -> None:
    unknown, known = log(1 + 100 / 0.5), log(1 + 100 / 1.5)

    assert shares([[], ["a"]]) == {"a": pytest.approx(known / (unknown + known))}


def test_a_common_word_counts_for_nothing() -> None:
    everywhere = [str(number) for number in range(COMMON + 1)]

    assert shares([everywhere]) == {}
    assert shares([everywhere, ["a"]]) == {"a": pytest.approx(1.0)}


def test_no_words_share_nothing() -> None:
    assert shares([]) == {}
    assert shares([[]]) == {}


_COSINES = st.dictionaries(st.sampled_from("abcdefghij"), st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1)


@given(
    _COSINES, st.dictionaries(st.sampled_from("abcdefghij"), st.floats(0, 1)), st.integers(1, 4), st.integers(1, 9)
)
def test_what_cannot_be_reached_is_never_among_the_best(
    cosines: dict[str, tuple[float, float]], shared: Scores, limit: int, near: int
) -> None:
    by_text = _nearest({each: both[0] for each, both in cosines.items()}, near)
    by_context = _nearest({each: both[1] for each, both in cosines.items()}, near)
    looked_at = by_text.keys() | by_context.keys() | reachable(by_text, by_context, shared, limit)
    every = {each: score(*both, shared.get(each, 0.0)) for each, both in cosines.items()}
    least = sorted(every.values(), reverse=True)[:limit][-1]

    assert {each for each, found in every.items() if found > least and each in shared} <= looked_at


def _nearest(scores: Scores, number: int) -> Scores:
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:number])
