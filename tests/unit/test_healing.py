"""After rows were read anew, what is orphaned is mended: as soon as it can be, and once."""

from collections.abc import Iterable

from memory_consumer.verify.look import Line
from oboegaki.healing import Healer
from tests.support.deadline import wait_until


class Told:
    """Snapshots that were told of, one after the other."""

    def __init__(self, waiting: int) -> None:
        self.left = waiting
        self.closed = False

    def waiting(self, within_s: float) -> bool:
        assert within_s > 0
        return self.left > 0

    def handled(self) -> None:
        self.left -= 1

    def close(self) -> None:
        self.closed = True


def report(**differences: int) -> Line:
    return {"report": {"counts": {}, "differences": differences, "under_way": 0}}


def healing(told: Told, *answers: Iterable[Line]) -> tuple[Healer, list[int]]:
    """A healer whose tries come to these answers, the last one again and again; and the number of tries."""
    left, tries = list(answers), [0]

    def heal() -> Iterable[Line]:
        tries[0] += 1
        return left.pop(0) if len(left) > 1 else left[0]

    return Healer(lambda: told, heal, pause_s=0.01), tries


def test_each_snapshot_is_healed_once() -> None:
    told = Told(waiting=2)
    healer, tries = healing(told, [{"progress": {}}, report()])
    healer.start()

    wait_until(lambda: told.left == 0)
    healer.stop()

    assert (tries, told.closed) == ([2], True)


def test_what_cannot_be_healed_now_is_tried_again_until_nothing_is_orphaned() -> None:
    told = Told(waiting=1)
    healer, tries = healing(told, [{"unsure": "Kafka is away."}], [report(orphaned=1)], [report(dead=3)])
    healer.start()

    wait_until(lambda: told.left == 0)
    healer.stop()

    assert tries == [3]


def test_a_stop_does_not_wait_for_what_cannot_be_healed() -> None:
    told = Told(waiting=1)
    healer, tries = healing(told, [{"unsure": "Kafka is away."}])
    healer.start()
    wait_until(lambda: tries[0] > 1)

    healer.stop()

    assert (told.left, told.closed) == (1, True)
