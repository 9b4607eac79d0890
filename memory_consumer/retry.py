"""How long to wait before the next try. Pure."""

from dataclasses import dataclass


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
