"""Change data capture for real: rows written by the API's code, read from Kafka by the consumer's."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka import Message as Record
from confluent_kafka.admin import AdminClient

from chat_api.messages import Edit, NewMessage
from chat_api.rows.database import Database
from chat_api.rows.migrate import migrate
from chat_api.rows.rows import Rows
from connectors import register
from connectors.errors import Refused
from connectors.register import Places
from devstack import connect, kafka, mysql, process, stack
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings
from memory_consumer import names
from memory_consumer.kafka import accounts, topics
from memory_consumer.kafka.log_reader import LogReader, topic_id
from memory_consumer.letters.resnapshot import resnapshot
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc
from memory_consumer.settings import ConsumerSettings
from oboegaki.watching import ConnectorWatch
from tests.support.api import new_user
from tests.support.deadline import DEADLINE_S, wait_until
from tests.support.erasing import erase_message
from tests.support.services import account, consumer_settings, now, soon, stack_settings

PARTS = ("mysql", "kafka", "connect")
#: After so long a signal is lost.
LOST_S, MOST_ASKED = 10.0, 6


@dataclass
class Capture:
    """A whole stack of this module's own, which its tests may stop and kill."""

    settings: StackSettings
    secrets: Secrets
    database: Database
    rows: Rows
    consumer: ConsumerSettings
    reader: LogReader
    happened: list[str] = field(default_factory=list)
    #: What the watch's clock is ahead by.
    later: timedelta = timedelta(0)

    def start(self) -> None:
        stack.start(
            self.settings,
            self.secrets,
            partitions=names.PARTITIONS,
            on_part=lambda name, step: self.happened.append(f"{name} {step}"),
            after_mysql=self._make_tables,
            after_kafka=self._make_topics,
        )

    def say(self, user: str, content: str) -> int:
        [added] = self.rows.add_messages(user, [NewMessage("user", content, "c")])
        return added.message_id

    def records(self, user: str, *message_ids: int) -> list[Record]:
        """What the user's partition holds of these messages, in its order."""
        partition = self.reader.read(names.MESSAGES, partition_of(user))
        return [record for record in partition if cdc.message_id(record.key()) in message_ids]

    def wait_for(self, user: str, *message_ids: int, records: int) -> list[Record]:
        """The same, once it is as many."""
        wait_until(lambda: len(self.records(user, *message_ids)) >= records)
        return self.records(user, *message_ids)

    def written(self, user: str, message_id: int) -> cdc.MessageRow:
        """The row in the one record of a message."""
        [record] = self.wait_for(user, message_id, records=1)
        change = cdc.decode(record.key(), record.value())
        assert isinstance(change, cdc.Written)
        return change.row

    def read_again(self, user: str, message_id: int) -> list[str]:
        """What snapshots read of a message, in order."""
        found = [json.loads(record.value() or b"") for record in self.records(user, message_id)]
        return [event["after"]["content"] for event in found if event["op"] == "r"]

    def has_heard_of(self, user: str) -> bool:
        partition = list(self.reader.read(names.MESSAGES, partition_of(user)))
        return any(user.encode() in (record.value() or b"") for record in partition)

    def pids(self) -> list[int]:
        found = (process.find(self.settings.home, name) for name in PARTS)
        return [part.pid for part in found if part is not None]

    def kill(self, *parts: str) -> None:
        for name in parts:
            part = process.find(self.settings.home, name)
            assert part is not None
            os.kill(part.pid, signal.SIGKILL)
            psutil.Process(part.pid).wait(60)

    def lose(self, topic: str) -> None:
        """Deletes a topic."""
        admin = AdminClient(self.consumer.client())
        admin.delete_topics([topic])[topic].result(30)
        wait_until(lambda: topic not in admin.list_topics(timeout=30).topics)
        # A client that has read it takes what is told of a topic made anew for old.
        self.reader.close()
        self.reader = LogReader(self.consumer)

    def watch(self) -> ConnectorWatch:
        """As a process that serves looks after the connector."""
        state = partial(connect.connector, self.settings, self.secrets)
        mend = partial(connect.mend_connector, self.settings, self.secrets)
        settle = partial(connect.settle_connector, self.settings, self.secrets)
        return ConnectorWatch(state, mend, settle, lambda: now() + self.later)

    def places(self) -> Places:
        return Places(
            mysql_host="127.0.0.1",
            mysql_port=self.settings.mysql_port,
            mysql_user="oboegaki_debezium",
            secrets_file=self.settings.home / "connect" / "secrets.properties",
            kafka=self.settings.kafka(),
            partitions=names.PARTITIONS,
            log_id=topic_id(self.consumer, names.MESSAGES),
        )

    def connector(self, path: str) -> Any:  # noqa: ANN401  JSON
        url = f"{self.settings.connect_url()}/connectors/{register.NAME}/{path}"
        answer = httpx.get(url, auth=connect.auth(self.secrets), trust_env=False)
        return answer.raise_for_status().json()

    def _make_tables(self) -> None:
        self.happened.append("tables")
        migrate(account(self.settings, "oboegaki_migrate", self.secrets.mysql_migrate))

    def _make_topics(self) -> str:
        self.happened.append("topics")
        accounts.ensure(self.consumer, admin=kafka.BROKER, password=self.secrets.kafka_broker)
        topics.ensure(self.consumer)
        return topic_id(self.consumer, names.MESSAGES)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capture]:
    home = tmp_path_factory.mktemp("capture")
    settings, secrets = stack_settings(home), load_or_create(home)
    consumer = consumer_settings(settings, secrets)
    api = account(settings, "oboegaki_api", secrets.mysql_api)
    with closing(Database(api, pool_size=4)) as database:
        rows = Rows(database, clock=now)
        made = Capture(settings, secrets, database, rows, consumer, LogReader(consumer))
        try:
            made.start()
            yield made
        finally:
            made.reader.close()
            stack.stop(settings)


