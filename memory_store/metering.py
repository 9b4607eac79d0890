"""What embedding tells of itself. Knows no vendor."""

import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from memory_store.port import Embedder

#: What is to be found, and what it is looked for by.
Kind = Literal["passages", "questions"]
#: Of memories' vectors, on disk. Questions have none.
Cache = Literal["vectors"]


class Meter(Protocol):
    """Is told what happened, from any thread; quick, and raises nothing. Durations are in seconds."""

    def embedded(self, kind: Kind, texts: int, seconds: float) -> None:
        """The embedder embedded so many texts in one call."""

    def looked_up(self, cache: Cache, *, hits: int, misses: int) -> None:
        """So many vectors were found in a cache, and so many were not."""


class Unmetered:
    """A Meter that nobody reads."""

    def embedded(self, kind: Kind, texts: int, seconds: float) -> None: ...

    def looked_up(self, cache: Cache, *, hits: int, misses: int) -> None: ...


class Metered:
    """An Embedder that tells a meter of each call of another one that went well."""

    def __init__(self, embedder: Embedder, meter: Meter, timer: Callable[[], float] = time.perf_counter) -> None:
        self.name = embedder.name
        self.dim = embedder.dim
        self._embedder = embedder
        self._meter = meter
        self._timer = timer

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._timed("passages", self._embedder.passages, texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._timed("questions", self._embedder.queries, texts)

    def _timed(
        self, kind: Kind, embed: Callable[[Sequence[str]], NDArray[np.float32]], texts: Sequence[str]
    ) -> NDArray[np.float32]:
        started = self._timer()
        vectors = embed(texts)
        self._meter.embedded(kind, len(texts), self._timer() - started)
        return vectors
