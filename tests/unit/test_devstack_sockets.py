"""Unix limits the length of a socket's path; a deep home must not break the start."""

import socket
import tempfile
from pathlib import Path

import pytest

from devstack.errors import Refused
from devstack.sockets import socket_path

DEEP = Path("/srv", "oboegaki" * 12)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, for this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_socket_is_in_the_homes_run_folder() -> None:
    assert socket_path(Path("/srv/o"), "mysql.sock") == Path("/srv/o/run/mysql.sock")


def test_a_path_too_long_gives_way_to_a_folder_of_our_own(temporary: Path) -> None:
    path = socket_path(DEEP, "mysql.sock")

    assert path.parent.parent == temporary
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_characters_count_by_their_bytes(temporary: Path) -> None:
    assert socket_path(Path("/srv", "覚" * 30), "mysql.sock").is_relative_to(temporary)


def test_the_same_home_always_has_the_same_socket_and_another_home_another(temporary: Path) -> None:
    first = socket_path(DEEP, "mysql.sock")

    assert socket_path(DEEP, "mysql.sock") == first
    assert socket_path(DEEP / "b", "mysql.sock") != first
    assert first.is_relative_to(temporary)


def test_a_path_of_the_longest_that_is_taken_can_be_bound(tmp_path: Path) -> None:
    home = tmp_path / ("x" * (100 - len(f"{tmp_path}//run/m.sock")))
    (home / "run").mkdir(parents=True)
    path = socket_path(home, "m.sock")

    assert len(str(path)) == 100
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize("kind", ["link", "dangling link", "file"])
def test_a_folder_that_somebody_put_there_first_is_refused(temporary: Path, kind: str) -> None:
    ours = socket_path(DEEP, "mysql.sock").parent
    ours.rmdir()
    elsewhere = temporary / "elsewhere"
    if kind == "link":
        elsewhere.mkdir()
    if kind == "file":
        ours.touch()
    else:
        ours.symlink_to(elsewhere)

    with pytest.raises(Refused, match="OBOEGAKI_HOME"):
        socket_path(DEEP, "mysql.sock")
