"""Forgetting is complete: within its time what was said is nowhere any more, and no rebuild brings it back."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from memory_consumer import names
from tests.support.api import execute
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

USER, OTHER = "forgotten/花子", "kept"
#: In no other test, and in one piece wherever the words are.
MARKERS = ("zanzibar7319heliotrope", "虎屋羊羹七三一九号")
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
#: Of a segment that was left, or is being written.
PASSING = (".deleted", ".cleaned", ".swap")
_LEARNED_S = 180
#: The shortest promise that can be set, with a busy machine's delays.
_PROMISED_S = 60


def forms() -> list[bytes]:
    """What the markers look like in files."""
    escaped = [json.dumps(each)[1:-1].encode() for each in MARKERS]
    return [*escaped, *(each.encode(encoding) for each in MARKERS for encoding in ENCODINGS)]


def holding(folder: Path) -> set[str]:
    """The files below a folder with a marker in any form."""
    found = set()
    for path in folder.rglob("*"):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if any(form in data for form in forms()):
            found.add(str(path.relative_to(folder)))
    return found


def logged(instance: RunningInstance, topic: str) -> int:
    """How often a marker stands in a log, read from its first record on, whatever was compressed or aborted.

    Files that Kafka is about to remove or to put in place count as if they held one.
    """
    beside = [each for each in (instance.home / "kafka").rglob(f"{topic}-*/*") if each.suffix in PASSING]
    config = instance.consumer().client() | {
        "group.id": "looking",
        "enable.auto.commit": False,
        "isolation.level": "read_uncommitted",
        "enable.partition.eof": True,
    }
    found, left = len(beside), set(range(names.PARTITIONS))
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, each, 0) for each in left])
        while left:
            for message in consumer.consume(500, 1.0):
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF  # noqa: SLF001  its public name
                    left.discard(message.partition())
                else:
                    data = (message.key() or b"") + (message.value() or b"")
                    found += sum(data.count(form) for form in forms())
    return found


def say(client: httpx.Client, user: str, content: str, **more: object) -> int:
    body = {"user_id": user, "role": "user", "content": content, **more}
    return int(client.post("/v1/messages", json=body).raise_for_status().json()["message_id"])


def recalled(client: httpx.Client, user: str) -> set[str]:
    found = client.get("/v1/memories", params={"user_id": user, "limit": 100}).raise_for_status().json()
    return {each["text"] for each in found["memories"]} | {each["content"] for each in found["pending"]}


def learned(client: httpx.Client, user: str, memories: int) -> Callable[[], bool]:
    def is_so() -> bool:
        found = client.get("/v1/memories", params={"user_id": user, "limit": 100})
        return found.is_success and not found.json()["pending"] and len(found.json()["memories"]) == memories

    return is_so


def vectors(home: Path, message_ids: list[int]) -> int:
    """Vectors that the cache keeps of messages."""
    with closing(sqlite3.connect(f"file:{home / 'cache' / 'vectors.db'}?mode=ro", uri=True)) as cache:
        listed = ", ".join(str(each) for each in message_ids)
        [(found,)] = cache.execute(f"SELECT count(*) FROM vectors WHERE message_id IN ({listed})")  # noqa: S608
        return int(found)


def rows(instance: RunningInstance) -> int:
    """Rows of any table with a marker in any column that holds text."""
    account, found = instance.database(), 0
    columns = execute(
        account,
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'chat'"
        " AND data_type IN ('varchar', 'char', 'text', 'mediumtext', 'json')",
    )
    for table, column in columns:
        where = " OR ".join(f"INSTR(CAST({column} AS CHAR), '{each}')" for each in MARKERS)
        [(count,)] = execute(account, f"SELECT COUNT(*) FROM {table} WHERE {where}")  # noqa: S608
        found += count
    return found


@pytest.mark.timeout(900)
def test_what_a_user_said_is_nowhere_any_more_and_does_not_come_back(instance: RunningInstance) -> None:
    english, japanese = MARKERS
    instance.settings["OBOEGAKI_ERASED_WITHIN"] = f"PT{_PROMISED_S}S"
    instance.serve()
    with instance.client() as client:
        said = [
            say(client, USER, f"My secret word is {english}.", conversation_id="c", metadata={"again": english}),
            say(client, USER, f"私の合言葉は{japanese}です。", conversation_id="c"),
            say(client, USER, f"I own a cat called {english}.", conversation_id="d"),
            say(client, USER, f"Noted: {english}", conversation_id="c", role="assistant"),
            say(client, USER, "I live in Oslo.", conversation_id="c", role="note"),
        ]
        say(client, OTHER, "I drink tea.")
        wait_until(learned(client, USER, 4), _LEARNED_S)
        wait_until(learned(client, OTHER, 1), _LEARNED_S)
        change = {"content": f"My secret word is {japanese}, not the other."}
        client.patch(f"/v1/messages/{said[0]}", params={"user_id": USER}, json=change).raise_for_status()
        wait_until(learned(client, USER, 4), _LEARNED_S)
    # It is seen wherever it is looked for afterwards.
    assert logged(instance, names.MESSAGES)
    assert logged(instance, names.facts_log("v1"))
    assert rows(instance)
    assert {"store", "ledger"} <= {each.split("/")[0] for each in holding(instance.home)}
    assert vectors(instance.home, said)

    told = instance.command("user", "forget", USER, "--yes", "--wait")

    assert "All of it is gone." in told
    assert rows(instance) == 0
    assert (logged(instance, names.MESSAGES), logged(instance, names.facts_log("v1"))) == (0, 0)
    assert vectors(instance.home, said) == 0
    # MySQL's own files: docs/operations.md says what stays in them, and for how long.
    assert {each for each in holding(instance.home) if not each.startswith("mysql/")} == set()
    with instance.client() as client:
        assert recalled(client, USER) == set()
        assert recalled(client, OTHER) == {"I drink tea."}
        profile = client.get(f"/v1/users/{quote(USER, safe='')}/profile").raise_for_status().json()
        assert profile["lines"] == []
        say(client, USER, "I drink coffee.", conversation_id="c")
        wait_until(learned(client, USER, 1), _LEARNED_S)
    instance.stop_serving()
    instance.serve("--rebuild")
    with instance.client() as client:
        wait_until(learned(client, USER, 1), _LEARNED_S)
        wait_until(learned(client, OTHER, 1), _LEARNED_S)
        assert recalled(client, USER) == {"I drink coffee."}
    assert {each for each in holding(instance.home) if not each.startswith("mysql/")} == set()
    assert json.loads(instance.command("verify", "--json"))["differences"] == []
