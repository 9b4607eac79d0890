"""The kill tests' judge: it allows what may be, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.history import Call, Delete, Edit, History, Said, State, Suppress, Write, after

CALLS = st.one_of(
    st.builds(Write, st.builds(Said, st.sampled_from("ab"))),
    st.builds(Edit, st.sampled_from("abc")),
    st.builds(Suppress, st.sampled_from(["all", None])),
    st.just(Delete()),
)


@given(st.lists(st.tuples(CALLS, st.booleans(), st.booleans())))
def test_what_is_true_is_always_allowed_whichever_calls_happened_unanswered(
    calls: list[tuple[Call, bool, bool]],
) -> None:
    history, truth = History(), None
    for call, answered, happened in calls:
        found = truth is not None
        if answered or happened:
            truth = after(truth, call)
        if answered:
            history.answered("m", call, found=found)
        else:
            history.unanswered("m", call)

    assert history.contradictions({} if truth is None else {"m": truth}) == []


@given(st.lists(CALLS), st.sampled_from([None, Said("a"), Said("x")]))
def test_where_all_was_answered_only_one_thing_is_allowed(calls: list[Call], row: State) -> None:
    history, truth = History(), None
    for call in calls:
        history.answered("m", call, found=truth is not None)
        truth = after(truth, call)

    assert (history.contradictions({} if row is None else {"m": row}) == []) == (row == truth)


def test_a_row_that_nobody_wrote_is_a_contradiction() -> None:
    assert History().contradictions({"m": Said("a")}) == [
        "m: is Said(content='a', suppressed=None), but may only be None"
    ]


def test_a_message_that_was_acknowledged_and_is_not_found_is_told_at_once() -> None:
    history = History()
    history.answered("m", Write(Said("a")))

    with pytest.raises(AssertionError, match="did not find it"):
        history.answered("m", Edit("b"), found=False)
