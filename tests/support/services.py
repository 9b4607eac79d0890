"""Real MySQL and Kafka for tests, as plain processes of a folder of their own on free ports."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pydantic import SecretStr

from chat_api.rows.migrate import migrate
from chat_api.settings import Account
from devstack import jars, kafka, mysql, mysql_program
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings
from memory_consumer.kafka import accounts
from memory_consumer.settings import ConsumerSettings
from tests.support.api import MySql
from tests.support.deadline import wait_until

#: Where `make` keeps MySQL, Kafka and Debezium.
DIST = Path(__file__).parents[2] / ".oboegaki" / "dist"

_READY_S = 120.0


def stack_settings(home: Path) -> StackSettings:
    """A stack of its own on free ports, with the programs that `make` has fetched."""
    mysql_port, kafka_port, controller_port, connect_port = free_ports(4)
    made = StackSettings(
        home=home,
        dist=DIST,
        mysql_port=mysql_port,
        kafka_port=kafka_port,
        kafka_controller_port=controller_port,
        connect_port=connect_port,
    )
    mysql_program.fetch(made.dist, print)
    jars.fetch(made.dist, print)
    return made


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held at once, so that no two are the same."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def running_mysql(settings: StackSettings) -> Iterator[MySql]:
    """MySQL with our accounts and tables."""
    secrets = load_or_create(settings.home)
    server = mysql.start(settings, secrets)
    try:
        mysql.wait(settings, server, soon())
        found = _accounts(settings, secrets)
        migrate(found.migrate)
        mysql.grant_tables(settings)
        yield found
    finally:
        mysql.stop(settings)


@contextmanager
def running_kafka(settings: StackSettings) -> Iterator[ConsumerSettings]:
    """Kafka, and what its clients are set to."""
    secrets = load_or_create(settings.home)
    broker = kafka.start(settings, secrets)
    try:
        kafka.wait(settings, secrets, broker, soon())
        consumer = consumer_settings(settings, secrets)
        accounts.ensure(consumer, admin=kafka.BROKER, password=secrets.kafka_broker)
        yield consumer
    finally:
        kafka.stop(settings)


def consumer_settings(settings: StackSettings, secrets: Secrets) -> ConsumerSettings:
    """The consumer of a stack, with the account that its Kafka knows."""
    return ConsumerSettings(
        kafka=settings.kafka(), kafka_user=kafka.CLIENT, kafka_password=secrets.kafka, home=settings.home
    )


def as_environment(settings: ConsumerSettings) -> dict[str, str]:
    """What a process of its own needs to reach the same Kafka."""
    return {
        "OBOEGAKI_KAFKA": settings.kafka,
        "OBOEGAKI_KAFKA_USER": settings.kafka_user,
        "OBOEGAKI_KAFKA_PASSWORD": settings.kafka_password.get_secret_value(),
    }


def delete_topics(settings: ConsumerSettings) -> None:
    """Empties Kafka: what was committed for a topic goes with it."""
    admin = AdminClient(settings.client())

    def ours() -> list[str]:
        return [name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")]

    found = ours()
    for future in admin.delete_topics(found).values() if found else ():
        future.result(30)
    wait_until(lambda: not ours())


def now() -> datetime:
    """The real time, in UTC."""
    return datetime.now(UTC)


def soon() -> float:
    """A deadline for the start of a part, as time.monotonic() tells time."""
    return time.monotonic() + _READY_S


def account(settings: StackSettings, user: str, password: SecretStr) -> Account:
    """A stack's database, as that user sees it."""
    return Account("127.0.0.1", settings.mysql_port, "chat", user, password)


def _accounts(settings: StackSettings, secrets: Secrets) -> MySql:
    return MySql(
        root=account(settings, "root", secrets.mysql_root),
        migrate=account(settings, "oboegaki_migrate", secrets.mysql_migrate),
        api=account(settings, "oboegaki_api", secrets.mysql_api),
        readonly=account(settings, "oboegaki_readonly", secrets.mysql_readonly),
    )


def set_topic(settings: ConsumerSettings, topic: str, name: str, value: str) -> None:
    """Sets a topic's setting, and waits until the broker answers with it."""
    admin = AdminClient(settings.client())
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([changed])[changed].result(30)
    asked = ConfigResource(ResourceType.TOPIC, topic)
    wait_until(lambda: admin.describe_configs([asked])[asked].result(30)[name].value == value)
