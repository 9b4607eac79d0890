"""One embedder for questions and for learning."""

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


def test_a_question_that_was_asked_before_is_not_embedded_again() -> None:
    inner = Recording()
    shared = Shared(inner)
    first = shared.queries(["tea?", "rain?"])
    again = shared.queries(["rain?", "cats?", "tea?"])

    assert inner.asked == [["tea?", "rain?"], ["cats?"]]
    assert np.array_equal(again[[2, 0]], first)


def test_only_so_many_questions_are_kept_the_oldest_goes_first() -> None:
    inner = Recording()
    shared = Shared(inner)
    shared.queries(["first?"])
    shared.queries([f"{number}?" for number in range(1024)])
    shared.queries(["1023?"])
    shared.queries(["first?"])

    assert inner.asked[-1] == ["first?"]
    assert len(inner.asked) == 3


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
