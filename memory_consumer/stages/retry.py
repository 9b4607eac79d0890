"""How long to wait before the next try. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits, in seconds, of which the upper half is left to chance.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    first: float = 0.2
    most: float = 30.0

    def wait(self, failures: int, chance: float) -> float:
        """The wait after so many failures in a row; `chance` is uniform in [0, 1)."""
        doublings = min(max(failures - 1, 0), 30)
        ceiling: float = min(self.most, self.first * 2**doublings)
        return ceiling * (0.5 + chance / 2)


LIVE = Backoff()


class Rest:
    """How long to leave something alone that fails: longer after each failure in a row. Not thread-safe."""

    def __init__(self, backoff: Backoff, chance: Random) -> None:
        self._backoff = backoff
        self._chance = chance
        self._until: datetime | None = None
        self.failures = 0

    def lasts(self, now: datetime) -> bool:
        """Whether it is to be left alone still."""
        return self._until is not None and now < self._until

    def again(self, now: datetime, *, at_least: timedelta = timedelta(0)) -> None:
        """It failed once more; `at_least` is how long it asks to be left alone."""
        self.failures += 1
        wait = timedelta(seconds=self._backoff.wait(self.failures, self._chance.random()))
        self._until = now + max(wait, at_least)

    def over(self) -> None:
        """It works again."""
        self.failures, self._until = 0, None
