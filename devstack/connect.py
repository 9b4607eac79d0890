"""Kafka Connect as a process of ours: one distributed worker, as exactly-once sources need one."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from connectors import register
from connectors.errors import ConnectorError
from connectors.register import Places
from devstack import files, jars, java, kafka, process
from devstack.errors import Failed
from devstack.process import Process
from devstack.secrets import Secrets
from devstack.settings import StackSettings

NAME = "connect"
_STOP_S = 30.0
_PROBE_S = 2.0
_PREFIX = "oboegaki.connect"
_USER = "oboegaki"
_GATE = "org.apache.kafka.connect.rest.basic.auth.extension"


def start(settings: StackSettings, secrets: Secrets) -> Process:
    """Starts Kafka Connect; returns before it is ready. Raises Missing without Java or the jars."""
    running = process.find(settings.home, NAME)
    if running is not None and not lets_in_strangers(settings):
        return running
    # One of an earlier release, which asked nobody for a password.
    stop(settings)
    found = jars.find(settings.dist)
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = worker_command(settings, secrets, found.classpath, found.plugins)
    return process.start(NAME, command, home=settings.home)


def worker_command(settings: StackSettings, secrets: Secrets, classpath: str, plugins: Path) -> list[str]:
    """How to run the worker; its configuration is written into its folder."""
    folder = _folder(settings)
    kept = {
        "mysql.password": secrets.mysql_debezium.get_secret_value(),
        "kafka.login": kafka.client_login(secrets),
    }
    java.write_properties(_secrets_file(settings), kept)
    config = folder / "worker.properties"
    java.write_properties(config, worker_config(settings, plugins))
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    options = [f"-Djava.security.auth.login.config={_write_gate(folder, secrets).as_uri()}"]
    return java.command(classpath, folder, settings.connect_heap_mb, main, str(config), options=options)


def wait(settings: StackSettings, secrets: Secrets, worker: Process, deadline: float) -> None:
    """Returns once connectors can be registered. Raises Failed as process.wait_until does."""
    process.wait_until(lambda: answers(settings, secrets), deadline, worker)


def stop(settings: StackSettings) -> bool:
    """Stops Kafka Connect, its last transaction finished. Returns whether it ran."""
    return process.stop(settings.home, NAME, patience_s=_STOP_S)


def answers(settings: StackSettings, secrets: Secrets) -> bool:
    """Whether our worker has started and takes requests."""
    try:
        url, who = f"{settings.connect_url()}/health", _OwnWorker(settings, secrets)
        return httpx.get(url, auth=who, timeout=_PROBE_S, trust_env=False).is_success
    except (httpx.HTTPError, Failed):
        return False


def lets_in_strangers(settings: StackSettings) -> bool:
    """Whether a worker at our address shows its connectors to whoever does not say who they are."""
    try:
        return httpx.get(f"{settings.connect_url()}/connectors", timeout=_PROBE_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def auth(secrets: Secrets) -> tuple[str, str]:
    """Who asks Kafka Connect, and the password."""
    return _USER, secrets.connect.get_secret_value()


def register_messages(
    settings: StackSettings,
    secrets: Secrets,
    worker: Process | None,
    *,
    partitions: int,
    log_id: str,
    deadline: float,
) -> None:
    """Returns once the connector runs. Raises Failed with the cause if not, and the worker's last lines."""
    places = Places(
        mysql_host=settings.host("mysql"),
        mysql_port=settings.mysql_port,
        mysql_user="oboegaki_debezium",
        secrets_file=_secrets_file(settings),
        kafka=settings.kafka(),
        partitions=partitions,
        log_id=log_id,
    )
    try:
        config = register.messages_config(places)
        register.register(settings.connect_url(), config, deadline, auth=_OwnWorker(settings, secrets))
    except (ConnectorError, Failed) as exc:
        raise Failed(" ".join([str(exc), *([process.last_lines(worker)] if worker else [])])) from exc


def connector(settings: StackSettings, secrets: Secrets) -> str | None:
    """One word on the connector, with the cause where it failed; None where no worker of ours answers."""
    try:
        return register.state(settings.connect_url(), auth=_OwnWorker(settings, secrets))
    except (ConnectorError, Failed):
        return None


def mend_connector(settings: StackSettings, secrets: Secrets) -> None:
    """Does what helps a connector that has failed. Raises Failed if the worker does not take it now."""
    with _translated():
        register.mend(settings.connect_url(), auth=_OwnWorker(settings, secrets))


def settle_connector(settings: StackSettings, secrets: Secrets) -> bool:
    """For a connector that has run for a while: see register.settle. Raises Failed if that is not taken now."""
    with _translated():
        return register.settle(settings.connect_url(), auth=_OwnWorker(settings, secrets))


def restart_connector(settings: StackSettings, secrets: Secrets) -> None:
    """Has the connector start again, where it stopped. Raises Failed if the worker does not take it now."""
    with _translated():
        register.restart(settings.connect_url(), auth=_OwnWorker(settings, secrets))


def captured(settings: StackSettings, secrets: Secrets) -> str:
    """The transactions of MySQL that the connector has read: see register.captured. Raises Failed."""
    with _translated():
        return register.captured(settings.connect_url(), auth=_OwnWorker(settings, secrets))


class _OwnWorker(httpx.Auth):
    """Says the password with each request, once it is seen that our own worker holds the port. Raises Failed."""

    def __init__(self, settings: StackSettings, secrets: Secrets) -> None:
        self._settings = settings
        self._basic = httpx.BasicAuth(*auth(secrets))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        # Whoever else took its port must not be told our password; the containers' network has no others.
        found = process.find(self._settings.home, NAME)
        holds = found is not None and process.listens(found, self._settings.connect_port)
        if not holds and not self._settings.containers:
            raise Failed("Kafka Connect does not run here.")
        yield from self._basic.auth_flow(request)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ConnectorError as exc:
        raise Failed(str(exc)) from exc


def worker_config(settings: StackSettings, plugins: Path) -> dict[str, object]:
    """The worker's configuration. It makes no topic but its own three."""
    storage = {f"{kind}.storage.topic": f"{_PREFIX}.{kind}" for kind in ("config", "offset", "status")}
    replication = {f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")}
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": kafka.CLIENT_MECHANISM,
        "sasl.jaas.config": f"${{file:{_secrets_file(settings)}:kafka.login}}",
    }
    # The worker's own clients, and those that it makes for connectors.
    logins = {
        f"{whose}{name}": value
        for whose in ("", "producer.", "consumer.", "admin.")
        for name, value in login.items()
    }
    return {
        "bootstrap.servers": settings.kafka(),
        **logins,
        "rest.extension.classes": f"{_GATE}.BasicAuthSecurityRestExtension",
        "group.id": "oboegaki-connect",
        "client.id": "oboegaki-connect",
        "listeners": f"http://{settings.bind_host()}:{settings.connect_port}",
        "rest.advertised.host.name": settings.host(NAME),
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


def _write_gate(folder: Path, secrets: Secrets) -> Path:
    """Who may ask the worker, in the form that Java reads."""
    user, password = auth(secrets)
    java.write_properties(folder / "users.properties", {user: password})
    path = folder / "gate.conf"
    users = folder / "users.properties"
    files.replace(path, f'KafkaConnect {{ {_GATE}.PropertyFileLoginModule required file="{users}"; }};\n')
    return path


def _folder(settings: StackSettings) -> Path:
    return settings.home / "connect"


def _secrets_file(settings: StackSettings) -> Path:
    return _folder(settings) / "secrets.properties"
