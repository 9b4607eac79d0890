"""What the parts are configured with: the settings that keep data, and no secret."""

from pathlib import Path

import pytest

from devstack import accounts, connect, kafka, mysql
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings
from memory_consumer import names

SETTINGS = StackSettings(
    home=Path("/srv/o"),
    dist=Path("/srv/dist"),
    mysql_port=9001,
    kafka_port=9002,
    kafka_controller_port=9003,
    connect_port=9004,
)
MYSQL = mysql.server_config(SETTINGS, None)
SECRETS = Secrets.model_validate({name: f"{name}-secret" for name in Secrets.model_fields})
KAFKA = kafka.server_config(SETTINGS, SECRETS, Path("/srv/o/kafka/data"))
CONNECT = connect.worker_config(SETTINGS, Path("/srv/dist/plugins"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        # Debezium reads whole rows, by their place in the binlog; a binlog outlives a month without it.
        ("log-bin", "binlog"),
        ("binlog-row-image", "FULL"),
        ("binlog-row-value-options", ""),
        ("gtid-mode", "ON"),
        ("enforce-gtid-consistency", "ON"),
        ("binlog-expire-logs-seconds", 2_592_000),
        # A confirmed row is on disk.
        ("innodb-flush-log-at-trx-commit", 1),
        ("sync-binlog", 1),
        # ハハ is not パパ.
        ("collation-server", "utf8mb4_0900_bin"),
        ("default-time-zone", "+00:00"),
        # Nobody else reaches it, and it reaches no file.
        ("bind-address", "127.0.0.1"),
        ("mysqlx", "OFF"),
        ("secure-file-priv", "NULL"),
    ],
)
def test_mysql_loses_nothing_and_lets_nobody_else_in(setting: str, value: object) -> None:
    assert MYSQL[setting] == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        # No topic is made by chance, none is thrown away by age or size.
        ("auto.create.topics.enable", "false"),
        ("log.retention.ms", -1),
        ("log.retention.bytes", -1),
        ("offsets.retention.minutes", 5_256_000),
        # The largest row fits.
        ("message.max.bytes", names.MAX_RECORD_BYTES),
        ("replica.fetch.max.bytes", names.MAX_RECORD_BYTES),
        # One node is all there is.
        ("offsets.topic.replication.factor", 1),
        ("transaction.state.log.replication.factor", 1),
        ("transaction.state.log.min.isr", 1),
        # Nobody is let in without a password, at either port.
        ("listeners", "SASL_PLAINTEXT://127.0.0.1:9002,CONTROLLER://127.0.0.1:9003"),
        ("listener.security.protocol.map", "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"),
    ],
)
def test_kafka_makes_and_loses_nothing_by_itself(setting: str, value: object) -> None:
    assert KAFKA[setting] == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("exactly.once.source.support", "enabled"),
        ("topic.creation.enable", "false"),
        ("listeners", "http://127.0.0.1:9004"),
        ("bootstrap.servers", "127.0.0.1:9002"),
        ("key.converter.schemas.enable", "false"),
        ("value.converter.schemas.enable", "false"),
        ("config.providers.file.param.allowed.paths", Path("/srv/o/connect/secrets.properties")),
    ],
)
def test_connect_writes_exactly_once_and_reads_one_file_of_secrets(setting: str, value: object) -> None:
    assert CONNECT[setting] == value


def test_mysql_takes_the_largest_row_in_one_packet() -> None:
    assert MYSQL["max-allowed-packet"] == "64M"
    assert names.MAX_RECORD_BYTES < 64 * 2**20


def test_an_unpacked_mysql_is_told_where_it_is() -> None:
    config = mysql.server_config(SETTINGS, Path("/srv/dist/mysql/usr"))

    assert config["basedir"] == Path("/srv/dist/mysql/usr")
    assert "basedir" not in MYSQL


def test_two_instances_have_no_file_and_no_port_in_common() -> None:
    other = StackSettings(
        home=Path("/srv/p"), mysql_port=9011, kafka_port=9012, kafka_controller_port=9013, connect_port=9014
    )
    ours = [str(value) for config in (MYSQL, KAFKA, CONNECT) for value in config.values()]
    theirs = mysql.server_config(other, None) | kafka.server_config(other, SECRETS, other.home / "kafka/data")

    assert [value for value in ours if "/srv/p" in value] == []
    assert [str(value) for value in theirs.values() if "/srv/o" in str(value) or ":900" in str(value)] == []


def test_every_account_has_a_password_of_its_own_and_is_kept_out_of_the_binlog(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path)

    statements = accounts.account_statements(secrets)

    assert statements[0] == "SET SESSION sql_log_bin = 0"
    for user in ("root", "oboegaki_migrate", "oboegaki_api", "oboegaki_debezium", "oboegaki_readonly"):
        [set_by] = [each for each in statements if each.startswith(f"ALTER USER '{user}'@'localhost' ")]
        password = getattr(secrets, f"mysql_{user.removeprefix('oboegaki_')}").get_secret_value()
        assert set_by.endswith(f"IDENTIFIED BY '{password}'")


def test_no_secret_is_in_the_parts_configurations(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path)
    settings = StackSettings(home=tmp_path)
    told = f"{mysql.server_config(settings, None)} {connect.worker_config(settings, tmp_path)}"

    values = [getattr(secrets, name).get_secret_value() for name in Secrets.model_fields]
    assert [value for value in values if value in told] == []
