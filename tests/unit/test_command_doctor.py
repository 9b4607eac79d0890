"""A check that hangs or finds something never keeps the others from being made."""

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from oboegaki import doctor
from oboegaki.doctor import Broken, Check, Finding, files
from tests.support.deadline import wait_until


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


COME_AND_GO = """
import shutil, sys
from pathlib import Path
folder = Path(sys.argv[1])
while True:
    folder.mkdir(mode=0o700)
    for number in range(100):
        (folder / str(number)).touch(0o600)
    shutil.rmtree(folder)
"""


def test_files_that_vanish_meanwhile_are_no_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    # A process, for a thread would wait for its turn while the files are looked at.
    writing = subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(tmp_path / "segments")])
    try:
        wait_until((tmp_path / "segments").exists)
        for _ in range(500):
            assert "nobody else" in files(tmp_path, tmp_path / "dist")
    finally:
        writing.kill()
        writing.wait()
