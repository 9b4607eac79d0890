"""MySQL as a process of ours: its configuration, start, readiness and stop."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from devstack import accounts, commands, files, mysql_program, process
from devstack.errors import Failed, StackError
from devstack.mysql_program import MySqlProgram
from devstack.process import Process
from devstack.secrets import Secrets
from devstack.settings import StackSettings
from devstack.sockets import socket_path

NAME = "mysql"
_STOP_S = 60.0
_PROBE_S = 2.0
_CLIENT_S = 60.0
#: Whoever types `mysql` on this machine may have a login of their own stored.
_CLIENT = ("--no-login-paths", "--batch", "--skip-column-names")
_PROTOCOL = 10


def start(settings: StackSettings, secrets: Secrets) -> Process:
    """Starts MySQL, making its data and accounts first where they are missing; returns before it is ready.

    Raises Missing if there is no MySQL, Failed if its data could not be made.
    """
    running = process.find(settings.home, NAME)
    if running is not None:
        return running
    program = mysql_program.find(settings.dist)
    config = write_config(settings, secrets, program.base)
    _initialise(settings, program, config)
    # A killed server leaves these behind, and another process may have its pid by now.
    for leftover in (_socket(settings), _socket(settings).with_suffix(".sock.lock")):
        leftover.unlink(missing_ok=True)
    return process.start(NAME, [*program.server, f"--defaults-file={config}"], home=settings.home)


def wait(settings: StackSettings, server: Process, deadline: float) -> None:
    """Returns once MySQL takes connections, its accounts made. Raises Failed as process.wait_until does."""
    # By the socket, which is ours by its path: what answers at the port may be another server.
    process.wait_until(lambda: _greets(_socket(settings)), deadline, server)


def stop(settings: StackSettings) -> bool:
    """Stops MySQL, everything on disk. Returns whether it ran."""
    if process.find(settings.home, NAME) is not None:
        _end_dumps(settings)
    return process.stop(settings.home, NAME, patience_s=_STOP_S)


def grant_tables(settings: StackSettings) -> None:
    """Gives the accounts what they may do with single tables. To be called after migrations."""
    query(settings, accounts.table_statements())


def query(settings: StackSettings, statements: Sequence[str]) -> list[list[str]]:
    """Runs statements as root over the socket and returns all rows as text. Raises Failed if MySQL refuses one."""
    client = mysql_program.find(settings.dist).client
    try:
        done = subprocess.run(
            [*client, f"--defaults-file={_folder(settings) / 'client.cnf'}", *_CLIENT],
            input=";\n".join([*statements, ""]),
            capture_output=True,
            text=True,
            check=True,
            timeout=_CLIENT_S,
        )
    except subprocess.CalledProcessError as exc:
        raise Failed(f"MySQL refused: {exc.stderr.strip()}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Failed("MySQL's client did not answer.") from exc
    return [line.split("\t") for line in done.stdout.splitlines()]


def greeting(port: int, host: str = "127.0.0.1") -> str | None:
    """The version that a MySQL or MariaDB server says when one connects; None without one."""
    try:
        with socket.create_connection((host, port), _PROBE_S) as connection:
            packet = connection.recv(256)
    except OSError:
        return None
    return _version_in(packet)


def _greets(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PROBE_S)
        try:
            connection.connect(str(path))
            return _version_in(connection.recv(256)) is not None
        except OSError:
            return False


def _version_in(packet: bytes) -> str | None:
    # Four bytes of length and number, the protocol's version, then the server's up to a zero byte.
    if packet[4:5] != bytes([_PROTOCOL]):
        return None
    return packet[5:].split(b"\0")[0].decode("latin-1")


def _end_dumps(settings: StackSettings) -> None:
    # MySQL notices only at its next write that Debezium has gone, and waits ten seconds for it when stopping.
    with suppress(StackError):
        found = query(settings, ["SHOW PROCESSLIST"])
        query(settings, [f"KILL {row[0]}" for row in found if row[4].startswith("Binlog Dump")])


def _initialise(settings: StackSettings, program: MySqlProgram, config: Path) -> None:
    data = _folder(settings) / "data"
    if data.exists():
        return
    # Made aside and renamed, so that data is whole or absent. Root gets its password before the first connection.
    partial = data.with_suffix(".new")
    shutil.rmtree(partial, ignore_errors=True)
    commands.run(
        [*program.server, f"--defaults-file={config}", f"--datadir={partial}", "--initialize-insecure"],
        failure="MySQL could not make its data.",
        on_line=lambda _: None,
    )
    partial.chmod(0o700)
    partial.rename(data)


def write_config(settings: StackSettings, secrets: Secrets, base: Path | None) -> Path:
    """Writes MySQL's configuration and accounts, and its client's; returns the server's file."""
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(folder / "accounts.sql", "".join(f"{line};\n" for line in _accounts(settings, secrets)))
    password = secrets.mysql_root.get_secret_value()
    # All of it, for what is left out is taken from MYSQL_HOST and the like.
    client = {"user": "root", "password": password, "host": "localhost", "socket": _socket(settings)}
    files.replace(folder / "client.cnf", _ini("client", client))
    config = folder / "my.cnf"
    files.replace(config, _ini("mysqld", server_config(settings, base)))
    return config


