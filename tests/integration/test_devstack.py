"""MySQL and Kafka as processes of ours: what they are set to, who may do what, and what survives."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from mysql.connector import Error, errorcode
from pydantic import SecretStr

from chat_api.rows.migrate import migrate
from chat_api.settings import Account
from devstack import commands, jars, java, kafka, mysql, process, stack
from devstack.errors import Failed, Taken
from devstack.process import Process
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings
from memory_consumer.kafka import accounts
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.settings import ConsumerSettings
from oboegaki import doctor
from tests.support.api import execute
from tests.support.deadline import wait_until
from tests.support.services import (
    account,
    consumer_settings,
    free_ports,
    running_kafka,
    soon,
    stack_settings,
)

NOT_ALLOWED = {
    errorcode.ER_TABLEACCESS_DENIED_ERROR,
    errorcode.ER_COLUMNACCESS_DENIED_ERROR,
    errorcode.ER_DBACCESS_DENIED_ERROR,
    errorcode.ER_SPECIFIC_ACCESS_DENIED_ERROR,
    errorcode.ER_ACCESS_DENIED_ERROR,
}
MESSAGE = (
    "INSERT INTO messages (user_id, conversation_id, role, content, created_at, utc_offset_minutes)"
    " VALUES ('alice', 'c', 'user', 'a', NOW(6), 0)"
)


@dataclass
class Native:
    """A MySQL and a Kafka of this module's own, which its tests may stop and kill."""

    settings: StackSettings
    secrets: Secrets

    def account(self, name: str) -> Account:
        return account(self.settings, f"oboegaki_{name}", getattr(self.secrets, f"mysql_{name}"))

    def root(self) -> Account:
        return account(self.settings, "root", self.secrets.mysql_root)

    def consumer(self) -> ConsumerSettings:
        return consumer_settings(self.settings, self.secrets)

    def start_mysql(self) -> Process:
        server = mysql.start(self.settings, self.secrets)
        mysql.wait(self.settings, server, soon())
        return server

    def start_kafka(self) -> Process:
        broker = kafka.start(self.settings, self.secrets)
        kafka.wait(self.settings, self.secrets, broker, soon())
        accounts.ensure(self.consumer(), admin=kafka.BROKER, password=self.secrets.kafka_broker)
        return broker

    def kill(self, name: str) -> None:
        part = process.find(self.settings.home, name)
        assert part is not None
        os.kill(part.pid, signal.SIGKILL)
        psutil.Process(part.pid).wait(60)

    def stop(self, name: str) -> None:
        assert {"mysql": mysql.stop, "kafka": kafka.stop}[name](self.settings)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    home = tmp_path_factory.mktemp("覚え 書き")
    made = Native(stack_settings(home), load_or_create(home))
    try:
        kafka.start(made.settings, made.secrets)
        made.start_mysql()
        migrate(made.account("migrate"))
        mysql.grant_tables(made.settings)
        made.start_kafka()
        yield made
    finally:
        stack.stop(made.settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("log_bin", 1),
        ("binlog_format", "ROW"),
        ("binlog_row_image", "FULL"),
        ("binlog_row_value_options", ""),
        ("gtid_mode", "ON"),
        ("enforce_gtid_consistency", "ON"),
        ("sync_binlog", 1),
        ("innodb_flush_log_at_trx_commit", 1),
        ("collation_server", "utf8mb4_0900_bin"),
        ("max_allowed_packet", 64 * 1024 * 1024),
    ],
)
def test_mysql_runs_with_what_debezium_and_the_rows_need(native: Native, variable: str, value: object) -> None:
    assert execute(native.root(), f"SELECT @@GLOBAL.{variable}") == [(value,)]


@pytest.mark.parametrize("name", ["mysql", "kafka"])
def test_no_part_listens_beyond_this_machine(native: Native, name: str) -> None:
    part = process.find(native.settings.home, name)
    assert part is not None

    listening = psutil.Process(part.pid).net_connections("inet")

    addresses = {each.laddr.ip for each in listening if each.status == psutil.CONN_LISTEN}
    assert addresses in ({"127.0.0.1"}, {"::ffff:127.0.0.1"})


def test_nobody_gets_in_without_the_password(native: Native) -> None:
    for user in ("root", "oboegaki_migrate", "oboegaki_api", "oboegaki_debezium", "oboegaki_readonly"):
        with pytest.raises(Error) as refusal:
            execute(account(native.settings, user, SecretStr("")), "SELECT 1")
        assert refusal.value.errno == errorcode.ER_ACCESS_DENIED_ERROR


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE messages SET user_id = 'bob'",
        "UPDATE messages SET id = id + 1",
        "UPDATE messages SET role = 'note'",
        "UPDATE messages SET created_at = NOW(6)",
        "DROP TABLE messages",
        "TRUNCATE messages",
        "ALTER TABLE messages DROP COLUMN content",
        "CREATE TABLE more (id INT PRIMARY KEY)",
        "SELECT * FROM debezium_signal",
        "SELECT authentication_string FROM mysql.user",
        "CREATE USER mallory",
        "SET GLOBAL binlog_row_image = 'MINIMAL'",
    ],
)
def test_the_api_can_do_nothing_that_it_does_not_need(native: Native, statement: str) -> None:
    assert refused(native.account("api"), statement)


