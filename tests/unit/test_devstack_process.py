"""Processes of ours: found again by whoever looks, told apart from others, ended for certain."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devstack import process
from devstack.errors import Failed, Missing
from devstack.process import Process
from tests.support.deadline import wait_until

PATIENT = "print('up', flush=True); import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT
#: Starts another one, and does not look after it when it has ended.
NEGLECTFUL = "import sys; from pathlib import Path; from devstack import process; "
NEGLECTFUL += "process.start('child', ['sleep', '600'], home=Path(sys.argv[1])); " + PATIENT


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for name in ("part", "child"):
        process.stop(tmp_path, name, patience_s=0.1)


def start(home: Path, code: str, *arguments: str) -> Process:
    return process.start("part", [sys.executable, "-c", code, *arguments], home=home)


def soon() -> float:
    return time.monotonic() + 60


def is_up(part: Process) -> bool:
    return "up" in part.log.read_text()


def test_a_process_is_found_by_its_name_and_not_in_another_home(home: Path) -> None:
    part = start(home, PATIENT)

    assert process.find(home, "part") == part
    assert process.find(home, "other") is None
    assert process.find(home / "other", "part") is None


def test_a_process_that_was_stopped_is_not_found(home: Path) -> None:
    part = start(home, PATIENT)

    assert process.stop(home, "part", patience_s=60)
    assert process.find(home, "part") is None
    assert not process.is_running(part)
    assert not psutil.pid_exists(part.pid)


def test_stopping_what_does_not_run_does_nothing(home: Path) -> None:
    assert not process.stop(home, "part", patience_s=60)


def test_a_process_that_ignores_the_request_is_killed(home: Path) -> None:
    part = start(home, DEAF)
    process.wait_until(lambda: is_up(part), soon(), part)

    assert process.stop(home, "part", patience_s=0.2)
    assert not process.is_running(part)


def test_a_dead_process_whose_parent_does_not_look_after_it_has_ended(home: Path) -> None:
    parent = start(home, NEGLECTFUL, str(home))
    process.wait_until(lambda: is_up(parent), soon(), parent)
    child = process.find(home, "child")
    assert child is not None

    assert process.stop(home, "child", patience_s=5)
    assert not process.is_running(child)


def test_a_pid_given_to_another_process_is_not_ours_and_never_stopped(home: Path) -> None:
    part = start(home, PATIENT)
    earlier = part.model_copy(update={"started": "in another life"})
    (home / "run" / "part.json").write_text(earlier.model_dump_json())

    assert process.find(home, "part") is None
    assert not process.stop(home, "part", patience_s=60)

    assert process.is_running(part)
    (home / "run" / "part.json").write_text(part.model_dump_json())


@pytest.mark.parametrize("torn", ["", '{"name": "pa'])
def test_a_torn_pid_file_means_that_nothing_runs(home: Path, torn: str) -> None:
    (home / "run").mkdir()
    (home / "run" / "part.json").write_text(torn)

    assert process.find(home, "part") is None


def test_ready_is_when_the_condition_holds(home: Path) -> None:
    part = start(home, PATIENT)

    process.wait_until(lambda: is_up(part), soon(), part)

    assert is_up(part)


def test_one_that_died_while_starting_is_told_with_its_last_log_lines(home: Path) -> None:
    part = start(home, "for n in range(40): print('line', n)\nraise SystemExit('no room left')")

    with pytest.raises(Failed) as failure:
        process.wait_until(lambda: False, soon(), part)

    lines = str(failure.value).splitlines()
    assert lines[0] == f"part stopped while starting. The last lines of {part.log}:"
    assert [line.strip() for line in lines[1:]] == [f"line {n}" for n in range(26, 40)] + ["no room left"]


def test_one_that_died_is_not_ready_even_if_another_answers_in_its_place(home: Path) -> None:
    part = start(home, "raise SystemExit('the port is taken')")
    wait_until(lambda: not process.is_running(part))

    with pytest.raises(Failed, match="the port is taken"):
        process.wait_until(lambda: True, soon(), part)


def test_one_that_is_not_ready_by_the_deadline_is_told_with_its_last_log_lines(home: Path) -> None:
    part = start(home, PATIENT)
    wait_until(lambda: is_up(part))

    with pytest.raises(Failed, match=r"part did not get ready in time(.|\n)*up"):
        process.wait_until(lambda: False, time.monotonic(), part)


def test_only_what_was_written_since_this_start_is_quoted(home: Path) -> None:
    first = start(home, "raise SystemExit('an old failure')")
    wait_until(lambda: not process.is_running(first))
    second = start(home, "")
    wait_until(lambda: not process.is_running(second))

    assert "an old failure" in process.last_lines(first)
    assert process.last_lines(second) == f"It wrote nothing to {second.log}."


def test_no_terminals_ctrl_c_reaches_a_process(home: Path) -> None:
    part = start(home, f"import os; print('leader', os.getsid(0) == os.getpid()); {PATIENT}")
    wait_until(lambda: is_up(part))

    assert "leader True" in part.log.read_text()


def test_only_the_owner_reads_a_log(home: Path) -> None:
    assert start(home, PATIENT).log.stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(Missing, match="no-such-program is not there, so part cannot be started"):
        process.start("part", ["no-such-program"], home=home)
