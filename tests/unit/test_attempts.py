"""Records that fail: which it is, how often it is tried, and when it is too many."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_consumer.records.dead_letters import GivenUp
from memory_consumer.stages.attempts import Cap, Tries, Went, as_far_as_it_goes, named

PARTITION = ("t", 0)


class Away(Exception):
    """What is foreseen."""


class Doing:
    """Does numbers in order, all of some or none; it fails with some of them, as long as they are poison."""

    def __init__(self, poison: set[int], away: set[int], most: int = 100) -> None:
        self._poison = poison
        self._away = away
        self._most = most
        self.done: list[int] = []
        self.calls = 0

    def __call__(self, some: Sequence[int]) -> int:
        self.calls += 1
        some = some[: self._most]
        for each in some:
            if each in self._away:
                raise Away
            if each in self._poison:
                raise ValueError(each)
        self.done += some
        return len(some)


SETS = st.sets(st.integers(0, 39), max_size=5)


@given(st.integers(0, 40), SETS, SETS, st.integers(1, 50))
def test_what_stands_before_the_first_failure_is_done_once_and_in_order_and_nothing_after_it(
    count: int, poison: set[int], away: set[int], most: int
) -> None:
    doing = Doing(poison, away, most)

    done, failure = as_far_as_it_goes(range(count), doing, (Away,))

    assert doing.done == list(range(done))
    if failure is None:
        assert done == count
        assert not (poison | away) & set(range(count))
    elif isinstance(failure, Away):
        assert min(away) in range(done, count)
    else:
        assert done == min(poison)


def test_the_one_that_fails_is_found_in_few_tries() -> None:
    doing = Doing({499}, set(), most=500)

    done, _ = as_far_as_it_goes(range(500), doing, (Away,))

    assert done == 499
    assert doing.calls < 20


def test_a_record_is_given_up_after_its_tries() -> None:
    tries = Tries(most=3)
    told = []
    for _ in range(3):
        told.append(tries.given_up(PARTITION))
        tries.failed(PARTITION, 7, "ValueError")

    assert told == [{}, {}, {}]
    assert tries.given_up(PARTITION) == {7: GivenUp("ValueError", 3)}
    assert tries.given_up(("t", 1)) == {}


def test_the_next_record_that_fails_has_tries_of_its_own() -> None:
    tries = Tries(most=2)
    tries.failed(PARTITION, 7, "ValueError")
    tries.failed(PARTITION, 8, "ValueError")

    assert tries.given_up(PARTITION) == {}


def test_tries_are_forgotten_with_their_partition() -> None:
    tries = Tries(most=1)
    tries.failed(PARTITION, 7, "ValueError")
    tries.forget([PARTITION])

    assert tries.given_up(PARTITION) == {}


def dead(*users: str | None) -> list[Went]:
    return [Went(set_aside=True, user_id=user) for user in users]


def of_many(count: int) -> list[Went]:
    return dead(*(f"user {number}" for number in range(count)))


WELL = Went(set_aside=False)
COULD_NOT_FAIL = Went(set_aside=None)


def test_a_few_bad_records_are_no_bad_program() -> None:
    cap = Cap(in_a_row=3, share=0.5)
    cap.note([*of_many(2), WELL] * 10)

    assert cap.room == 3


def test_too_many_in_a_row_leave_no_room() -> None:
    cap = Cap(in_a_row=3)
    cap.note([WELL] * 1000 + of_many(2))
    before = cap.room
    cap.note(dead("another"))

    assert (before, cap.room) == (1, 0)


def test_too_large_a_share_of_the_last_hundred_leaves_no_room() -> None:
    cap = Cap(in_a_row=3, share=0.5)
    cap.note([WELL] * 1000)
    for each in of_many(49):
        cap.note([each, WELL])
    before = cap.room
    cap.note(dead("another"))

    assert (before, cap.room) == (1, 0)


def test_records_that_could_not_fail_do_not_hide_a_bad_release() -> None:
    cap = Cap(in_a_row=3)
    for each in of_many(3):
        cap.note([each, COULD_NOT_FAIL, COULD_NOT_FAIL])

    assert cap.room == 0


def test_what_two_users_write_stops_nobody_and_a_third_makes_it_a_bad_release() -> None:
    cap = Cap(in_a_row=3)
    cap.note(dead("alice", "ecila") * 45)
    before = cap.room
    cap.note(dead("another"))

    assert (before, cap.room) == (1, 0)


def test_a_home_of_one_user_is_not_drained_either() -> None:
    cap = Cap()
    cap.note(dead("alice") * 99)
    before = cap.room
    cap.note(dead("alice"))

    assert (before, cap.room) == (1, 0)


def test_users_count_only_while_nothing_goes_well_between() -> None:
    cap = Cap(in_a_row=3)
    cap.note([*of_many(2), WELL, *dead("alice") * 3])

    assert cap.room == 2


def test_what_cannot_be_told_whose_it_is_counts_as_of_a_user_each() -> None:
    cap = Cap(in_a_row=3)
    cap.note(dead(None, None, ""))

    assert cap.room == 0


def test_an_error_is_named_by_kind_and_place_and_never_by_its_text() -> None:
    with pytest.raises(ValueError, match="my secret") as raised:
        int("my secret")

    assert named(raised.value).startswith("ValueError at test_attempts.py:")
