"""The stack brought up, with a line on the terminal for each part."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from rich.console import Console
from rich.status import Status

from chat_api.rows import binlog
from chat_api.rows.database import Database
from chat_api.rows.migrate import migrate
from devstack import jars, kafka, mysql_program, stack
from devstack.errors import Failed
from devstack.stack import Step
from memory_consumer import names
from memory_consumer.kafka import accounts, topics
from memory_consumer.kafka.log_reader import topic_id
from oboegaki.errors import CommandError
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
    refuse_foreign_kafka(instance)
    stack.start(
        instance.stack,
        instance.secrets,
        partitions=names.PARTITIONS,
        on_part=reported.on_part,
        after_mysql=lambda: make_tables(instance),
        after_kafka=lambda: make_topics(instance),
    )


def make_tables(instance: Instance) -> None:
    """Brings the tables to their latest form, and checks MySQL's binlog. Raises ChatError."""
    migrate(instance.migrator())
    # Not as the API's account, which gets its rights once the tables are there.
    with closing(Database(instance.migrator(), pool_size=1)) as database:
        binlog.check(database)


def make_topics(instance: Instance) -> str:
    """Makes the account of Kafka's clients and the topics, and answers the id of the messages log.

    Raises Failed and LearningError.
    """
    make_account(instance)
    topics.ensure(instance.consumer)
    return topic_id(instance.consumer, names.MESSAGES)


def refuse_foreign_kafka(instance: Instance) -> None:
    """Raises CommandError where the settings name a Kafka that is not the one that is started here."""
    if not instance.has_own_kafka():
        raise CommandError(
            f"OBOEGAKI_KAFKA is {instance.consumer.kafka}, but `oboegaki run` and `oboegaki up` start a Kafka of"
            f" their own at {instance.stack.kafka()}. Unset OBOEGAKI_KAFKA (OBOEGAKI_KAFKA_PORT sets the port), or"
            " use `oboegaki serve`, which starts none."
        )


def make_account(instance: Instance) -> None:
    """Makes the account of Kafka's clients. Raises Failed, having said no password, where others hold its port."""
    if not kafka.listens(instance.stack):
        raise Failed(
            f"Port {instance.stack.kafka_port} is not held by Kafka any more, so it is told no password."
            " Start again; `oboegaki doctor` says what is wrong."
        )
    accounts.ensure(instance.consumer, admin=kafka.BROKER, password=instance.secrets.kafka_broker)


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
