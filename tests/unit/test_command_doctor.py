"""A check that hangs or finds something never keeps the others from being made."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from oboegaki import doctor
from oboegaki.doctor import Broken, Check, Finding, files


def test_a_check_that_hangs_is_left_behind_in_time() -> None:
    never = Event()

    def hang() -> str:
        never.wait()
        return "too late"

    finding = doctor.answered(Check("Kafka", hang), within_s=0.05)
    never.set()

    assert finding == Finding("Kafka", well=False, words="no answer within 0 s.")


def test_what_is_broken_is_told_in_its_own_words() -> None:
    def broken() -> str:
        raise Broken("Nothing answers on port 8422.")

    assert doctor.answered(Check("Kafka", broken)) == Finding("Kafka", False, "Nothing answers on port 8422.")


def test_what_is_well_is_told_too() -> None:
    assert doctor.answered(Check("disk", lambda: "80 GB left")) == Finding("disk", True, "80 GB left")


def test_a_home_that_nobody_else_may_open_is_well(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for folder in ("logs", "dist", "mysql/data"):
        (tmp_path / folder).mkdir(mode=0o700, parents=True)
    (tmp_path / "mysql").chmod(0o700)
    (tmp_path / "logs" / "kafka.log").touch(0o600)
    # Programs are nobody's secret, and MySQL's folder of data is closed as a whole.
    (tmp_path / "dist" / "mysqld").touch(0o755)
    (tmp_path / "mysql" / "data" / "ca.pem").touch(0o644)

    assert "nobody else" in files(tmp_path, tmp_path / "dist")


@pytest.mark.parametrize("opened", [".", "logs", "logs/kafka.log", "mysql/data"])
def test_what_others_may_open_is_named_with_what_to_do(tmp_path: Path, opened: str) -> None:
    for folder in ("logs", "mysql/data"):
        (tmp_path / folder).mkdir(mode=0o700, parents=True)
    (tmp_path / "mysql").chmod(0o700)
    (tmp_path / "logs" / "kafka.log").touch(0o600)
    tmp_path.chmod(0o700)
    (tmp_path / opened).chmod(0o740)

    with pytest.raises(Broken, match=rf"Others may open {tmp_path / opened}\. .*chmod -R go-rwx"):
        files(tmp_path, tmp_path / "dist")


def test_files_that_vanish_meanwhile_are_no_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    stopping = Event()

    def come_and_go() -> None:
        while not stopping.is_set():
            for number in range(50):
                folder = tmp_path / f"segment{number}"
                folder.mkdir(mode=0o700)
                (folder / "file").touch(0o600)
                (folder / "file").unlink()
                folder.rmdir()

    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(come_and_go)
        try:
            for _ in range(300):
                assert "nobody else" in files(tmp_path, tmp_path / "dist")
        finally:
            stopping.set()
        writing.result()
