"""Workers are started, started again and ended; what cannot run is not tried for ever."""

import subprocess
from dataclasses import dataclass, field

import pytest

from oboegaki.errors import CommandError
from oboegaki.workers import Worker, Workers, worker


@dataclass
class Process:
    """One that ends when it is told to, if it does."""

    status: int | None = None
    stubborn: bool = False
    told: list[str] = field(default_factory=list)

    def poll(self) -> int | None:
        return self.status

    def terminate(self) -> None:
        self.told.append("terminate")
        if not self.stubborn:
            self.status = 0

    def kill(self) -> None:
        self.told.append("kill")
        self.status = -9

    def wait(self, timeout: float | None = None) -> int:
        if self.status is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self.status


class Machine:
    """Starts such processes, and has a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.started: list[tuple[int, Process]] = []

    def start(self, number: int) -> Process:
        self.started.append((number, Process()))
        return self.started[-1][1]

    def workers(self, count: int) -> Workers:
        return Workers(self.start, count, lambda: self.now)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_worker_that_ends_is_started_again_under_its_number(machine: Machine) -> None:
    workers = machine.workers(3)
    machine.now = 60
    machine.started[1][1].status = -9
    workers.look()
    workers.look()

    assert [number for number, _ in machine.started] == [0, 1, 2, 1]


def test_one_that_cannot_start_is_not_tried_for_ever(machine: Machine) -> None:
    workers = machine.workers(2)
    machine.now = 60
    machine.started[1][1].status = -9
    workers.look()
    machine.started[2][1].status = 1
    with pytest.raises(CommandError, match="Worker 1 ended right after its start"):
        workers.look()


def test_all_are_ended_in_order_and_who_does_not_end_is_killed(machine: Machine) -> None:
    workers = machine.workers(3)
    machine.started[0][1].stubborn = True
    workers.end()

    assert [process.told for _, process in machine.started] == [
        ["terminate", "kill"],
        ["terminate"],
        ["terminate"],
    ]


def test_a_worker_knows_itself_by_its_options() -> None:
    one = Worker(number=2, listens_on=7, lifeline=9)
    [option] = one.options()

    assert worker(option.removeprefix("--worker=")) == one
    assert worker(None) is None


@pytest.mark.parametrize("told", ["", "1", "1,2", "1,2,three", "1,2,3,4"])
def test_what_names_no_worker_is_refused(told: str) -> None:
    with pytest.raises(CommandError):
        worker(told)
