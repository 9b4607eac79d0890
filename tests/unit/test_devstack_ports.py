"""A port in use is named with its setting and with who is there, before anything starts."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from devstack import kafka, mysql
from devstack.errors import Taken
from devstack.ports import Port, check_free

#: As sent by MySQL 8.0 and by MariaDB 10.11: length, number, protocol 10, version up to a zero byte, the rest.
MYSQL = b"\x4a\x00\x00\x00\x0a8.0.43\x00\x08\x00\x00\x00"
MARIADB = b"\x6e\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\x00\x1f\x00\x00\x00"
MUTE = b""

Serve = Callable[[bytes], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that say their greeting to whoever connects and hang up."""
    with ExitStack() as running:

        def start(greeting: bytes) -> int:
            server = running.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=_greet, args=(server, greeting))
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown, socket.SHUT_RDWR)
            return int(server.getsockname()[1])

        yield start


def _greet(server: socket.socket, greeting: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(greeting)


def complaint(number: int) -> str:
    with pytest.raises(Taken) as taken:
        check_free([Port(number, "MySQL", "OBOEGAKI_MYSQL_PORT")])
    return str(taken.value)


def test_a_free_port_is_no_matter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]

    check_free([Port(number, "MySQL", "OBOEGAKI_MYSQL_PORT")])


def test_a_connection_that_has_just_ended_does_not_keep_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", number)) as client:
            # Whoever closes first keeps the port for a minute.
            server.accept()[0].close()
            assert client.recv(1) == b""

    check_free([Port(number, "MySQL", "OBOEGAKI_MYSQL_PORT")])


def test_a_port_in_use_is_named_with_its_setting(serve: Serve) -> None:
    number = serve(MUTE)

    assert complaint(number) == (
        f"Port {number} is in use by something else, but MySQL needs it."
        " Stop that, or set OBOEGAKI_MYSQL_PORT to a free port."
    )


def test_mariadb_at_the_port_is_named(serve: Serve) -> None:
    assert "in use by MariaDB (5.5.5-10.11.6-MariaDB-0+deb12u1)," in complaint(serve(MARIADB))


def test_another_mysql_at_the_port_is_named_with_its_version(serve: Serve) -> None:
    assert "in use by MySQL (8.0.43)," in complaint(serve(MYSQL))


def test_whoever_speaks_another_protocol_is_not_taken_for_mysql(serve: Serve) -> None:
    assert "in use by something else," in complaint(serve(b"SSH-2.0-OpenSSH_9.2p1\r\n"))


def test_every_port_in_use_is_named_at_once(serve: Serve) -> None:
    ports = [Port(serve(MUTE), "Kafka", "A_PORT"), Port(serve(MUTE), "Kafka Connect", "B_PORT")]

    with pytest.raises(Taken) as taken:
        check_free(ports)

    assert ["A_PORT" in line or "B_PORT" in line for line in str(taken.value).splitlines()] == [True, True]


@pytest.mark.parametrize("greeting", [MUTE, MYSQL, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_whoever_is_no_kafka_does_not_answer_as_one(serve: Serve, greeting: bytes) -> None:
    assert not kafka.is_ready(serve(greeting), "secret")


def test_nobody_at_the_port_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]

    assert mysql.greeting(number) is None
    assert not kafka.is_ready(number, "secret")
    assert not kafka.lets_in_strangers(number)
