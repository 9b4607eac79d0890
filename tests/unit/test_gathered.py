"""Calls that come while one is under way are made together; one that finds the embedder idle waits for nothing."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_store.embedders.gathered import Gathered
from memory_store.errors import Unavailable
from memory_store.fake import HashEmbedder
from tests.support.deadline import DEADLINE_S, wait_until


class Held:
    """An embedder whose calls end when they are let go."""

    def __init__(self) -> None:
        self.begun, self.go = Event(), Event()
        self.calls: list[list[str]] = []
        self.fails = False

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        self.begun.set()
        assert self.go.wait(DEADLINE_S)
        if self.fails:
            raise Unavailable("away")
        return HashEmbedder().queries(texts)


def while_one_is_under_way(held: Held, gathered: Gathered, *later: list[str]) -> list[Future[NDArray[np.float32]]]:
    """The answers to one call and to those that came before it had ended."""
    with ThreadPoolExecutor(len(later) + 1) as threads:
        answers = [threads.submit(gathered, ["first"])]
        assert held.begun.wait(DEADLINE_S)
        for texts in later:
            before = gathered.waiting
            answers.append(threads.submit(gathered, texts))
            wait_until(_longer(gathered, before))
        held.go.set()
    return answers


def _longer(gathered: Gathered, before: int) -> Callable[[], bool]:
    return lambda: gathered.waiting > before


def test_a_call_that_finds_it_idle_is_made_alone() -> None:
    held = Held()
    held.go.set()
    gathered = Gathered(held, most=32)
    gathered(["a"])
    gathered(["b"])

    assert held.calls == [["a"], ["b"]]


def test_calls_that_come_while_one_is_under_way_are_made_together() -> None:
    held = Held()
    while_one_is_under_way(held, Gathered(held, most=32), ["a"], ["b", "c"], ["d"])

    assert held.calls == [["first"], ["a", "b", "c", "d"]]


def test_each_caller_gets_its_own_vectors() -> None:
    held = Held()
    _, two, one = while_one_is_under_way(held, Gathered(held, most=32), ["a", "b"], ["c"])

    assert np.array_equal(two.result(), HashEmbedder().queries(["a", "b"]))
    assert np.array_equal(one.result(), HashEmbedder().queries(["c"]))


def test_no_more_texts_than_allowed_go_together() -> None:
    held = Held()
    while_one_is_under_way(held, Gathered(held, most=2), ["a"], ["b"], ["c", "d", "e"], ["f"])

    assert held.calls == [["first"], ["a", "b"], ["c", "d", "e"], ["f"]]


def test_a_failure_reaches_every_caller_and_the_next_call_is_made() -> None:
    held = Held()
    held.fails = True
    gathered = Gathered(held, most=32)
    for answer in while_one_is_under_way(held, gathered, ["a"], ["b"]):
        with pytest.raises(Unavailable):
            answer.result()
    held.fails = False

    assert len(gathered(["c"])) == 1


def test_letting_by_waits_for_the_calls_that_are_there_and_for_no_others() -> None:
    held = Held()
    gathered = Gathered(held, most=32)
    gathered.let_by()
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(gathered, ["first"])
        assert held.begun.wait(DEADLINE_S)
        let_by = threads.submit(gathered.let_by)
        assert not let_by.done()
        held.go.set()
        let_by.result(DEADLINE_S)

    assert asked.done()
