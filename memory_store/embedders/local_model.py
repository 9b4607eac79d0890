"""Any model that sentence-transformers can load, on the CPU. Needs the extra `sentence-transformers`."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memory_store.embedders.cores import cores
from memory_store.embedders.prompts import prompts_of
from memory_store.embedders.vectors import readable, units
from memory_store.errors import Refused, Unavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from memory_store.settings import EmbedderSettings

#: Characters per token that are read at most, and characters in all: what is cut off here never reaches a model
#: that reads so many tokens, or would take it too long.
_CHARACTERS_PER_TOKEN = 8
_MOST_CHARACTERS = 8000

#: Embedded to tell models apart.
_PROBE = ("I bake bread on Sundays.", "京都に住んでいます。")
_PROBE_DECIMALS = 2


class LocalModel:
    """Thread-safe. Each text is one call on one core, so its vector does not depend on what else is embedded."""

    def __init__(self, settings: "EmbedderSettings") -> None:
        """Raises Refused where the extra or the model is missing."""
        self._model = _loaded(settings)
        self._max_tokens = min(self._model.max_seq_length or 512, settings.embedder_max_tokens or 512)
        self._model.max_seq_length = self._max_tokens
        self._prompts = prompts_of(
            settings.embedder_model,
            self._model.prompts,
            query=settings.embedder_query_prompt,
            passage=settings.embedder_passage_prompt,
        )
        # OpenVINO's models answer one call at a time.
        workers = 1 if settings.embedder_backend == "openvino" else cores()
        self._pool = ThreadPoolExecutor(workers, "embedder", initializer=_on_one_core)
        # The first call sets how the tokenizer cuts; it must not be set while another thread uses it.
        self.dim = len(self._pool.submit(self._embedded, _PROBE[0], self._prompts.passage).result())
        self.name = self._named(settings)

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(texts, self._prompts.passage)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(texts, self._prompts.query)

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown()

    def _embed(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        most = min(_CHARACTERS_PER_TOKEN * self._max_tokens, _MOST_CHARACTERS)
        clean = [readable(text, most) for text in texts]
        vectors = list(self._pool.map(lambda text: self._embedded(text, prompt), clean))
        return units(vectors, rows=len(texts), dim=self.dim, whose="The local model")

    def _embedded(self, text: str, prompt: str) -> NDArray[np.float32]:
        try:
            vectors: NDArray[np.float32] = self._model.encode(
                [text], prompt=prompt or None, show_progress_bar=False, convert_to_numpy=True
            )
        except (RuntimeError, MemoryError) as exc:
            # What the engine says may quote its input.
            raise Unavailable(f"The local model could not embed a text ({type(exc).__name__}).") from None
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def _named(self, settings: "EmbedderSettings") -> str:
        """Another model, prompt, length or engine is another name, also under an equal path."""
        probe = np.concatenate([self.passages(_PROBE), self.queries(_PROBE)])
        # Rounded, so that a release of the engine that computes the last bits otherwise is the same.
        rounded = (np.round(probe, _PROBE_DECIMALS) + 0.0).tolist()
        engine = (settings.embedder_backend, settings.embedder_file)
        told = json.dumps([engine, astuple(self._prompts), self._max_tokens, rounded])
        model = settings.embedder_model.rstrip("/").rpartition("/")[2]
        return f"sentence-transformers:{model}:{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _loaded(settings: "EmbedderSettings") -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  seconds, and several GB to have
    except ImportError as exc:
        raise Refused(
            "OBOEGAKI_EMBEDDER=sentence-transformers needs packages that are not installed:"
            " .venv/bin/pip install -e '.[sentence-transformers]' (for OBOEGAKI_EMBEDDER_BACKEND=onnx:"
            " '.[sentence-transformers-onnx]')."
        ) from exc
    try:
        return SentenceTransformer(
            settings.embedder_model,
            device="cpu",
            backend=settings.embedder_backend,
            truncate_dim=settings.embedder_dimensions,
            model_kwargs=_model_options(settings),
        )
    except (OSError, ValueError, ImportError) as exc:
        raise Refused(
            f"OBOEGAKI_EMBEDDER_MODEL: sentence-transformers cannot load {settings.embedder_model} with back end"
            f" {settings.embedder_backend}: {_first_line(exc)}"
        ) from exc


def _model_options(settings: "EmbedderSettings") -> dict[str, Any]:
    options: dict[str, Any] = {"file_name": settings.embedder_file} if settings.embedder_file else {}
    if settings.embedder_backend == "onnx":
        import onnxruntime  # noqa: PLC0415  of the extra

        options["session_options"] = onnxruntime.SessionOptions()
        options["session_options"].intra_op_num_threads = 1
        options["provider"] = "CPUExecutionProvider"
    return options


def _on_one_core() -> None:
    import torch  # noqa: PLC0415  of the extra

    torch.set_num_threads(1)


def _first_line(exc: Exception) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]
