"""Waiting for a condition, never for time."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_S = 60.0
_STEP_S = 0.02


async def eventually(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Returns once the condition holds; fails at the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "The condition did not come true in time."
        await asyncio.sleep(_STEP_S)


def wait_until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """The same, for tests without an event loop."""

    async def wait() -> None:
        await eventually(condition, deadline_s)

    asyncio.run(wait())
