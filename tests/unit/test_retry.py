"""Waits double, stay bounded and spread."""

from memory_consumer.stages.retry import Backoff

POLICY = Backoff(first=1.0, most=10.0)


def test_waits_double_up_to_the_most() -> None:
    longest = [POLICY.wait(failures, 1.0) for failures in (1, 2, 3, 4, 5, 500)]

    assert longest == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_chance_spreads_a_wait_over_its_upper_half() -> None:
    assert (POLICY.wait(3, 0.0), POLICY.wait(3, 0.5)) == (2.0, 3.0)
