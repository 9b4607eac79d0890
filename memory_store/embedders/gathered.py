"""Calls that come while one is under way are made together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from memory_store.errors import Unavailable

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(eq=False, slots=True)
class _Call:
    texts: Sequence[str]
    vectors: NDArray[np.float32] | None = None
    error: Exception | None = None
    done: bool = False


class Gathered:
    """Calls an embedder by one of the threads that wait for it; one that finds it idle calls it at once."""

    def __init__(self, encode: Encode, *, most: int) -> None:
        """`most` texts at a time, more only where a single call has more."""
        self._encode = encode
        self._most = most
        self._changed = Condition()
        self._waiting: list[_Call] = []
        self._under_way: list[_Call] = []
        self._led = False
        #: How many calls there were.
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of some texts. Raises what the embedder raises."""
        call = _Call(texts)
        with self._changed:
            self.calls += 1
            self._waiting.append(call)
            self._changed.wait_for(lambda: call.done or not self._led)
            self._led = self._led or not call.done
        if not call.done:
            self._lead_until(call)
        if call.error is not None:
            raise call.error
        assert call.vectors is not None  # noqa: S101  done without an error
        return call.vectors

    @property
    def waiting(self) -> int:
        """How many calls wait for one that is under way."""
        return len(self._waiting)

    def let_by(self) -> None:
        """Returns once all calls that are there now are made."""
        with self._changed:
            before = [*self._under_way, *self._waiting]
            self._changed.wait_for(lambda: all(call.done for call in before))

    def _lead_until(self, own: _Call) -> None:
        try:
            while not own.done:
                self._make(self._next())
        finally:
            with self._changed:
                self._led = False
                self._changed.notify_all()

    def _next(self) -> list[_Call]:
        with self._changed:
            count, texts = 0, 0
            while count < len(self._waiting) and (count == 0 or texts + self._size(count) <= self._most):
                texts += self._size(count)
                count += 1
            self._under_way, self._waiting = self._waiting[:count], self._waiting[count:]
            return self._under_way

    def _size(self, place: int) -> int:
        return len(self._waiting[place].texts)

    def _make(self, calls: Sequence[_Call]) -> None:
        try:
            vectors = self._encode([text for call in calls for text in call.texts])
            row = 0
            for call in calls:
                call.vectors = vectors[row : row + len(call.texts)]
                row += len(call.texts)
        except Exception as exc:  # noqa: BLE001  each caller raises it: none may wait for ever
            for call in calls:
                call.error = exc
        finally:
            self._finish(calls)

    def _finish(self, calls: Sequence[_Call]) -> None:
        with self._changed:
            for call in calls:
                if call.vectors is None and call.error is None:
                    call.error = Unavailable("The embedder was interrupted.")
                call.done = True
            # What was asked is not kept until somebody asks again.
            self._under_way = []
            self._changed.notify_all()
