"""Whether the stack's ports are free, before anything starts."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from devstack import mysql
from devstack.errors import Taken


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a part is going to listen on."""

    number: int
    part: str
    setting: str


def check_free(ports: Iterable[Port]) -> None:
    """Raises Taken, naming every port in use with its part and its setting."""
    taken = [port for port in ports if not _is_free(port.number)]
    if taken:
        raise Taken("\n".join(_complaint(port) for port in taken))


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
        return True


def _complaint(port: Port) -> str:
    version = mysql.greeting(port.number)
    return (
        f"Port {port.number} is in use by {_owner(version)}, but {port.part} needs it. Stop that, or set"
        f" {port.setting} to a free port."
    )


def _owner(version: str | None) -> str:
    if version is None:
        return "something else"
    return f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} ({version})"
