"""Threads that the end of the process does not wait for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(what: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What it comes to, in a thread of its own that the end of the process does not wait for.

    A call of an embedding server may take minutes. What it then finds out is thrown away, and done again later.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = what(*args, **kwargs)
        except BaseException as exc:  # noqa: BLE001  a thread's boundary: it is raised where it is waited for
            error = exc
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=run, name="apart", daemon=True).start()
    return await outcome