def _accounts(settings: StackSettings, secrets: Secrets) -> list[str]:
    return accounts.account_statements(secrets, host=accounts_host(settings))


def accounts_host(settings: StackSettings) -> str:
    """Where the accounts come from: this machine, or any container of MySQL's network."""
    return "%" if settings.containers else "localhost"


def server_config(settings: StackSettings, base: Path | None) -> dict[str, object]:
    """MySQL's configuration: every committed row in the binlog, whole, and on disk before it is confirmed."""
    folder = _folder(settings)
    config: dict[str, object] = {
        "datadir": folder / "data",
        "socket": _socket(settings),
        # In its own folder of data: it makes the file with rights of its own.
        "pid-file": "mysqld.pid",
        "init-file": folder / "accounts.sql",
        "port": settings.mysql_port,
        "bind-address": settings.bind_host(),
        "mysqlx": "OFF",
        "secure-file-priv": "NULL",
        "max-connect-errors": 1_000_000,
        "default-time-zone": "+00:00",
        "character-set-server": "utf8mb4",
        "collation-server": "utf8mb4_0900_bin",
        "max-allowed-packet": "64M",
        "innodb-buffer-pool-size": "256M",
        "performance-schema": "OFF",
        # That an account is there already is no news at every start.
        "log-error-suppression-list": "MY-010235",
        "server-id": 1,
        "log-bin": "binlog",
        "binlog-row-image": "FULL",
        "binlog-row-value-options": "",
        "binlog-expire-logs-seconds": 30 * 24 * 3600,
        "gtid-mode": "ON",
        "enforce-gtid-consistency": "ON",
        "innodb-flush-log-at-trx-commit": 1,
        "sync-binlog": 1,
    }
    if base is not None:
        config |= {"basedir": base, "lc-messages-dir": base / "share" / "mysql"}
    if os.geteuid() == 0 and not settings.containers:
        config["user"] = "root"
    return config


def _ini(section: str, values: Mapping[str, object]) -> str:
    quoted = {name: str(value).replace("\\", "\\\\") for name, value in values.items()}
    lines = [f'{name}="{value}"' for name, value in quoted.items()]
    return "\n".join([f"[{section}]", *lines, ""])


def _folder(settings: StackSettings) -> Path:
    return settings.home / "mysql"


def _socket(settings: StackSettings) -> Path:
    # Of its home, MySQL's container has MySQL's folder only.
    return _folder(settings) / "mysql.sock" if settings.containers else socket_path(settings.home, "mysql.sock")
