"""A look that many ask for at once, and that is taken once for all of them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class Together(Generic[T]):
    """Looks in a thread, one look at a time: who asks meanwhile is told what it finds. For one event loop."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._look = look
        self._under_way: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """What is found. Raises what the look raises."""
        if self._under_way is None:
            self._under_way = asyncio.create_task(run_in_threadpool(self._look))
            self._under_way.add_done_callback(self._over)
        # Whoever leaves does not end it for the others.
        return await asyncio.shield(self._under_way)

    def _over(self, task: asyncio.Task[T]) -> None:
        self._under_way = None
        if not task.cancelled():
            # Where all have left, nobody else asks for it.
            task.exception()