def test_tables_and_topics_are_made_before_the_connector_starts(capture: Capture) -> None:
    assert capture.happened[:8] == [
        "kafka starting",
        "mysql starting",
        "tables",
        "mysql ready",
        "topics",
        "kafka ready",
        "connect starting",
        "connect ready",
    ]


@pytest.mark.parametrize("user", ["alice", "花子", "🧑‍🚀👩🏽‍🚒", "ﾊﾊ\u3099"])
def test_a_row_arrives_whole_and_only_in_its_users_partition(capture: Capture, user: str) -> None:
    message_id = capture.say(user, "名古屋でパン屋をやっています。")

    row = capture.written(user, message_id)

    stored = capture.rows.get(user, message_id)
    assert (row.user_id, row.conversation_id, row.role, row.content) == (user, "c", "user", stored.content)
    assert (row.said_at, row.updated_at, row.revision) == (stored.said_at, stored.updated_at, stored.revision)
    everywhere = [capture.reader.read(names.MESSAGES, number) for number in range(names.PARTITIONS)]
    held = [[cdc.message_id(record.key()) for record in partition].count(message_id) for partition in everywhere]
    assert [number for number, count in enumerate(held) if count] == [partition_of(user)]


def test_an_edit_and_a_delete_carry_no_old_text_and_no_other_rows(capture: Capture) -> None:
    user = new_user()
    message_id, neighbour = capture.say(user, "first-secret"), capture.say(user, "neighbours-secret")
    capture.rows.edit(user, message_id, Edit(content="second-secret"))
    erase_message(capture.database, user, message_id)

    insert, edit, delete = (record.value() or b"" for record in capture.wait_for(user, message_id, records=3))

    assert [json.loads(value)["op"] for value in (insert, edit, delete)] == ["c", "u", "d"]
    assert not [value for value in (insert, edit, delete) if b'"before"' in value or b"neighbours" in value]
    assert b"first-secret" in insert
    assert b"second-secret" in edit
    assert b"first-secret" not in edit
    assert b"secret" not in delete
    assert b"neighbours-secret" in (capture.wait_for(user, neighbour, records=1)[0].value() or b"")


