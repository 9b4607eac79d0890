"""What the stages tell of themselves. Knows no vendor."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Meter(Protocol):
    """Is told what happened, from any thread; quick, and raises nothing. Durations are in seconds."""

    def handled(self, stage: str, records: int, seconds: float) -> None:
        """A batch was handled, well or not: so many records of Kafka, or messages of a window."""

    def failed(self, stage: str, kind: str) -> None:
        """A try failed, by the name of its kind of error; it will be tried again or set aside."""

    def rewound(self, stage: str) -> None:
        """Records of a partition will be read again."""

    def owns(self, stage: str, *, assigned: int = 0, revoked: int = 0) -> None:
        """Kafka gave so many partitions to this process, or took them away."""

    def learned(self, facts: int) -> None:
        """So many facts were written to the facts log."""

    def filed(self, memories: int) -> None:
        """So many memories were filed in the store."""


class Unmetered:
    """A Meter that nobody reads."""

    def handled(self, stage: str, records: int, seconds: float) -> None: ...

    def failed(self, stage: str, kind: str) -> None: ...

    def rewound(self, stage: str) -> None: ...

    def owns(self, stage: str, *, assigned: int = 0, revoked: int = 0) -> None: ...

    def learned(self, facts: int) -> None: ...

    def filed(self, memories: int) -> None: ...


@contextmanager
def metered(
    meter: Meter, stage: str, records: int, timer: Callable[[], float] = time.perf_counter
) -> Iterator[None]:
    """Tells the meter how long it took what is done inside, however it ended."""
    started = timer()
    try:
        yield
    finally:
        meter.handled(stage, records, timer() - started)
