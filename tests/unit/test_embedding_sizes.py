"""Requests to a server that are not too large."""

import pytest

from memory_store.embedders.sizes import batches, cut, tokens


@pytest.mark.parametrize(("text", "expected"), [("", 2), ("abcdef", 4), ("京都に", 6), ("京都 a", 5)])
def test_tokens_are_estimated_by_what_signs_a_text_has(text: str, expected: int) -> None:
    assert tokens(text) == expected


def test_a_batch_keeps_to_both_limits_and_holds_texts_of_one_length() -> None:
    texts = ["a" * 30, "b", "c" * 30, "d", "e"]

    assert list(batches(texts, most_tokens=24, most_texts=2)) == [[1, 3], [4, 0], [2]]


def test_a_text_that_is_too_large_by_itself_stands_alone() -> None:
    assert list(batches(["a", "b" * 300, "c"], most_tokens=16, most_texts=9)) == [[0, 2], [1]]


def test_no_texts_need_no_request() -> None:
    assert list(batches([], most_tokens=16, most_texts=9)) == []


@pytest.mark.parametrize("text", ["tea " * 500, "京都" * 500, "京都 tea " * 200])
def test_a_long_text_is_cut_to_its_beginning_of_so_many_tokens(text: str) -> None:
    short = cut(text, 100)

    assert text.startswith(short)
    assert 97 <= tokens(short) <= 100


def test_a_text_that_is_short_enough_stays_whole() -> None:
    assert cut("I like green tea", 16) == "I like green tea"
