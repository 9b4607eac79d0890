"""Work that may wait: done by one thread that leaves the processor to whoever else wants it."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Of `nice`: a tenth of the processor's time where others want all of it, and all of it where nobody does.
NICENESS = 10


class Background:
    """Calls wait for each other. Thread-safe."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="background", initializer=_step_back)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What it comes to. Raises what it raises."""
        return self._thread.submit(work, *args, **kwargs).result()


def _step_back() -> None:
    # On Linux this is the calling thread's, and its threads inherit it. Elsewhere it would be the whole process's.
    if sys.platform == "linux":
        os.nice(NICENESS)
