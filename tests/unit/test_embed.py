"""Filings become vectors in one batch, each text once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_store.embed import CONTEXT_CHARACTERS, embed
from memory_store.fake import HashEmbedder
from memory_store.models import Filing
from tests.contract.making import filing


class Recording(HashEmbedder):
    """Keeps the batches that it was given."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        return super().passages(texts)


def batches(*filings: Filing) -> list[list[str]]:
    embedder = Recording()
    embed(filings, embedder)
    return embedder.batches


def test_equal_texts_are_embedded_once_and_everything_in_one_batch() -> None:
    assert batches(filing(1, "tea", "rain"), filing(2, "tea", context="cats"), filing(3, "rain")) == [
        ["tea", "rain", "cats\ntea"]
    ]


def test_rows_are_those_of_the_memories_in_order() -> None:
    filings = [filing(1, "tea", "rain"), filing(2), filing(3, "tea", context="cats")]
    vectors = embed(filings, HashEmbedder())
    one_by_one = HashEmbedder().passages

    assert np.array_equal(vectors.text, one_by_one(["tea", "rain", "tea"]))
    assert np.array_equal(vectors.context, one_by_one(["tea", "rain", "cats\ntea"]))


def test_a_long_context_counts_by_its_end() -> None:
    before = "a" * 1000 + "b" * CONTEXT_CHARACTERS

    assert batches(filing(1, "tea", context=before)) == [["tea", "b" * CONTEXT_CHARACTERS + "\ntea"]]


def test_filings_without_memories_have_no_rows() -> None:
    vectors = embed([filing(1), filing(2)], HashEmbedder())

    assert (vectors.text.shape, vectors.context.shape) == ((0, 64), (0, 64))
    assert embed([], HashEmbedder()).text.shape == (0, 64)
