"""Which MySQL to run: the machine's own if that is new enough, otherwise one unpacked into the dist folder."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstack import debian
from devstack.errors import Failed, Missing

OLDEST = (8, 4)
_VERSION = re.compile(r"Ver (\d+)\.(\d+)\.(\d+)(\S*)")


@dataclass(frozen=True, slots=True)
class MySqlProgram:
    """How to call a MySQL server and its client."""

    server: tuple[str, ...]
    client: tuple[str, ...]
    version: str
    #: Where an unpacked MySQL is; it has to be told, an installed one knows.
    base: Path | None


@dataclass(frozen=True, slots=True)
class OnPath:
    """What mysqld on PATH is, if there is one, in a sentence where it cannot be used."""

    program: MySqlProgram | None
    objection: str | None


def find(dist: Path) -> MySqlProgram:
    """The MySQL to run. Raises Missing, saying what was found instead, if none has been fetched yet."""
    on_path = look_on_path()
    program = on_path.program or _unpacked(dist / "mysql")
    if program is None:
        raise Missing(f"{on_path.objection or 'There is no mysqld on PATH.'} `make setup` fetches MySQL.")
    return program


def fetch(dist: Path, on_line: Callable[[str], None]) -> MySqlProgram:
    """The MySQL to run, fetched if there is none; whole or not at all, however it ends.

    Raises Missing where it cannot be fetched on this machine, Failed where that went wrong.
    """
    on_path = look_on_path()
    if on_path.program:
        return on_path.program
    if on_path.objection:
        on_line(on_path.objection)
    home = dist / "mysql"
    if not home.exists():
        dist.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dist, prefix="mysql.") as scratch:
            try:
                debian.unpack_mysql(Path(scratch, "root"), Path(scratch), on_line)
            except Missing as exc:
                raise Missing(" ".join(filter(None, [on_path.objection, str(exc)]))) from exc
            Path(scratch, "root").rename(home)
    program = _unpacked(home)
    if program is None:
        raise Failed(f"{home} holds no MySQL that runs. Remove that folder and try again.")
    return program


def look_on_path() -> OnPath:
    """What the machine itself offers."""
    server = shutil.which("mysqld")
    if server is None:
        return OnPath(None, None)
    answer = _version(server)
    program = MySqlProgram((server,), ("mysql",), version_of(answer) or "", None)
    objection = objection_to(answer)
    if objection is None and (shutil.which("mysql") is None or objection_to(_version("mysql"))):
        objection = "mysqld on PATH is MySQL, but the mysql client is missing or another's."
    return OnPath(None if objection else program, objection)


def version_of(answer: str) -> str | None:
    """The version in the answer to --version."""
    found = _VERSION.search(answer)
    return ".".join(found.groups()[:3]) if found else None


def objection_to(answer: str) -> str | None:
    """Why a program that answers --version so is none of ours to use."""
    found = _VERSION.search(answer)
    if "mariadb" in answer.lower():
        return "mysqld on PATH is MariaDB, which Debezium's MySQL connector does not read: MySQL is used instead."
    if found is None:
        return f"mysqld on PATH does not tell its version ({answer.strip()[:100]!r})."
    if (int(found[1]), int(found[2])) < OLDEST:
        return f"mysqld on PATH is MySQL {version_of(answer)}; at least {OLDEST[0]}.{OLDEST[1]} is needed."
    return None


def _unpacked(home: Path) -> MySqlProgram | None:
    """A tree of Debian packages, run by its own loader: the machine's C library may be older."""
    loader = next(iter(sorted([*home.glob("usr/lib64/ld-linux*"), *home.glob("usr/lib/ld-linux*")])), None)
    library = next(home.glob("usr/lib/*/libc.so.6"), None)
    if loader is None or library is None:
        return None
    prefix = (str(loader), "--library-path", str(library.parent))
    server = (*prefix, str(home / "usr/sbin/mysqld"))
    version = version_of(_version(*server))
    if version is None:
        return None
    return MySqlProgram(server, (*prefix, str(home / "usr/bin/mysql")), version, home / "usr")


def _version(*command: str) -> str:
    try:
        return subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
