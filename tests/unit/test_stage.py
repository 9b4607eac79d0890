"""Waiting after failures, and what a stage tells of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from confluent_kafka import Message

from memory_consumer.errors import Transient
from memory_consumer.stages.retry import Backoff
from memory_consumer.stages.stage import Partition, Patience, Report, attempted, read_again

NO_WAIT = Backoff(first=0.0, most=0.0)
P0, P1 = ("t", 0), ("t", 1)
AWAY = RuntimeError("The store is away.")
FULL = RuntimeError("The disk is full.")

Outcomes = Mapping[Partition, Exception | None]


@dataclass(frozen=True)
class Noting(Backoff):
    """Waits for nothing and notes after how many failures it was asked."""

    asked: list[int] = field(default_factory=list)

    def wait(self, failures: int, chance: float) -> float:
        assert 0 <= chance < 1
        self.asked.append(failures)
        return 0.0


@pytest.fixture
def report() -> Report:
    return Report("extract")


async def went(patience: Patience, *rounds: Outcomes) -> None:
    for outcomes in rounds:
        await patience.after(outcomes)


def test_a_failure_is_told_until_its_partition_goes_well(report: Report) -> None:
    patience = Patience(report, NO_WAIT)
    asyncio.run(went(patience, {P0: AWAY}))
    told = report.waiting_for
    asyncio.run(went(patience, {P0: None}))

    assert (told, report.waiting_for) == ("The store is away.", None)


def test_what_goes_well_elsewhere_does_not_hide_a_failure(report: Report) -> None:
    patience = Patience(report, NO_WAIT)
    asyncio.run(went(patience, {P0: AWAY}, {P1: None}))

    assert report.waiting_for == "The store is away."


def test_a_partition_that_was_given_up_is_no_longer_waited_for(report: Report) -> None:
    patience = Patience(report, NO_WAIT)
    asyncio.run(went(patience, {P0: AWAY, P1: FULL}))
    patience.forget([P0])
    told = report.waiting_for
    patience.forget([P1])

    assert (told, report.waiting_for) == ("The disk is full.", None)


def test_waits_grow_with_the_failures_in_a_row_of_one_partition(report: Report) -> None:
    noting = Noting()
    patience = Patience(report, noting)
    asyncio.run(went(patience, {P0: AWAY}, {P0: AWAY, P1: None}, {P1: AWAY}, {P0: None}, {P0: AWAY}))

    assert noting.asked == [1, 2, 1, 1]


def test_a_stop_ends_a_wait_and_all_later_ones(report: Report) -> None:
    patience = Patience(report, Backoff(first=10_000.0, most=10_000.0))

    async def run() -> None:
        waiting = asyncio.create_task(patience.after({P0: AWAY}))
        await asyncio.sleep(0)
        patience.stop()
        await waiting
        await patience.after({P0: AWAY})

    asyncio.run(run())
    assert report.waiting_for == "The store is away."


class Consuming:
    """A consumer that notes where it was moved to."""

    def __init__(self) -> None:
        self.consumer: Any = None
        self.sought: list[tuple[str, int, int]] = []

    async def seek(self, topic: str, partition: int, offset: int) -> None:
        self.sought.append((topic, partition, offset))


@dataclass(frozen=True)
class Placed:
    """A record with nothing but its offset."""

    place: int

    def offset(self) -> int:
        return self.place


def at(offset: int) -> Message:
    return cast("Message", Placed(offset))


def test_what_is_left_of_a_batch_that_failed_unforeseen_is_read_again() -> None:
    consumer = Consuming()
    left = {P0: [at(5), at(6)], P1: [at(9)]}

    async def run() -> None:
        async with read_again(consumer, left):
            del left[P1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert consumer.sought == [(*P0, 5)]


def test_a_batch_that_could_not_be_begun_is_waited_for() -> None:
    def begin() -> tuple[int, Exception | None]:
        raise RuntimeError("can't start new thread")

    done, failure = asyncio.run(attempted(begin))

    assert done == 0
    assert isinstance(failure, Transient)
