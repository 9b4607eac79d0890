"""Kafka as a process of ours: one node that is broker and controller."""

import base64
import shutil
import socket
import struct
import uuid
from pathlib import Path

from devstack import commands, jars, java, process
from devstack.process import Process
from devstack.settings import StackSettings

NAME = "kafka"
_STOP_S = 60.0
_PROBE_S = 2.0
#: The largest record of ours: names.MAX_RECORD_BYTES of the memory consumer.
_RECORD_BYTES = 8 * 1024 * 1024
_METADATA = 3
#: Comes back with the answer; nobody else's greeting has it in this place.
_REQUEST = 0x6F626F65


def start(settings: StackSettings) -> Process:
    """Starts Kafka, formatting its storage first where that has not been done; returns before it is ready.

    Raises Missing without Java or the jars, Failed if the storage could not be formatted.
    """
    running = process.find(settings.home, NAME)
    if running is not None:
        return running
    found = jars.find(settings.dist)
    folder = settings.home / "kafka"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _format(settings, found, folder)
    config = folder / "server.properties"
    java.write_properties(config, server_config(settings, folder / "data"))
    command = java.command(found, folder, settings.kafka_heap_mb, "kafka.Kafka", str(config))
    return process.start(NAME, command, home=settings.home)


def wait(settings: StackSettings, broker: Process, deadline: float) -> None:
    """Returns once topics can be made. Raises Failed as process.wait_until does."""
    process.wait_until(lambda: answers(settings.kafka_port), deadline, broker)


def stop(settings: StackSettings) -> bool:
    """Stops Kafka in order. Returns whether it ran."""
    return process.stop(settings.home, NAME, patience_s=_STOP_S)


def answers(port: int) -> bool:
    """Whether a broker answers on this machine and counts itself in: before that no topic can be made."""
    client_id = b"oboegaki"
    body = struct.pack(f">hhih{len(client_id)}si", _METADATA, 1, _REQUEST, len(client_id), client_id, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), _PROBE_S) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    # Length, number of the request, then a list of brokers by its length.
    number, brokers = int.from_bytes(answer[4:8]), int.from_bytes(answer[8:12], signed=True)
    return number == _REQUEST and brokers > 0


def server_config(settings: StackSettings, data: Path) -> dict[str, object]:
    """Kafka's configuration: nothing is made or thrown away by itself, and records may be as large as rows."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{settings.kafka_controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{settings.kafka()},CONTROLLER://127.0.0.1:{settings.kafka_controller_port}",
        "advertised.listeners": f"PLAINTEXT://{settings.kafka()}",
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


def _format(settings: StackSettings, found: jars.Jars, folder: Path) -> None:
    data = folder / "data"
    if data.exists():
        return
    # Made aside and renamed, so that storage is formatted or absent.
    partial = folder / "data.new"
    shutil.rmtree(partial, ignore_errors=True)
    config = folder / "format.properties"
    java.write_properties(config, server_config(settings, partial))
    arguments = ["format", "-t", _cluster_id(), "-c", str(config), "--standalone"]
    commands.run(
        java.command(found, folder, settings.kafka_heap_mb, "kafka.tools.StorageTool", *arguments),
        failure="Kafka could not format its storage.",
        on_line=lambda _: None,
    )
    partial.rename(data)


def _cluster_id() -> str:
    # A leading - would read as an option.
    made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return made if not made.startswith("-") else _cluster_id()
