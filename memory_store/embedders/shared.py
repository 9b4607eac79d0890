"""One embedder for many threads: questions that come together go together, and passages let them by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_store.embedders.gathered import Gathered
from memory_store.port import Embedder

#: Questions that are embedded in one call.
_QUESTIONS = 32

#: Passages that are embedded before questions are looked for again: so many while none comes, and few while some
#: do, as they would share the cores with them.
_PASSAGES = 64
_FEW_PASSAGES = 4


class Shared:
    """An Embedder over another one, with the same vectors. Nothing waits while the other one is idle.

    It keeps no question: how fast one is answered would tell a user what another one said.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self.dim = embedder.dim
        self._embedder = embedder
        self._ask = Gathered(embedder.queries, most=_QUESTIONS)

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        parts = [np.empty((0, self.dim), dtype=np.float32)]
        done, asked = 0, self._ask.calls
        while done < len(texts):
            # Someone waits for the answer to a question, nobody for what is learned.
            self._ask.let_by()
            most = _PASSAGES if self._ask.calls == asked else _FEW_PASSAGES
            asked = self._ask.calls
            parts.append(self._embedder.passages(texts[done : done + most]))
            done += most
        return np.concatenate(parts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._ask(texts) if texts else np.empty((0, self.dim), dtype=np.float32)