@pytest.mark.parametrize(
    "statement",
    [MESSAGE, "UPDATE messages SET content = 'b'", "DELETE FROM messages", "DROP TABLE debezium_signal"],
)
@pytest.mark.parametrize("name", ["debezium", "readonly"])
def test_whoever_only_reads_cannot_write(native: Native, name: str, statement: str) -> None:
    assert refused(native.account(name), statement)


@pytest.mark.parametrize("name", ["migrate", "debezium", "readonly"])
@pytest.mark.parametrize("statement", ["SELECT authentication_string FROM mysql.user", "CREATE DATABASE other"])
def test_no_account_reaches_beyond_its_database(native: Native, name: str, statement: str) -> None:
    assert refused(native.account(name), statement)


def test_the_accounts_can_do_what_they_are_for(native: Native) -> None:
    execute(native.account("api"), MESSAGE, "UPDATE messages SET content = 'b'", "SELECT 1 FROM users")
    execute(native.account("debezium"), "INSERT INTO debezium_signal VALUES ('1', 'log', '{}')")
    execute(native.account("debezium"), "DELETE FROM debezium_signal WHERE id = '1'")

    assert execute(native.account("readonly"), "SELECT content FROM messages LIMIT 1") == [("b",)]


def test_passwords_are_not_in_the_binlog(native: Native) -> None:
    events = execute(native.root(), "SHOW BINLOG EVENTS")

    assert not [event for event in events if "IDENTIFIED" in str(event) or "USER" in str(event)]


