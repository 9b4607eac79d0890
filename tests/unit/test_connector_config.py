"""The connector's promises, one by one, and the names and sizes that it shares with the consumer."""

import re
from pathlib import Path

import pytest

from chat_api.settings import CONTENT_CEILING
from connectors.register import Places, messages_config
from devstack import accounts
from memory_consumer import names

PLACES = Places(
    mysql_host="127.0.0.1",
    mysql_port=9001,
    mysql_user="oboegaki_debezium",
    secrets_file=Path("/srv/覚え 書き/secrets.properties"),
    kafka="127.0.0.1:9002",
    partitions=names.PARTITIONS,
    log_id="4711:4712",
)
CONFIG = messages_config(PLACES)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("exactly.once.support", "required"),
        ("transaction.boundary", "poll"),
        ("tombstones.on.delete", "false"),
        ("heartbeat.interval.ms", "10000"),
        # A binlog that is gone is made up for by reading the living rows again.
        ("snapshot.mode", "when_needed"),
        # What cannot be read stops the connector; nothing is passed over or turned into NULL.
        ("event.converting.failure.handling.mode", "fail"),
        ("event.processing.failure.handling.mode", "fail"),
        ("errors.tolerance", "none"),
        # MySQL away is waited for without end.
        ("errors.max.retries", "-1"),
        # And noticed to be back within ten seconds, not a minute.
        ("connect.keep.alive.interval.ms", "10000"),
        ("include.schema.changes", "false"),
        ("signal.enabled.channels", "source,kafka"),
        ("signal.data.collection", f"{accounts.DATABASE}.debezium_signal"),
        ("time.precision.mode", "isostring"),
    ],
)
def test_the_connector_keeps_its_promises(setting: str, value: str) -> None:
    assert CONFIG[setting] == value


def test_the_row_before_is_dropped_after_the_partition_was_chosen_by_it() -> None:
    order = CONFIG["transforms"].split(",")

    assert order == ["signals", "byUser", "withoutBefore"]
    assert CONFIG["transforms.byUser.type"] == "io.debezium.transforms.partitions.PartitionRouting"
    assert CONFIG["transforms.withoutBefore.type"] == "org.apache.kafka.connect.transforms.ReplaceField$Value"
    assert CONFIG["transforms.withoutBefore.exclude"] == "before"


def test_a_users_messages_are_in_one_partition_of_as_many_as_the_topic_has() -> None:
    assert CONFIG["transforms.byUser.partition.payload.fields"] == "change.user_id"
    assert CONFIG["transforms.byUser.partition.hash.function"] == "java"
    assert CONFIG["transforms.byUser.partition.topic.num"] == "12"


def test_a_record_is_keyed_by_its_rows_primary_key() -> None:
    assert "message.key.columns" not in CONFIG


def test_the_topics_have_the_names_that_the_consumer_knows() -> None:
    assert f"{CONFIG['topic.prefix']}.{accounts.DATABASE}.messages" == names.MESSAGES
    assert CONFIG["signal.kafka.topic"] == names.SIGNAL
    assert CONFIG["notification.sink.topic.name"] == names.NOTIFICATIONS
    assert CONFIG["schema.history.internal.kafka.topic"] == names.SCHEMA_HISTORY
    # Debezium's own name, as long as no other is asked for.
    assert f"__debezium-heartbeat.{CONFIG['topic.prefix']}" == names.HEARTBEAT
    assert not [setting for setting in CONFIG if setting.startswith("topic.heartbeat")]


def test_the_transforms_apply_to_the_messages_log_and_to_nothing_else() -> None:
    pattern = CONFIG["predicates.isMessages.pattern"]

    assert re.fullmatch(pattern, names.MESSAGES)
    for topic in (names.HEARTBEAT, names.facts_log("v1"), f"{names.PREFIX}.chatXmessages"):
        assert not re.fullmatch(pattern, topic)
    assert CONFIG["transforms.byUser.predicate"] == CONFIG["transforms.withoutBefore.predicate"] == "isMessages"


def test_signals_are_filtered_out_as_they_have_no_topic() -> None:
    assert CONFIG["transforms.signals.type"] == "org.apache.kafka.connect.transforms.Filter"
    assert CONFIG["transforms.signals.predicate"] == "isSignal"
    assert re.fullmatch(CONFIG["predicates.isSignal.pattern"], "oboegaki.chat.debezium_signal")


def test_the_tables_captured_are_the_messages_and_the_signals() -> None:
    tables = [re.compile(each) for each in CONFIG["table.include.list"].split(",")]
    there = [f"chat.{table}" for table in ("messages", "debezium_signal", "users", "conversations")]

    captured = [table for table in there if any(each.fullmatch(table) for each in tables)]

    assert captured == ["chat.messages", "chat.debezium_signal"]


@pytest.mark.parametrize(
    "setting", ["producer.override.max.request.size", "schema.history.internal.producer.max.request.size"]
)
def test_the_largest_row_fits_into_a_record(setting: str) -> None:
    assert CONFIG[setting] == str(names.MAX_RECORD_BYTES)
    # A control character takes six bytes in JSON.
    assert CONTENT_CEILING * 6 < names.MAX_RECORD_BYTES


def test_no_secret_is_in_the_configuration() -> None:
    assert CONFIG["database.password"] == "${file:/srv/覚え 書き/secrets.properties:mysql.password}"
    logins = {key: value for key, value in CONFIG.items() if key.endswith("sasl.jaas.config")}
    assert set(logins.values()) == {"${file:/srv/覚え 書き/secrets.properties:kafka.login}"}
    others = {key: value for key, value in CONFIG.items() if "password" in key.lower() or "secret" in value}
    assert others.keys() - logins == {"database.password"}


@pytest.mark.parametrize(
    "client", ["signal.consumer", "schema.history.internal.producer", "schema.history.internal.consumer"]
)
def test_every_client_of_debezium_says_who_it_is(client: str) -> None:
    assert CONFIG[f"{client}.security.protocol"] == "SASL_PLAINTEXT"
    assert CONFIG[f"{client}.sasl.mechanism"] == "SCRAM-SHA-512"
    assert f"{client}.sasl.jaas.config" in CONFIG


def test_the_configuration_says_where_everything_is() -> None:
    assert (CONFIG["database.hostname"], CONFIG["database.port"]) == ("127.0.0.1", "9001")
    assert CONFIG["database.user"] == "oboegaki_debezium"
    assert CONFIG["signal.kafka.bootstrap.servers"] == "127.0.0.1:9002"
    assert CONFIG["schema.history.internal.kafka.bootstrap.servers"] == "127.0.0.1:9002"
    assert CONFIG["oboegaki.log.id"] == "4711:4712"
    assert not [value for value in CONFIG.values() if "@{" in value]
