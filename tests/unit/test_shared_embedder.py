"""One embedder for questions and for learning."""

import gc
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_store.embedders.shared import Shared
from memory_store.fake import HashEmbedder


class Recording(HashEmbedder):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.filed: list[list[str]] = []

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.filed.append(list(texts))
        return HashEmbedder().passages(texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        return HashEmbedder().queries(texts)


class Words(str):
    """A text that tells whether somebody still has it."""

    __slots__ = ("__weakref__",)


def test_what_another_user_asked_before_is_embedded_again() -> None:
    inner = Recording()
    shared = Shared(inner)
    for _ in range(2):
        shared.queries(["I have been ill."])

    assert inner.asked == [["I have been ill."]] * 2


def test_a_question_that_was_answered_is_in_nobodys_memory() -> None:
    shared = Shared(HashEmbedder())
    asked = Words("I have been ill.")
    left = weakref.ref(asked)
    shared.queries([asked])
    del asked
    gc.collect()

    assert left() is None


def test_no_question_is_no_call() -> None:
    inner = Recording()

    assert Shared(inner).queries([]).shape == (0, inner.dim)
    assert inner.asked == []


def test_what_a_caller_does_to_its_vectors_changes_no_later_answer() -> None:
    shared = Shared(HashEmbedder())
    shared.queries(["tea?"])[:] = 0

    assert np.array_equal(shared.queries(["tea?"]), HashEmbedder().queries(["tea?"]))


def test_passages_are_embedded_many_at_a_time_and_few_while_questions_come() -> None:
    inner = AskedMeanwhile()
    shared = Shared(inner)
    inner.shared = shared
    texts = [str(number) for number in range(140)]
    vectors = shared.passages(texts)

    assert [len(each) for each in inner.filed] == [64, 4, 64, 8]
    assert np.array_equal(vectors, HashEmbedder().passages(texts))


class AskedMeanwhile(Recording):
    """Is asked a question while it embeds the first passages."""

    shared: Shared

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self.filed:
            self.shared.queries(["tea?"])
        return super().passages(texts)
