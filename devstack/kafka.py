"""Kafka as a process of ours: one node that is broker and controller."""

import base64
import shutil
import socket
import struct
import uuid
from pathlib import Path

from devstack import commands, jars, java, process
from devstack.process import Process
from devstack.secrets import Secrets
from devstack.settings import StackSettings

NAME = "kafka"
_STOP_S = 60.0
_PROBE_S = 2.0
#: The largest record of ours: names.MAX_RECORD_BYTES of the memory consumer.
_RECORD_BYTES = 8 * 1024 * 1024
#: Who reads and writes topics, and how they prove that they do.
CLIENT = "oboegaki"
CLIENT_MECHANISM = "SCRAM-SHA-512"
#: The broker to itself, and who gives the other account its password.
BROKER = "oboegaki_broker"

_CLIENT_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
_BROKER_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_LISTENER = "SASL_PLAINTEXT"
_METADATA, _HANDSHAKE, _AUTHENTICATE, _CLUSTER = 3, 17, 36, 60
_CONTROLLERS = 2
#: Comes back with the answer; nobody else's greeting has it in this place.
_REQUEST = 0x6F626F65
_MOST_BYTES = 1024 * 1024


def start(settings: StackSettings, secrets: Secrets) -> Process:
    """Starts Kafka, formatting its storage first where that has not been done; returns before it is ready.

    Raises Missing without Java or the jars, Failed if the storage could not be formatted.
    """
    running = process.find(settings.home, NAME)
    if running is not None and not lets_in_strangers(settings.kafka_port):
        return running
    # One of an earlier release, which asked nobody for a password.
    stop(settings)
    found = jars.find(settings.dist)
    folder = settings.home / "kafka"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _format(settings, secrets, found, folder)
    return process.start(NAME, server_command(settings, secrets, found.classpath, folder), home=settings.home)


def wait(settings: StackSettings, secrets: Secrets, broker: Process, deadline: float) -> None:
    """Returns once topics can be made. Raises Failed as process.wait_until does."""
    process.wait_until(lambda: answers(settings, secrets), deadline, broker)


def stop(settings: StackSettings) -> bool:
    """Stops Kafka in order. Returns whether it ran."""
    return process.stop(settings.home, NAME, patience_s=_STOP_S)


def answers(settings: StackSettings, secrets: Secrets) -> bool:
    """Whether our broker answers and counts itself in: before that no topic can be made."""
    # Whoever else took its port must not be told its password.
    password = secrets.kafka_broker.get_secret_value()
    return listens(settings) and is_ready(settings.kafka_port, password, settings.host(NAME))


def listens(settings: StackSettings) -> bool:
    """Whether it is our own broker that holds its port; the containers' network has no others."""
    if settings.containers:
        return True
    found = process.find(settings.home, NAME)
    return found is not None and process.listens(found, settings.kafka_port)


def is_ready(port: int, password: str, host: str = "127.0.0.1") -> bool:
    """The same, of whoever listens on a port; it is told the broker's password."""
    token = f"\0{BROKER}\0{password}".encode()
    try:
        with socket.create_connection((host, port), _PROBE_S) as connection:
            _ask(connection, _HANDSHAKE, struct.pack(">h5s", 5, b"PLAIN"))
            _ask(connection, _AUTHENTICATE, struct.pack(">i", len(token)) + token)
            answer = _ask(connection, _METADATA, struct.pack(">i", 0))
    except (OSError, struct.error):
        return False
    # A list of brokers by its length.
    return int.from_bytes(answer[:4], signed=True) > 0


def controller_lets_in_strangers(port: int) -> bool:
    """Whether a controller on this machine tells about its cluster to whoever does not say who they are."""
    # Without the operations allowed, of the controllers; empty tags behind the head and the body.
    body = b"\0" + struct.pack(">?bB", False, _CONTROLLERS, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), _PROBE_S) as connection:
            return len(_ask(connection, _CLUSTER, body)) > 0
    except (OSError, struct.error):
        return False


