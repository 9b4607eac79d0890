"""After rows were read anew, what is orphaned is mended: as soon as it can be, and once."""

from collections.abc import Iterable
from threading import Event

import pytest

from memory_consumer.stages.retry import Backoff
from memory_consumer.verify.look import Line
from oboegaki.healing import Healer
from tests.support.deadline import DEADLINE_S, wait_until

PROMPT = Backoff(first=0.01, most=0.01)
BY_HAND = "Nothing is healed by itself until `oboegaki verify --repair` has been run."


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


def healing(told: Told, *answers: Iterable[Line], patience: Backoff = PROMPT) -> tuple[Healer, list[int]]:
    """A healer whose tries come to these answers, the last one again and again; and the number of tries."""
    left, tries = list(answers), [0]

    def heal() -> Iterable[Line]:
        tries[0] += 1
        return left.pop(0) if len(left) > 1 else left[0]

    return Healer(lambda: told, heal, patience=patience), tries


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


def test_a_stop_waits_a_moment_only_for_a_healing_that_hangs() -> None:
    begun, released, ended = Event(), Event(), Event()

    def heal() -> Iterable[Line]:
        begun.set()
        released.wait(DEADLINE_S)
        ended.set()
        return [report()]

    healer = Healer(lambda: Told(waiting=1), heal, stop_s=0.01)
    healer.start()
    assert begun.wait(DEADLINE_S)
    healer.stop()

    assert not ended.is_set()
    released.set()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"unsure": "Kafka is away."}, "Kafka is away."),
        ({"held": "MySQL lost rows."}, f"MySQL lost rows. {BY_HAND}"),
        (report(orphaned=2), "2 deleted messages are still known."),
    ],
)
def test_what_cannot_be_healed_is_a_stage_that_waits_until_it_can(answer: Line, cause: str) -> None:
    told = Told(waiting=1)
    let_go = Event()
    healer = Healer(lambda: told, lambda: [report()] if let_go.is_set() else [answer], patience=PROMPT)
    healer.start()

    wait_until(lambda: healer.stage()["waiting_for"] == cause)
    let_go.set()
    wait_until(lambda: healer.stage() == {"name": "healing", "waiting_for": None})
    healer.stop()

    assert told.left == 0


def test_what_cannot_be_healed_is_left_alone_for_longer_each_time_and_what_is_held_is_not() -> None:
    told, asked = Told(waiting=1), Asked()
    healer, tries = healing(told, [{"unsure": "a"}], [{"held": "b"}], [{"unsure": "c"}], patience=asked)
    healer.start()

    wait_until(lambda: tries[0] > 4)
    healer.stop()

    assert asked.failures[:4] == [1, 1, 1, 2]


class Asked(Backoff):
    """Which waits were asked for."""

    def __init__(self) -> None:
        super().__init__(first=0.001, most=0.001)
        object.__setattr__(self, "failures", [])

    failures: list[int]

    def wait(self, failures: int, chance: float) -> float:
        self.failures.append(failures)
        return super().wait(failures, chance)
