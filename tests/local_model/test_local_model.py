"""sentence-transformers for real, on a small model that a package ships: `make test-sentence-transformers`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_store.errors import Refused
from memory_store.settings import EmbedderSettings
from tests.contract.embedders import SMALL_MODEL

pytest.importorskip("sentence_transformers", reason="make test-sentence-transformers brings it")

from sentence_transformers import SentenceTransformer

from memory_store.embedders.local_model import LocalModel

TEXTS = ("I like green tea", "京都に住んでいます", "x", "", "A longer sentence, so that no two are of one length.")


def settings(model: Path, **more: Any) -> EmbedderSettings:  # noqa: ANN401  any field
    return EmbedderSettings(embedder="sentence-transformers", embedder_model=str(model), **more)


@pytest.fixture(scope="module")
def model() -> Path:
    assert SMALL_MODEL is not None
    return SMALL_MODEL


@pytest.fixture(scope="module")
def embedder(model: Path) -> Iterator[LocalModel]:
    with closing(LocalModel(settings(model))) as made:
        yield made


@pytest.fixture(scope="module")
def onnx(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder with its ONNX form, in floats and in int8."""
    folder = tmp_path_factory.mktemp("small-onnx")
    command = [sys.executable, "-W", "ignore", "-m", "tests.local_model.export_onnx", str(model), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


def with_prompts(model: Path, folder: Path, prompts: dict[str, str]) -> Path:
    """The model, saying what it wants to read before a text."""
    shutil.copytree(model, folder)
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"prompts": prompts}))
    return folder


def test_vectors_are_those_of_the_library_itself(embedder: LocalModel, model: Path) -> None:
    plain = SentenceTransformer(str(model), device="cpu").encode(
        list(TEXTS), normalize_embeddings=True, show_progress_bar=False
    )

    assert np.allclose(embedder.passages(TEXTS), plain, atol=1e-5)
    assert embedder.dim == 384


def test_the_engine_and_its_file_name_the_embedder(embedder: LocalModel, onnx: Path) -> None:
    floats = LocalModel(settings(onnx, embedder_backend="onnx", embedder_file="onnx/model.onnx"))
    int8 = LocalModel(settings(onnx, embedder_backend="onnx", embedder_file="onnx/model_quint8_avx2.onnx"))
    with closing(floats), closing(int8):
        assert len({embedder.name, floats.name, int8.name}) == 3
        assert np.allclose(floats.passages(TEXTS), embedder.passages(TEXTS), atol=1e-4)
        assert np.sum(int8.passages(TEXTS) * embedder.passages(TEXTS), axis=1).min() > 0.9


@pytest.mark.parametrize("file", ["onnx/model.onnx", "onnx/model_quint8_avx2.onnx"])
def test_onnx_gives_equal_texts_equal_vectors_in_any_batch_bit_for_bit(onnx: Path, file: str) -> None:
    with closing(LocalModel(settings(onnx, embedder_backend="onnx", embedder_file=file))) as embedder:
        together = embedder.passages(TEXTS)

        assert np.array_equal(together, np.concatenate([embedder.passages([text]) for text in TEXTS]))
        assert np.array_equal(together, embedder.passages(TEXTS[::-1])[::-1])


def test_prompts_are_read_from_the_model_and_name_the_embedder(
    embedder: LocalModel, model: Path, tmp_path: Path
) -> None:
    folder = with_prompts(model, tmp_path / model.name, {"query": "ask: ", "document": "told: "})
    with closing(LocalModel(settings(folder))) as prompted:
        assert np.array_equal(prompted.queries(["tea?"]), embedder.passages(["ask: tea?"]))
        assert np.array_equal(prompted.passages(["tea"]), embedder.passages(["told: tea"]))
        assert prompted.name != embedder.name


def test_a_copy_in_another_folder_of_that_name_is_the_same_embedder(
    embedder: LocalModel, model: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(model, tmp_path / model.name)
    with closing(LocalModel(settings(copied))) as copy:
        assert copy.name == embedder.name


def test_a_text_is_read_as_far_as_the_model_reads_or_as_is_set(embedder: LocalModel, model: Path) -> None:
    long = "tea " * 300
    with closing(LocalModel(settings(model, embedder_max_tokens=16))) as short:
        assert np.array_equal(*short.passages(["tea " * 14, long]))
        assert short.name != embedder.name
    assert not np.array_equal(*embedder.passages(["tea " * 14, long]))
    assert np.array_equal(*embedder.passages([long, long + "and a cat"]))


def test_vectors_are_cut_to_the_numbers_asked_for(model: Path) -> None:
    with closing(LocalModel(settings(model, embedder_dimensions=128))) as cut:
        vectors = cut.passages(TEXTS)

    assert (cut.dim, vectors.shape) == (128, (len(TEXTS), 128))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_model_that_is_not_there_is_refused_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(Refused, match="OBOEGAKI_EMBEDDER_MODEL"):
        LocalModel(settings(tmp_path))