def test_records_of_one_message_have_the_key_that_the_facts_log_uses(capture: Capture) -> None:
    user = new_user()
    message_id = capture.say(user, "a")
    erase_message(capture.database, user, message_id)

    keys = [record.key() for record in capture.wait_for(user, message_id, records=2)]

    assert keys == [cdc.encode_key(message_id)] * 2


@pytest.mark.parametrize(
    "content",
    ["覚え書き。\n" * 100_000 + '"\\\t\u2028📝' * 80_000, "\x01" * 1_000_000],
    ids=["Japanese", "six bytes each"],
)
def test_the_largest_content_arrives_whole(capture: Capture, content: str) -> None:
    user = new_user()
    assert len(content) == 1_000_000

    assert capture.written(user, capture.say(user, content)).content == content


def test_a_second_start_changes_nothing(capture: Capture) -> None:
    user = new_user()
    before = (capture.pids(), capture.connector("config"), capture.connector("status"))

    capture.start()

    assert (capture.pids(), capture.connector("config"), capture.connector("status")) == before
    message_id, marker = capture.say(user, "once"), capture.say(user, "after it")
    assert len(capture.wait_for(user, message_id, marker, records=2)) == 2


def test_every_part_says_that_it_is_ready(capture: Capture) -> None:
    told = [
        (part.name, part.running, part.ready, part.detail)
        for part in stack.status(capture.settings, capture.secrets)
    ]

    assert told == [
        ("mysql", True, True, "ready"),
        ("kafka", True, True, "ready"),
        ("connect", True, True, "connector RUNNING"),
    ]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"database.port": "1"}, "database.hostname: .*Failed to establish connection"),
        ({"database.user": "nobody"}, "Access denied for user 'nobody'"),
        ({"snapshot.mode": "sometimes"}, "snapshot.mode: .*must be one of"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_the_cause(
    capture: Capture, change: dict[str, str], cause: str
) -> None:
    config = register.messages_config(capture.places()) | change
    auth = connect.auth(capture.secrets)

    with pytest.raises(Refused, match=cause):
        register.register(capture.settings.connect_url(), config, soon(), name="unable", auth=auth)


def test_a_connector_that_fails_by_itself_is_refused_with_the_cause(capture: Capture) -> None:
    url, auth = capture.settings.connect_url(), connect.auth(capture.secrets)
    # What can be validated is in order; it is the task that cannot have such a producer.
    config = register.messages_config(capture.places()) | {"producer.override.acks": "1"}
    try:
        with pytest.raises(Refused, match=r"Connector failing failed: .*acks"):
            register.register(url, config, soon(), name="failing", auth=auth)
    finally:
        httpx.delete(f"{url}/connectors/failing", auth=auth, trust_env=False)


def test_no_committed_row_is_missed_doubled_or_out_of_order_where_connect_is_killed(capture: Capture) -> None:
    user = new_user()

    def insert() -> list[int]:
        return [capture.say(user, f"message {number}") for number in range(400)]

    with ThreadPoolExecutor(1) as thread:
        inserting = thread.submit(insert)
        wait_until(lambda: capture.has_heard_of(user))
        capture.kill("connect")
        message_ids = inserting.result()
    capture.start()

    found = capture.wait_for(user, *message_ids, records=400)
    assert [cdc.message_id(record.key()) for record in found] == message_ids


def test_a_connector_whose_mysql_was_away_comes_back_by_itself(capture: Capture) -> None:
    user, worker = new_user(), process.find(capture.settings.home, "connect")
    mysql.stop(capture.settings)
    mysql.wait(capture.settings, mysql.start(capture.settings, capture.secrets), soon())

    assert capture.written(user, capture.say(user, "back")).content == "back"
    assert process.find(capture.settings.home, "connect") == worker


def test_rows_that_are_asked_for_are_read_again_as_they_stand_each_time(capture: Capture) -> None:
    user = new_user()
    asked, other = capture.say(user, "before"), capture.say(user, "not asked for")
    capture.rows.edit(user, asked, Edit(content="as it stands"))
    # The snapshot of the first start may read them as they stand.
    capture.wait_for(user, asked, records=1)
    capture.wait_for(user, other, records=1)
    before = len(capture.read_again(user, other))

    for _ in range(2):
        asked_again(capture, user, asked)

    assert capture.read_again(user, asked)[-2:] == ["as it stands"] * 2
    assert len(capture.read_again(user, other)) == before


def asked_again(capture: Capture, user: str, message_id: int, deadline_s: float = DEADLINE_S) -> None:
    """Asks for a row, and for one that is not there, and waits until it has come once more."""
    before = len(capture.read_again(user, message_id))
    resnapshot(capture.consumer, [message_id, 10**12])
    wait_until(lambda: len(capture.read_again(user, message_id)) > before, deadline_s)


def test_rows_that_are_asked_for_while_connect_is_away_are_read_once_it_is_back(capture: Capture) -> None:
    user = new_user()
    message_id = capture.say(user, "a")
    capture.wait_for(user, message_id, records=1)
    before = len(capture.read_again(user, message_id))
    capture.kill("connect")
    resnapshot(capture.consumer, [message_id])
    capture.start()

    wait_until(lambda: len(capture.read_again(user, message_id)) > before)
    asked_again(capture, user, message_id)


def test_rows_that_are_asked_for_amid_a_stream_of_edits_end_as_they_stand(capture: Capture) -> None:
    user = new_user()
    message_ids = [capture.say(user, "first") for _ in range(450)]

    def edit() -> None:
        for message_id in message_ids[::3]:
            capture.rows.edit(user, message_id, Edit(content="last"))

    with ThreadPoolExecutor(1) as thread:
        editing = thread.submit(edit)
        resnapshot(capture.consumer, message_ids)
        editing.result()

    untouched = set(message_ids) - set(message_ids[::3])
    wait_until(lambda: read_by_snapshots(capture, user) >= untouched)
    ends = {cdc.message_id(record.key()): record for record in capture.records(user, *message_ids)}
    said = [json.loads(ends[message_id].value() or b"")["after"]["content"] for message_id in message_ids]
    assert said == ["last" if number % 3 == 0 else "first" for number in range(450)]


def read_by_snapshots(capture: Capture, user: str) -> set[int | None]:
    partition = capture.reader.read(names.MESSAGES, partition_of(user))
    return {cdc.message_id(record.key()) for record in partition if b'"op":"r"' in (record.value() or b"")}


def test_rows_are_read_again_after_mysql_was_away_once_the_connector_was_restarted(capture: Capture) -> None:
    user = new_user()
    message_id = capture.say(user, "a")
    asked_again(capture, user, message_id)
    mysql.stop(capture.settings)
    mysql.wait(capture.settings, mysql.start(capture.settings, capture.secrets), soon())
    assert capture.written(user, capture.say(user, "back")).content == "back"

    # Debezium goes on with a connection that is closed. Once it does better the restart is not needed any more.
    with pytest.raises(AssertionError):
        asked_again(capture, user, message_id, LOST_S)
    before = len(capture.read_again(user, message_id))
    register.restart(capture.settings.connect_url(), auth=connect.auth(capture.secrets))
    for _ in range(MOST_ASKED):
        # What is asked for while it starts may be lost as well.
        with suppress(AssertionError):
            asked_again(capture, user, message_id, LOST_S)
            break

    assert len(capture.read_again(user, message_id)) > before


def test_after_a_kill_of_every_part_the_next_start_works_and_nothing_is_lost(capture: Capture) -> None:
    user = new_user()
    before = [capture.say(user, f"before {number}") for number in range(20)]
    capture.kill("connect", "mysql", "kafka")

    capture.start()

    after = [capture.say(user, f"after {number}") for number in range(20)]
    found = capture.wait_for(user, *before, *after, records=40)
    assert [cdc.message_id(record.key()) for record in found] == before + after
    assert connect.connector(capture.settings, capture.secrets) == "RUNNING"


def test_a_record_of_the_tables_that_is_gone_is_made_anew_and_nothing_is_missed(capture: Capture) -> None:
    user = new_user()
    deleted = capture.say(user, "to be deleted")
    capture.wait_for(user, deleted, records=1)
    connect.stop(capture.settings)
    erase_message(capture.database, user, deleted)
    written = capture.say(user, "meanwhile")
    capture.lose(names.SCHEMA_HISTORY)

    capture.start()
    watch = capture.watch()

    def arrived() -> bool:
        watch.look()
        return len(capture.records(user, deleted)) == 2

    wait_until(arrived, 120)
    assert capture.written(user, written).content == "meanwhile"
    assert capture.connector("config")["snapshot.mode"] == "recovery"

    def is_over() -> bool:
        capture.later += timedelta(seconds=30)
        watch.look()
        return bool(capture.connector("config")["snapshot.mode"] == "when_needed")

    wait_until(is_over)
    capture.later = timedelta(0)
    assert capture.written(user, capture.say(user, "in the mode of before")).content == "in the mode of before"
    capture.start()
    assert capture.written(user, capture.say(user, "as before")).content == "as before"


def test_where_the_messages_log_was_made_anew_every_row_is_in_it_again(capture: Capture) -> None:
    user = new_user()
    kept, edited = capture.say(user, "kept"), capture.say(user, "before")
    capture.wait_for(user, kept, edited, records=2)
    connect.stop(capture.settings)
    capture.rows.edit(user, edited, Edit(content="after"))
    capture.lose(names.MESSAGES)

    capture.start()

    found = capture.wait_for(user, kept, edited, records=2)
    changes = [cdc.decode(record.key(), record.value()) for record in found]
    assert [each.row.content for each in changes if isinstance(each, cdc.Written)] == ["kept", "after"]
    assert capture.written(user, capture.say(user, "as before")).content == "as before"
    before = capture.connector("config")
    capture.start()
    assert capture.connector("config") == before
    assert len(capture.records(user, kept)) == 1


def test_heartbeats_arrive_while_nothing_is_written(capture: Capture) -> None:
    wait_until(lambda: list(capture.reader.read(names.HEARTBEAT, 0)))


def test_topics_have_their_settings_after_all_of_it(capture: Capture) -> None:
    topics.check(capture.consumer)


def test_no_text_and_no_password_is_in_a_log(capture: Capture) -> None:
    text = "\n".join(path.read_text(errors="replace") for path in logs(capture.settings.home))
    passwords = [getattr(capture.secrets, name).get_secret_value() for name in Secrets.model_fields]

    assert not [word for word in (*passwords, "パン屋", "-secret", "message 1") if word in text]


def logs(home: Path) -> list[Path]:
    found = sorted((home / "logs").iterdir())
    assert [path.stem for path in found] == sorted(PARTS)
    return found


@pytest.mark.parametrize("path", ["/", "/health", "/connectors", f"/connectors/{register.NAME}/config"])
@pytest.mark.parametrize("who", [None, ("oboegaki", ""), ("oboegaki", "wrong"), ("", "")])
def test_nobody_asks_kafka_connect_without_the_password(
    capture: Capture, path: str, who: tuple[str, str] | None
) -> None:
    url = f"{capture.settings.connect_url()}{path}"

    assert httpx.get(url, auth=who, trust_env=False).status_code == 401
    assert httpx.get(url, auth=connect.auth(capture.secrets), trust_env=False).is_success


def test_no_password_is_told_by_kafka_connect_or_stands_on_a_command_line(capture: Capture) -> None:
    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in capture.pids()]
    told = json.dumps(capture.connector("config")) + " ".join(lines)
    passwords = [getattr(capture.secrets, name).get_secret_value() for name in Secrets.model_fields]

    assert [word for word in passwords if word in told] == []


def test_only_the_owner_gets_into_the_home(capture: Capture) -> None:
    assert capture.settings.home.stat().st_mode & 0o777 == 0o700
