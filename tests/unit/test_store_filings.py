"""Which filings count: the latest per message, with its own vectors."""

import numpy as np
import pytest

from memory_store.filings import current
from memory_store.models import Filing, Vectors
from tests.contract.making import filing, gone, memory, receipt


def rows(number: int) -> Vectors:
    """Vectors that tell their row: text 0, 1, 2 …, context 10, 11, 12 …"""
    texts = np.arange(number, dtype=np.float32).reshape(number, 1)
    return Vectors(texts, texts + np.float32(10), [(row,) for row in range(number)])


def points(
    filings: list[Filing], stored: dict[int, int] | None = None
) -> dict[int, list[tuple[str, float, float]]]:
    """Text and vectors by message, of what counts beside receipts with these offsets."""
    number = sum(len(each.memories) for each in filings)
    receipts = {key: receipt(key, offset=offset) for key, offset in (stored or {}).items()}
    return {
        filed.receipt.message_id: [
            (point.memory.text, float(point.text[0]), float(point.context[0])) for point in filed.points
        ]
        for filed in current(filings, rows(number), receipts)
    }


def test_each_memory_gets_the_vectors_of_its_row() -> None:
    assert points([filing(1, "a", "b"), filing(2), filing(3, "c")]) == {
        1: [("a", 0.0, 10.0), ("b", 1.0, 11.0)],
        2: [],
        3: [("c", 2.0, 12.0)],
    }


def test_rows_of_what_does_not_count_are_passed_over() -> None:
    overtaken = [filing(1, "old", offset=1), filing(2, "a", offset=2), filing(1, "new", offset=3)]

    assert points(overtaken) == {1: [("new", 2.0, 12.0)], 2: [("a", 1.0, 11.0)]}
    assert points(overtaken, {2: 9}) == {1: [("new", 2.0, 12.0)]}


@pytest.mark.parametrize(("offset", "counts"), [(4, False), (5, True), (6, True)])
def test_a_filing_counts_unless_a_later_one_is_stored(offset: int, counts: bool) -> None:
    assert bool(points([filing(1, "a", offset=offset)], {1: 5})) is counts


def test_a_later_filing_of_the_batch_is_not_undone_by_an_older_one() -> None:
    assert points([gone(1, "deleted", offset=6), filing(1, "a", offset=5)]) == {1: []}


@pytest.mark.parametrize("state", ["deleted", "dead"])
def test_only_what_was_learned_has_points(state: str) -> None:
    made = receipt(1, state="dead" if state == "dead" else "deleted")

    assert points([Filing(made, (memory(1, "a"),))]) == {1: []}


def test_a_memory_given_twice_is_one_point() -> None:
    assert points([filing(1, "a", "a")]) == {1: [("a", 1.0, 11.0)]}


@pytest.mark.parametrize("number", [0, 1, 3])
def test_too_few_or_too_many_vectors_are_a_mistake(number: int) -> None:
    with pytest.raises(ValueError, match="2 memories need as many vectors and words"):
        current([filing(1, "a", "b")], rows(number), {})
