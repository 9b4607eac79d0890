"""The whole native stack: started in order, stopped in reverse."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from devstack import connect, jars, kafka, mysql, mysql_program, process
from devstack.errors import Missing, Refused
from devstack.ports import Port, check_free
from devstack.secrets import Secrets
from devstack.settings import StackSettings

#: Time for a part to get ready on a slow machine, the first start included.
_READY_S = 180.0

Step = Literal["starting", "ready"]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How one part of the stack is."""

    name: str
    running: bool
    ready: bool
    port: int
    pid: int | None
    detail: str


def start(
    settings: StackSettings,
    secrets: Secrets,
    *,
    partitions: int,
    on_part: Callable[[str, Step], None],
    after_mysql: Callable[[], None],
    after_kafka: Callable[[], str],
) -> None:
    """Starts what does not run yet and returns once all of it is ready and the connector runs.

    after_mysql makes the tables; after_kafka makes the account of Kafka's clients and the topics, and answers the
    id of the messages log. Both run at every start, and what they raise ends it. Where that log is another one
    than before, every row is read again into it.
    A part that was started stays, also where a later one fails: stop() ends them all.
    Raises Refused before anything has started (a port in use, a program missing), Failed with a part's last
    log lines where it did not get ready.
    """
    with _alone(settings):
        _check_programs(settings)
        check_free(_ports_needed(settings))
        stop_connect_of_an_open_kafka(settings)
        # Java and MySQL take their seconds side by side.
        on_part(kafka.NAME, "starting")
        broker = kafka.start(settings, secrets)
        on_part(mysql.NAME, "starting")
        server = mysql.start(settings, secrets)
        mysql.wait(settings, server, _deadline())
        after_mysql()
        mysql.grant_tables(settings)
        on_part(mysql.NAME, "ready")
        kafka.wait(settings, secrets, broker, _deadline())
        log_id = after_kafka()
        on_part(kafka.NAME, "ready")
        on_part(connect.NAME, "starting")
        worker = connect.start(settings, secrets)
        deadline = _deadline()
        connect.wait(settings, secrets, worker, deadline)
        connect.register_messages(
            settings, secrets, worker, partitions=partitions, log_id=log_id, deadline=deadline
        )
        on_part(connect.NAME, "ready")


def stop_connect_of_an_open_kafka(settings: StackSettings) -> None:
    """Of an earlier release, without passwords: stops Kafka Connect, for Kafka is started anew with passwords.

    Kafka Connect finishes what it has in hand while it can still write it.
    """
    if process.find(settings.home, kafka.NAME) is not None and kafka.lets_in_strangers(settings.kafka_port):
        connect.stop(settings)


def stop(settings: StackSettings) -> list[str]:
    """Stops every part that runs, readers before what they read from. Returns the names of those that ran."""
    stops = ((connect.NAME, connect.stop), (kafka.NAME, kafka.stop), (mysql.NAME, mysql.stop))
    return [name for name, stop_part in stops if stop_part(settings)]


def status(settings: StackSettings, secrets: Secrets) -> list[PartStatus]:
    """How every part is, within a few seconds."""
    greeting = mysql.greeting(settings.mysql_port, settings.host(mysql.NAME))
    return [
        _status(settings, mysql.NAME, settings.mysql_port, greeting is not None),
        _status(settings, kafka.NAME, settings.kafka_port, kafka.answers(settings, secrets)),
        _connect_status(settings, secrets),
    ]


def _connect_status(settings: StackSettings, secrets: Secrets) -> PartStatus:
    connector = connect.connector(settings, secrets)
    detail = f"connector {connector}" if connector else ""
    return _status(settings, connect.NAME, settings.connect_port, connector == "RUNNING", detail)


def _status(settings: StackSettings, name: str, port: int, answers: bool, detail: str = "") -> PartStatus:
    found = process.find(settings.home, name)
    if settings.containers:
        # Whether one runs that does not answer is `docker compose ps`'s to tell.
        told = detail or ("ready" if answers else "does not answer")
        return PartStatus(name, running=answers or bool(detail), ready=answers, port=port, pid=None, detail=told)
    if found is None:
        return PartStatus(name, running=False, ready=False, port=port, pid=None, detail="not running")
    told = detail or ("ready" if answers else "does not answer")
    return PartStatus(name, running=True, ready=answers, port=port, pid=found.pid, detail=told)


def _check_programs(settings: StackSettings) -> None:
    if shutil.which("java") is None:
        raise Missing("Java (java) is not on PATH; at least version 17 is needed.")
    mysql_program.find(settings.dist)
    jars.find(settings.dist)


def _ports_needed(settings: StackSettings) -> Iterator[Port]:
    ports = (
        (mysql.NAME, Port(settings.mysql_port, "MySQL", "OBOEGAKI_MYSQL_PORT")),
        (kafka.NAME, Port(settings.kafka_port, "Kafka", "OBOEGAKI_KAFKA_PORT")),
        (kafka.NAME, Port(settings.kafka_controller_port, "Kafka's controller", "OBOEGAKI_KAFKA_CONTROLLER_PORT")),
        (connect.NAME, Port(settings.connect_port, "Kafka Connect", "OBOEGAKI_CONNECT_PORT")),
    )
    return (port for name, port in ports if process.find(settings.home, name) is None)


@contextmanager
def _alone(settings: StackSettings) -> Iterator[None]:
    """Of two starters of one instance, the second is refused; the lock ends with its holder, however that ends."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(settings.home / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Refused(f"The stack in {settings.home} is being started by another process.") from exc
        yield
    finally:
        os.close(descriptor)


def _deadline() -> float:
    return time.monotonic() + _READY_S
