"""Kafka Connect as a process of ours: one distributed worker, as exactly-once sources need one."""

from pathlib import Path

import httpx

from connectors import register
from connectors.errors import ConnectorError
from connectors.register import Places
from devstack import jars, java, process
from devstack.errors import Failed
from devstack.process import Process
from devstack.secrets import Secrets
from devstack.settings import StackSettings

NAME = "connect"
_STOP_S = 30.0
_PROBE_S = 2.0
_PREFIX = "oboegaki.connect"


def start(settings: StackSettings, secrets: Secrets) -> Process:
    """Starts Kafka Connect; returns before it is ready. Raises Missing without Java or the jars."""
    running = process.find(settings.home, NAME)
    if running is not None:
        return running
    found = jars.find(settings.dist)
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    java.write_properties(_secrets_file(settings), {"mysql.password": secrets.mysql_debezium.get_secret_value()})
    config = folder / "worker.properties"
    java.write_properties(config, worker_config(settings, found.plugins))
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    command = java.command(found, folder, settings.connect_heap_mb, main, str(config))
    return process.start(NAME, command, home=settings.home)


def wait(settings: StackSettings, worker: Process, deadline: float) -> None:
    """Returns once connectors can be registered. Raises Failed as process.wait_until does."""
    process.wait_until(lambda: answers(settings), deadline, worker)


def stop(settings: StackSettings) -> bool:
    """Stops Kafka Connect, its last transaction finished. Returns whether it ran."""
    return process.stop(settings.home, NAME, patience_s=_STOP_S)


def answers(settings: StackSettings) -> bool:
    """Whether the worker has started and takes requests."""
    try:
        return httpx.get(f"{settings.connect_url()}/health", timeout=_PROBE_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def register_messages(
    settings: StackSettings, worker: Process, *, partitions: int, log_id: str, deadline: float
) -> None:
    """Returns once the connector runs. Raises Failed with its cause if it does not."""
    places = Places(
        mysql_host="127.0.0.1",
        mysql_port=settings.mysql_port,
        mysql_user="oboegaki_debezium",
        secrets_file=_secrets_file(settings),
        kafka=settings.kafka(),
        partitions=partitions,
        log_id=log_id,
    )
    try:
        register.register(settings.connect_url(), register.messages_config(places), deadline)
    except ConnectorError as exc:
        raise Failed(f"{exc} {process.last_lines(worker)}") from exc


def connector(settings: StackSettings) -> str | None:
    """One word on the connector, with the cause where it failed; None where no worker of ours answers."""
    if process.find(settings.home, NAME) is None:
        return None
    try:
        return register.state(settings.connect_url())
    except ConnectorError:
        return None


def mend_connector(settings: StackSettings) -> None:
    """Does what helps a connector that has failed. Raises Failed if the worker does not take it now."""
    try:
        register.mend(settings.connect_url())
    except ConnectorError as exc:
        raise Failed(str(exc)) from exc


def worker_config(settings: StackSettings, plugins: Path) -> dict[str, object]:
    """The worker's configuration. It makes no topic but its own three."""
    storage = {f"{kind}.storage.topic": f"{_PREFIX}.{kind}" for kind in ("config", "offset", "status")}
    replication = {f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")}
    return {
        "bootstrap.servers": settings.kafka(),
        "group.id": "oboegaki-connect",
        "client.id": "oboegaki-connect",
        "listeners": settings.connect_url(),
        "rest.advertised.host.name": "127.0.0.1",
        "rest.advertised.port": settings.connect_port,
        **storage,
        **replication,
        "offset.storage.partitions": 1,
        "status.storage.partitions": 1,
        "offset.flush.interval.ms": 1_000,
        "exactly.once.source.support": "enabled",
        "topic.creation.enable": "false",
        "connector.client.config.override.policy": "All",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": _secrets_file(settings),
        # There is one worker: nobody waits for another one to come back.
        "scheduled.rebalance.max.delay.ms": 0,
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
    }


def _folder(settings: StackSettings) -> Path:
    return settings.home / "connect"


def _secrets_file(settings: StackSettings) -> Path:
    return _folder(settings) / "secrets.properties"
