"""One embedder for many threads: questions that come together go together, and passages let them by."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from memory_store.embedders.gathered import Gathered
from memory_store.metering import Meter, Unmetered
from memory_store.port import Embedder

#: Questions that are embedded in one call.
_QUESTIONS = 32

#: Passages that are embedded before questions are looked for again: so many while none comes, and few while some
#: do, as they would share the cores with them.
_PASSAGES = 64
_FEW_PASSAGES = 4

#: Questions whose vectors are kept, in memory only: what was asked is for nobody to find later.
_KEPT = 1024


class Shared:
    """An Embedder over another one, with the same vectors. Nothing waits while the other one is idle."""

    def __init__(self, embedder: Embedder, meter: Meter | None = None) -> None:
        self.name = embedder.name
        self.dim = embedder.dim
        self._embedder = embedder
        self._meter = meter or Unmetered()
        self._ask = Gathered(embedder.queries, most=_QUESTIONS)
        self._lock = Lock()
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

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
        found = {text: vector for text in set(texts) if (vector := self._known(text)) is not None}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found |= zip(missing, self._ask(missing), strict=True)
            self._keep(missing, found)
        self._meter.looked_up("questions", hits=len(found) - len(missing), misses=len(missing))
        return np.array([found[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dim)

    def _known(self, text: str) -> NDArray[np.float32] | None:
        with self._lock:
            if text in self._kept:
                self._kept.move_to_end(text)
            return self._kept.get(text)

    def _keep(self, texts: Sequence[str], vectors: dict[str, NDArray[np.float32]]) -> None:
        with self._lock:
            for text in texts:
                self._kept[text] = vectors[text].copy()
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
