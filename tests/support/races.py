"""Things done at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def at_once(*works: Callable[[], T]) -> list[T | Exception]:
    """Runs all of them at the same moment; an exception is a result too."""
    start = Barrier(len(works))

    def run(work: Callable[[], T]) -> T | Exception:
        start.wait(10)
        try:
            return work()
        except Exception as exc:  # noqa: BLE001  the test looks at it
            return exc

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))
