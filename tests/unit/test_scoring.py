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


_TENTHS = st.integers(0, 10).map(lambda tenths: tenths / 10)
_SHARES = st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0])


@given(st.lists(st.tuples(_TENTHS, _TENTHS, _SHARES), min_size=8, max_size=8), st.integers(1, 3))
def test_what_may_be_among_the_best_is_never_left_out(
    memories: list[tuple[float, float, float]], limit: int
) -> None:
    by_text = _nearest({str(at): each[0] / 10 for at, each in enumerate(memories)}, 4)
    by_context = _nearest({str(at): each[1] / 10 for at, each in enumerate(memories)}, 4)
    shared = {str(at): each[2] for at, each in enumerate(memories) if each[2]}
    looked_at = by_text.keys() | by_context.keys() | reachable(by_text, by_context, shared, limit)
    every = {str(at): score(each[0] / 10, each[1] / 10, each[2]) for at, each in enumerate(memories)}
    least = sorted(every.values(), reverse=True)[limit - 1]

    assert {each for each in shared if every[each] >= least} <= looked_at


def test_what_no_word_can_lift_among_the_best_is_left_out() -> None:
    by_text = by_context = {"a": 0.9, "b": 0.8}

    assert reachable(by_text, by_context, {"c": 1.0, "d": 0.1}, limit=1) == set()
    assert reachable(by_text, by_context, {"c": 1.0, "d": 0.1}, limit=2) == {"c", "d"}
    assert reachable(by_text, {"a": 0.9, "e": 0.8}, {"c": 1.0, "d": 0.1}, limit=2) == {"c", "d"}


def _nearest(scores: Scores, number: int) -> Scores:
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:number])
