"""The stack brought up, with a line on the terminal for each part."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.status import Status

from chat_api import binlog
from chat_api.migrate import migrate
from chat_api.store import Rows
from devstack import jars, kafka, mysql_program, stack
from devstack.stack import Step
from memory_consumer import accounts, names, topics
from memory_consumer.log_reader import topic_id
from oboegaki.instance import Instance

_NAMES = {"mysql": "MySQL", "kafka": "Kafka", "connect": "Kafka Connect with Debezium"}


class Steps:
    """Says what is being waited for, and then how long it took."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._begun: dict[str, float] = {}

    def on_part(self, name: str, step: Step) -> None:
        """A part begins to start, or is ready."""
        if step == "starting":
            self._begun[name] = time.monotonic()
        else:
            took = time.monotonic() - self._begun.pop(name)
            self._console.print(f"[green]ready[/green]  {_NAMES.get(name, name)}  [dim]{took:.1f} s[/dim]")
        waiting = ", ".join(_NAMES.get(each, each) for each in self._begun)
        self._status.update(f"Starting {waiting} …" if waiting else "")


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    """Steps with a moving line below them while they last."""
    with console.status("Starting …") as status:
        yield Steps(console, status)


def bring_up(instance: Instance, reported: Steps) -> None:
    """Starts MySQL, Kafka and Connect; tables and topics are made and checked. Raises StackError and others."""
    stack.start(
        instance.stack,
        instance.secrets,
        partitions=names.PARTITIONS,
        on_part=reported.on_part,
        after_mysql=lambda: _make_tables(instance),
        after_kafka=lambda: _make_topics(instance),
    )


def _make_tables(instance: Instance) -> None:
    migrate(instance.migrator())
    # Not as the API's account, which gets its rights once the tables are there.
    with closing(Rows(instance.migrator(), pool_size=1, clock=lambda: datetime.now(UTC))) as rows:
        binlog.check(rows)


def _make_topics(instance: Instance) -> str:
    accounts.ensure(instance.consumer, admin=kafka.BROKER, password=instance.secrets.kafka_broker)
    topics.ensure(instance.consumer)
    return topic_id(instance.consumer, names.MESSAGES)


def set_up(instance: Instance, console: Console) -> None:
    """Fetches MySQL, Kafka and Debezium where they are missing. Raises Missing and Failed."""
    dist = instance.stack.dist
    with console.status("Looking for MySQL, Kafka and Debezium …") as status:

        def show(line: str) -> None:
            status.update(f"[dim]{line.strip()[: console.width - 8]}[/dim]")

        program = mysql_program.fetch(dist, show)
        console.print(f"[green]ready[/green]  MySQL {program.version}")
        jars.fetch(dist, show)
        console.print("[green]ready[/green]  Kafka and Debezium")
