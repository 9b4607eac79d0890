"""How long a request may wait, in all, for a thread and for a connection: told once, where it comes in.

What a request waits for comes in several pieces, and each piece could wait as long as it may. The time counts from
its arrival instead, so that a queue that nobody works on any more is empty again soon.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from chat_api.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")

#: Whoever has waited for longer is better told so.
REQUEST_S = 10.0

#: Of time.monotonic(); None outside of requests, and where something must not be given up so soon.
_until: ContextVar[float | None] = ContextVar("patience_until", default=None)


@contextmanager
def of_a_request(seconds: float = REQUEST_S) -> Iterator[None]:
    """From now on there is so much; threads and tasks that are started within take it with them."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def left(most: float) -> float:
    """Seconds that may be waited for something that may be waited for so long."""
    until = _until.get()
    return most if until is None else min(most, max(0.0, until - time.monotonic()))


def check() -> None:
    """Before work is begun: raises Overloaded where the request has waited too long for it."""
    until = _until.get()
    if until is not None and time.monotonic() > until:
        raise Overloaded("Too much is asked at once. Try again in a moment.")


def unhurried(work: Callable[P, T]) -> Callable[P, T]:
    """The work with as much patience as it has by itself: a reply took its time, and is to be written."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        token = _until.set(None)
        try:
            return work(*args, **kwargs)
        finally:
            _until.reset(token)

    return run