def lets_in_strangers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a broker tells its brokers and topics to whoever does not say who they are."""
    try:
        with socket.create_connection((host, port), _PROBE_S) as connection:
            return len(_ask(connection, _METADATA, struct.pack(">i", 0))) > 0
    except (OSError, struct.error):
        return False


def client_login(secrets: Secrets) -> str:
    """How a Java client proves to be the account that reads and writes topics."""
    return f'{_CLIENT_LOGIN} required username="{CLIENT}" password="{secrets.kafka.get_secret_value()}";'


def server_config(settings: StackSettings, secrets: Secrets, data: Path) -> dict[str, object]:
    """Kafka's configuration: nobody is let in without a password, nothing is made or thrown away by itself, and
    records may be as large as rows."""
    password = secrets.kafka_broker.get_secret_value()
    clients = f"listener.name.{_LISTENER.lower()}"
    login = f'{_BROKER_LOGIN} required username="{BROKER}" password="{password}" user_{BROKER}="{password}";'
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{settings.kafka_controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{_LISTENER}://{settings.bind_host()}:{settings.kafka_port},"
        f"CONTROLLER://127.0.0.1:{settings.kafka_controller_port}",
        "advertised.listeners": f"{_LISTENER}://{settings.kafka()}",
        "listener.security.protocol.map": f"{_LISTENER}:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": _LISTENER,
        # Others prove by SCRAM that they know their password, without saying it: while Kafka is down, another
        # account may listen here. PLAIN is for the broker itself, which holds both ports.
        "sasl.enabled.mechanisms": f"{CLIENT_MECHANISM},PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"{clients}.plain.sasl.jaas.config": login,
        f"{clients}.{CLIENT_MECHANISM.lower()}.sasl.jaas.config": f"{_CLIENT_LOGIN} required;",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": login,
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "log.retention.ms": -1,
        "log.retention.bytes": -1,
        # How far a group has read is kept for ten years of its absence, not for a week.
        "offsets.retention.minutes": 10 * 365 * 24 * 60,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "message.max.bytes": _RECORD_BYTES,
        "replica.fetch.max.bytes": _RECORD_BYTES,
        "offsets.topic.num.partitions": 8,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # What Kafka Connect asks for when a connector is to forget its place; none of our own asks for as long.
        "transaction.max.timeout.ms": 120_000,
        # Readers wait for a dead producer's transaction: it is given up soon after its own time-out.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # After a crash the node is let in again when its former session has run out.
        "broker.session.timeout.ms": 5_000,
        "broker.heartbeat.interval.ms": 1_000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
    }


def _ask(connection: socket.socket, key: int, body: bytes) -> bytes:
    """The answer to a request in its version 1, without length and number. Raises OSError and struct.error."""
    client_id = b"oboegaki"
    head = struct.pack(f">hhih{len(client_id)}s", key, 1, _REQUEST, len(client_id), client_id)
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    length, number = struct.unpack(">ii", connection.recv(8, socket.MSG_WAITALL))
    rest = length - 4  # of the number
    if number != _REQUEST or not 0 <= rest <= _MOST_BYTES:
        raise OSError("This is no answer of Kafka's.")
    answer = connection.recv(rest, socket.MSG_WAITALL)
    if key in (_HANDSHAKE, _AUTHENTICATE) and answer[:2] != bytes(2):
        raise OSError("Kafka refused the password.")
    return answer


def _format(settings: StackSettings, secrets: Secrets, found: jars.Jars, folder: Path) -> None:
    data = folder / "data"
    if data.exists():
        return
    # Made aside and renamed, so that storage is formatted or absent.
    partial = folder / "data.new"
    shutil.rmtree(partial, ignore_errors=True)
    commands.run(
        format_command(settings, secrets, found.classpath, folder),
        failure="Kafka could not format its storage.",
        on_line=lambda _: None,
    )
    partial.rename(data)


def format_command(settings: StackSettings, secrets: Secrets, classpath: str, folder: Path) -> list[str]:
    """How to format the folder's `data.new`; its configuration is written."""
    config = folder / "format.properties"
    java.write_properties(config, server_config(settings, secrets, folder / "data.new"))
    arguments = ["format", "-t", _cluster_id(), "-c", str(config), "--standalone"]
    return java.command(classpath, folder, settings.kafka_heap_mb, "kafka.tools.StorageTool", *arguments)


def server_command(settings: StackSettings, secrets: Secrets, classpath: str, folder: Path) -> list[str]:
    """How to run the broker; its configuration is written."""
    config = folder / "server.properties"
    java.write_properties(config, server_config(settings, secrets, folder / "data"))
    return java.command(classpath, folder, settings.kafka_heap_mb, "kafka.Kafka", str(config))


def _cluster_id() -> str:
    # A leading - would read as an option.
    made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return made if not made.startswith("-") else _cluster_id()
