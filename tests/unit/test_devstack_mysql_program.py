"""A mysqld on PATH is used only if it is MySQL and new enough; what it is instead is said."""

import os
from pathlib import Path

import pytest

from devstack import mysql_program
from devstack.errors import Missing
from devstack.mysql_program import objection_to, version_of

ORACLE = "/usr/sbin/mysqld  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)"
PERCONA = "mysqld  Ver 8.4.3-3 for Linux on x86_64 (Percona Server (GPL), Release 3)"
HOMEBREW = "mysqld  Ver 8.4.6 for macos15.4 on arm64 (Homebrew)"
MARIADB = "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
MARIADB_CLIENT = "mysql  Ver 15.1 Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64) using  EditLine wrapper"
NEW_MARIADB_CLIENT = "mysql from 11.8.2-MariaDB, client 15.2 for Linux (x86_64) using readline 5.1"


@pytest.mark.parametrize(
    ("answer", "version"), [(ORACLE, "9.7.4"), (PERCONA, "8.4.3"), (HOMEBREW, "8.4.6"), ("bash: oops", None)]
)
def test_the_version_is_read_from_the_answer(answer: str, version: str | None) -> None:
    assert version_of(answer) == version


@pytest.mark.parametrize("answer", [ORACLE, PERCONA, HOMEBREW, "mysqld  Ver 8.10.0 for Linux"])
def test_a_mysql_that_is_new_enough_is_taken(answer: str) -> None:
    assert objection_to(answer) is None


@pytest.mark.parametrize("answer", [MARIADB, MARIADB_CLIENT, NEW_MARIADB_CLIENT])
def test_mariadb_in_the_place_of_mysql_is_told_apart(answer: str) -> None:
    assert "MariaDB" in (objection_to(answer) or "")


@pytest.mark.parametrize("version", ["8.3.0", "8.0.43", "5.7.44"])
def test_a_mysql_that_is_too_old_is_named_with_what_is_needed(version: str) -> None:
    objection = objection_to(f"mysqld  Ver {version} for Linux on x86_64 (MySQL Community Server - GPL)")

    assert objection == f"mysqld on PATH is MySQL {version}; at least 8.4 is needed."


def test_an_answer_without_a_version_is_quoted() -> None:
    assert "'command not found'" in (objection_to("command not found\n") or "")


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, answer: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o700)


def test_the_machines_own_mysql_is_run_where_it_can_be(on_path: Path, tmp_path: Path) -> None:
    program(on_path / "mysqld", ORACLE)
    program(on_path / "mysql", ORACLE.replace("mysqld", "mysql"))

    found = mysql_program.find(tmp_path / "dist")

    assert found.server == (str(on_path / "mysqld"),)
    assert (found.version, found.base) == ("9.7.4", None)


def test_mariadb_on_path_is_told_apart_when_there_is_no_other(on_path: Path, tmp_path: Path) -> None:
    program(on_path / "mysqld", MARIADB)

    with pytest.raises(Missing, match="MariaDB"):
        mysql_program.find(tmp_path / "dist")


def test_a_mysql_with_mariadbs_client_is_not_run(on_path: Path, tmp_path: Path) -> None:
    program(on_path / "mysqld", ORACLE)
    program(on_path / "mysql", MARIADB_CLIENT)

    with pytest.raises(Missing, match="client is missing or another's"):
        mysql_program.find(tmp_path / "dist")


def test_without_any_mysqld_the_way_to_get_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)

    with pytest.raises(Missing, match=r"no mysqld on PATH\. `make setup`"):
        mysql_program.find(tmp_path / "dist")
