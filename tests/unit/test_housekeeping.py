"""What lets erased text go beside learning: round after round, and one part that is away holds up no other."""

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest

from memory_consumer.erasing.housekeeping import Housekeeper
from memory_consumer.errors import Transient
from memory_store.errors import Unavailable
from tests.support.deadline import wait_until

SHORT = timedelta(seconds=0)


class Sweeps:
    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.swept: list[tuple[int, ...]] = []

    def sweep(self, partitions: Iterable[int]) -> int:
        self.swept.append(tuple(partitions))
        if self._failures:
            raise self._failures.pop(0)
        return 0


class Files:
    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.purged = 0

    def purge(self, _ends: Callable[[], bool]) -> None:
        self.purged += 1
        if self._failures:
            raise self._failures.pop(0)


def test_where_a_log_is_away_files_are_purged_and_the_other_way_round() -> None:
    sweeps, files = Sweeps(Transient("Kafka is away.")), Files()
    keeper = Housekeeper(sweeps, lambda: (1, 2), files.purge, SHORT)

    with pytest.raises(Transient):
        keeper.go_round()

    assert (sweeps.swept, files.purged) == ([(1, 2)], 1)


def test_what_it_could_not_do_is_told_and_done_in_a_later_round() -> None:
    sweeps, files = (
        Sweeps(Transient("Kafka is away.")),
        Files(ValueError("what was said"), Unavailable("The disk.")),
    )
    keeper = Housekeeper(sweeps, lambda: (), files.purge, SHORT)
    told: list[object] = []

    def is_told(cause: str | None) -> bool:
        if keeper.stage()["waiting_for"] not in told:
            told.append(keeper.stage()["waiting_for"])
        return cause in told

    keeper.start()
    try:
        wait_until(lambda: is_told("what was not foreseen (ValueError)"))
        wait_until(lambda: keeper.stage() == {"name": "erasing", "waiting_for": None} and files.purged > 2)
    finally:
        keeper.stop()
