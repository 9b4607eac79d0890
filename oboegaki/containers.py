"""Steps of docker-compose.yml that come before oboegaki itself: configuration, tables and topics, connector."""

import time
from collections.abc import Callable

import stamina

from chat_api.rows.migrate import grant
from devstack import accounts, connect, containers, kafka, mysql
from devstack.errors import Failed
from memory_consumer import names
from memory_consumer.kafka.log_reader import topic_id
from oboegaki.bringing_up import make_tables, make_topics
from oboegaki.errors import CommandError
from oboegaki.instance import Instance

_READY_S = 180.0


def configure(instance: Instance) -> None:
    """Writes what MySQL, Kafka and Kafka Connect start with; secrets are made where there are none."""
    _only_in_containers(instance)
    containers.write(instance.stack, instance.secrets)


def set_up(instance: Instance) -> None:
    """Brings tables and topics to their latest form, and gives every account its rights; safe to repeat.

    Raises Failed where Kafka does not get ready, and what tables and topics refuse.
    """
    _only_in_containers(instance)
    make_tables(instance)
    host = mysql.accounts_host(instance.stack)
    grant(instance.migrator(), accounts.table_statements(host=host))
    _wait(lambda: kafka.answers(instance.stack, instance.secrets), "Kafka")
    make_topics(instance)


def register(instance: Instance) -> None:
    """Returns once the connector runs. Raises Failed with its cause if it does not."""
    _only_in_containers(instance)
    _wait(lambda: connect.answers(instance.stack, instance.secrets), "Kafka Connect")
    connect.register_messages(
        instance.stack,
        instance.secrets,
        None,
        partitions=names.PARTITIONS,
        log_id=topic_id(instance.consumer, names.MESSAGES),
        deadline=time.monotonic() + _READY_S,
    )


def refuse_in_containers(instance: Instance) -> None:
    """Raises CommandError where MySQL, Kafka and Kafka Connect are not this command's to start and stop."""
    if instance.stack.containers:
        raise CommandError(
            "MySQL, Kafka and Kafka Connect are containers here. On the machine that they run on, use"
            " `docker compose up`, `docker compose stop` and `docker compose ps`."
        )


def _only_in_containers(instance: Instance) -> None:
    if not instance.stack.containers:
        raise CommandError("This is a step of docker-compose.yml. Without containers, use `oboegaki run`.")


def _wait(ready: Callable[[], bool], part: str) -> None:
    for attempt in stamina.retry_context(
        on=Failed, attempts=None, timeout=_READY_S, wait_initial=0.1, wait_max=1.0, wait_jitter=0.1
    ):
        with attempt:
            if not ready():
                raise Failed(f"{part} did not get ready in time; `docker compose logs` tells why.")