def test_statements_reach_our_mysql_whatever_the_environment_says(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYSQL_HOST", "mysql.invalid")
    monkeypatch.setenv("MYSQL_TCP_PORT", "1")
    monkeypatch.setenv("MYSQL_UNIX_PORT", "/nowhere")

    assert mysql.query(native.settings, ["SELECT @@port"]) == [[str(native.settings.mysql_port)]]


def test_a_statement_that_mysql_refuses_fails_with_its_words(native: Native) -> None:
    with pytest.raises(Failed, match="no_such_table"):
        mysql.query(native.settings, ["SELECT * FROM chat.no_such_table"])


def test_a_second_start_returns_what_runs(native: Native) -> None:
    assert native.start_mysql() == process.find(native.settings.home, "mysql")
    assert native.start_kafka() == process.find(native.settings.home, "kafka")


def test_where_a_port_is_taken_nothing_starts_and_its_setting_is_named(native: Native, tmp_path: Path) -> None:
    with pytest.raises(Taken) as taken:
        stack.start(
            second(native, tmp_path),
            load_or_create(tmp_path),
            partitions=12,
            on_part=lambda name, _: pytest.fail(f"{name} was started"),
            after_mysql=lambda: None,
            after_kafka=str,
        )

    [line] = str(taken.value).splitlines()
    assert f"Port {native.settings.mysql_port} is in use by MySQL (" in line
    assert "OBOEGAKI_MYSQL_PORT" in line


def test_another_mysql_at_the_port_is_never_taken_for_ours(native: Native, tmp_path: Path) -> None:
    settings = second(native, tmp_path)
    server = mysql.start(settings, load_or_create(tmp_path))
    try:
        with pytest.raises(Failed, match=r"mysql stopped while starting(.|\n)*Bind on TCP/IP port"):
            mysql.wait(settings, server, soon())
    finally:
        mysql.stop(settings)


def second(native: Native, home: Path) -> StackSettings:
    """Another instance, with MySQL at the port of the first."""
    kafka_port, controller_port, connect_port = free_ports(3)
    return StackSettings(
        home=home,
        dist=native.settings.dist,
        mysql_port=native.settings.mysql_port,
        kafka_port=kafka_port,
        kafka_controller_port=controller_port,
        connect_port=connect_port,
    )


def refused(who: Account, statement: str) -> bool:
    """Whether a statement is refused for want of the right to it."""
    try:
        execute(who, statement)
    except Error as exc:
        return exc.errno in NOT_ALLOWED
    return False


def test_mysql_stopped_and_started_keeps_its_rows(native: Native) -> None:
    restarted(native, "mysql", native.stop, native.start_mysql)


def test_mysql_killed_starts_again_with_its_rows(native: Native) -> None:
    restarted(native, "mysql", native.kill, native.start_mysql)


def restarted(native: Native, name: str, end: Callable[[str], None], start: Callable[[], object]) -> None:
    execute(native.account("api"), MESSAGE)
    before = execute(native.root(), "SELECT id, content, revision FROM messages ORDER BY id")

    end(name)
    start()

    assert execute(native.root(), "SELECT id, content, revision FROM messages ORDER BY id") == before


def test_new_passwords_are_set_at_the_next_start(native: Native) -> None:
    earlier = native.account("api")
    native.stop("mysql")
    native.stop("kafka")
    (native.settings.home / "secrets.json").unlink()
    native.secrets = load_or_create(native.settings.home)

    native.start_mysql()
    native.start_kafka()

    assert AdminClient(native.consumer().client()).list_topics(timeout=30)
    assert execute(native.account("api"), "SELECT 1") == [(1,)]
    assert refused(earlier, "SELECT 1")


def strangers(native: Native) -> list[dict[str, Any]]:
    """Clients that do not know the password."""
    anonymous = {"bootstrap.servers": native.settings.kafka(), "log_level": 0}
    wrong = ConsumerSettings(
        kafka=native.settings.kafka(), kafka_user=kafka.CLIENT, kafka_password=SecretStr("wrong")
    )
    other = {"sasl.mechanism": "PLAIN", "sasl.username": kafka.BROKER}
    return [anonymous, wrong.client(), wrong.client() | other]


def test_nobody_gets_into_kafka_without_the_password(native: Native) -> None:
    AdminClient(native.consumer().client()).list_topics(timeout=30)

    for who in strangers(native):
        with pytest.raises(KafkaException):
            AdminClient(who).list_topics(timeout=3)
    assert not kafka.lets_in_strangers(native.settings.kafka_port)
    assert not kafka.controller_lets_in_strangers(native.settings.kafka_controller_port)
    assert "without a password" in doctor.strangers(native.settings)


def test_a_kafka_of_an_earlier_release_lets_nobody_in_after_the_next_start_and_keeps_its_records(
    tmp_path: Path,
) -> None:
    settings = stack_settings(tmp_path)
    old = open_kafka(settings)
    try:
        process.wait_until(lambda: kafka.lets_in_strangers(settings.kafka_port), soon(), old)
        process.wait_until(lambda: kafka.controller_lets_in_strangers(settings.kafka_controller_port), soon(), old)
        with pytest.raises(doctor.Broken, match="oboegaki down"):
            doctor.strangers(settings)
        anonymous = {"bootstrap.servers": settings.kafka()}
        made = NewTopic("before", 1)
        admin = AdminClient(anonymous)  # kept in a name: its answers end with it
        wait_until(lambda: admin.create_topics([made])["before"].exception(30) is None)
        producer = Producer(anonymous)
        producer.produce("before", b"kept")
        assert producer.flush(30) == 0

        with running_kafka(settings) as found:
            with closing(LogReader(found)) as reader:
                assert [record.value() for record in reader.read("before", 0)] == [b"kept"]
            assert not kafka.lets_in_strangers(settings.kafka_port)
            assert not kafka.controller_lets_in_strangers(settings.kafka_controller_port)
    finally:
        kafka.stop(settings)


def open_kafka(settings: StackSettings) -> Process:
    """Kafka as earlier releases formatted and started it: whoever asks is answered."""
    folder, found = settings.home / "kafka", jars.find(settings.dist)
    folder.mkdir(mode=0o700, parents=True)
    closed = kafka.server_config(settings, load_or_create(settings.home), folder / "data")
    listeners = {
        "listeners": f"PLAINTEXT://{settings.kafka()},CONTROLLER://127.0.0.1:{settings.kafka_controller_port}",
        "advertised.listeners": f"PLAINTEXT://{settings.kafka()}",
    }
    kept = {name: value for name, value in closed.items() if "sasl" not in name and "listener.name" not in name}
    config = {name: value for name, value in kept.items() if name != "listener.security.protocol.map"} | listeners
    config["controller.listener.names"] = "CONTROLLER"
    java.write_properties(folder / "old.properties", config)
    format_it = ["format", "-t", "b2JvZWdha2lvYm9lZ2FraQ", "-c", str(folder / "old.properties"), "--standalone"]
    commands.run(
        java.command(found.classpath, folder, 256, "kafka.tools.StorageTool", *format_it),
        failure="No.",
        on_line=print,
    )
    start = java.command(found.classpath, folder, 512, "kafka.Kafka", str(folder / "old.properties"))
    return process.start("kafka", start, home=settings.home)


def test_kafka_makes_no_topic_because_somebody_asks_for_it(native: Native) -> None:
    producer = Producer(native.consumer().client() | {"allow.auto.create.topics": True})

    producer.list_topics("never-made", timeout=30)

    assert "never-made" not in producer.list_topics(timeout=30).topics


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_kafka_starts_again_with_its_topics_and_records(native: Native, ending: str) -> None:
    settings = native.consumer()
    admin = AdminClient(settings.client())
    admin.create_topics([NewTopic(ending, 1)])[ending].result(30)
    producer = Producer(settings.client())
    producer.produce(ending, b"kept")
    assert producer.flush(30) == 0

    getattr(native, ending)("kafka")
    native.start_kafka()

    reader = LogReader(settings)
    assert [record.value() for record in reader.read(ending, 0)] == [b"kept"]
    reader.close()
