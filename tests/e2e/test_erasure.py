"""Forgetting is complete: within its time what was said is nowhere any more, and no rebuild brings it back."""

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from memory_consumer import names
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.letters.letter_box import LetterBox
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc
from tests.support.api import execute
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

USER, OTHER = "forgotten/花子", "kept"
#: Of whom one message is erased, and one conversation.
OF_MESSAGE, OF_CONVERSATION = "of one message", "of one conversation"
#: What each of the others said otherwise.
KEPT = {OTHER: {"I drink tea."}, OF_MESSAGE: {"I live in Oslo."}, OF_CONVERSATION: {"I drink coffee."}}
#: By the way that it came in on: in no other test, and in one piece wherever the words are.
MARKERS = {
    "message": "zanzibar7319heliotrope",
    "Japanese message": "虎屋羊羹七三一九号",
    "former wording": "quagga2846vermilion",
    "chat": "tapioca5091cerulean",
    "completion": "ocarina6624saffron",
    "dead letter": "sextant3357magenta",
    "one message": "marimba6083ultramarine",
    "one conversation": "gazebo1947chartreuse",
}
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
#: What the markers look like in files and records.
FORMS = {
    way: {json.dumps(marker)[1:-1].encode(), *(marker.encode(encoding) for encoding in ENCODINGS)}
    for way, marker in MARKERS.items()
}
#: What was not edited away.
STANDING = MARKERS.keys() - {"former wording"}
OF_FORMER = {"message", "Japanese message", "one message", "one conversation"}
#: Of a segment that was left, or is being written.
PASSING = (".deleted", ".cleaned", ".swap")
FORMER, LIVE = "v0", "v1"
LOGS = (names.MESSAGES, names.facts_log(LIVE), names.facts_log(FORMER), names.DEAD_LETTERS)
_LEARNED_S = 180
#: A minute is the shortest that can be set. Kafka by itself takes up to 46 seconds of that (half of it, and 15
#: until its cleaner looks again), which would leave little to a busy machine.
_PROMISED_S = 80


def ways(data: bytes) -> set[str]:
    """The ways on which what stands there came in."""
    return {way for way, forms in FORMS.items() if any(form in data for form in forms)}


def written(path: Path) -> Iterator[bytes]:
    """What was ever written of a file, whose holes are left out: Kafka's indexes are of little else."""
    with path.open("rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            file.seek(at)
            yield file.read(end - at)
            at = end


def holding(home: Path) -> set[str]:
    """The files of an instance with a marker in any form.

    Not those of MySQL: docs/operations.md says what stays in them, and for how long.
    """
    found = set()
    for path in (file for part in home.iterdir() if part.name != "mysql" for file in (part, *part.rglob("*"))):
        try:
            if path.is_file() and any(ways(data) for data in written(path)):
                found.add(str(path.relative_to(home)))
        except FileNotFoundError:
            continue
    return found


def logged(instance: RunningInstance, topic: str) -> set[str]:
    """Whose markers stand in a log, read from its first record on, whatever was compressed or aborted.

    Files that Kafka is about to remove or to put in place count as if they held one.
    """
    found = {each.name for each in (instance.home / "kafka").rglob(f"{topic}-*/*") if each.suffix in PASSING}
    config = instance.consumer().client() | {
        "group.id": "looking",
        "enable.auto.commit": False,
        "isolation.level": "read_uncommitted",
        "enable.partition.eof": True,
    }
    left = set(range(names.PARTITIONS))
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, each, 0) for each in left])
        while left:
            for message in consumer.consume(500, 0.1):
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF  # noqa: SLF001  its public name
                    left.discard(message.partition())
                else:
                    found |= ways((message.key() or b"") + (message.value() or b""))
    return found


def say(client: httpx.Client, user: str, content: str, **more: object) -> int:
    body = {"user_id": user, "role": "user", "content": content, **more}
    return int(client.post("/v1/messages", json=body).raise_for_status().json()["message_id"])


def chat(client: httpx.Client, message: str) -> int:
    """Says it by way of a chat that may be asked for again."""
    body = {"user_id": USER, "message": message, "conversation_id": "c"}
    answer = client.post("/v1/chat", json=body, headers={"Idempotency-Key": "once"})
    return int(answer.raise_for_status().json()["message_id"])


def complete(client: httpx.Client, message: str) -> int:
    """Says it as a client of OpenAI's does."""
    body = {"user": USER, "messages": [{"role": "user", "content": message}]}
    return int(client.post("/v1/chat/completions", json=body).raise_for_status().headers["X-Oboegaki-Message"])


def edit(client: httpx.Client, message_id: int, content: str) -> None:
    params, change = {"user_id": USER}, {"content": content}
    client.patch(f"/v1/messages/{message_id}", params=params, json=change).raise_for_status()


def garble(instance: RunningInstance, message_id: int, words: str) -> None:
    """Writes an event of a message that has its words and cannot be read, as a broken converter would."""
    value = json.dumps({"op": "c", "after": {"content": words}}).encode()
    event = Outgoing(names.MESSAGES, partition_of(USER), cdc.encode_key(message_id), value)
    log_writer.write(instance.consumer(), [event])


def letters(instance: RunningInstance) -> set[int | None]:
    """The messages that were set aside."""
    standing = LetterBox(instance.consumer()).standing([partition_of(USER)])
    return {letter.message_id for letter in standing.values()}


def state(client: httpx.Client, message_id: int, user: str = USER) -> str | None:
    asked = {"wait_for": message_id, "timeout": 1}
    answer = client.get(f"/v1/users/{quote(user, safe='')}/freshness", params=asked)
    found: str | None = answer.json().get("state")
    return found


def all_learned(client: httpx.Client, *message_ids: int, user: str = USER) -> None:
    wait_until(lambda: all(state(client, each, user) == "learned" for each in message_ids), _LEARNED_S)


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


def rows(instance: RunningInstance) -> set[str]:
    """Whose markers stand in any column of any table that holds text."""
    account = instance.database()
    columns = execute(
        account,
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'chat'"
        " AND data_type IN ('varchar', 'char', 'text', 'mediumtext', 'json')",
    )
    looks = [
        f"SELECT '{way}' FROM {table} WHERE INSTR(CAST({column} AS CHAR), '{marker}')"  # noqa: S608
        for table, column in columns
        for way, marker in MARKERS.items()
    ]
    return {str(way) for (way,) in execute(account, " UNION ".join(looks))}


def former_version(instance: RunningInstance) -> list[int]:
    """What is said, and edited, under a version of the memories that another one then takes the place of."""
    instance.settings["OBOEGAKI_FACTS_VERSION"] = FORMER
    instance.serve()
    with instance.client() as client:
        said = [
            say(client, USER, f"My secret word is {MARKERS['former wording']}.", conversation_id="c"),
            say(client, USER, f"I own a cat called {MARKERS['message']}.", conversation_id="d"),
        ]
        partly = [
            say(client, OF_MESSAGE, f"I own a dog called {MARKERS['one message']}.", conversation_id="c"),
            say(
                client, OF_CONVERSATION, f"I own a dog called {MARKERS['one conversation']}.", conversation_id="c"
            ),
        ]
        all_learned(client, *said)
        for user, message in zip((OF_MESSAGE, OF_CONVERSATION), partly, strict=True):
            all_learned(client, message, user=user)
        edit(client, said[0], f"私の合言葉は{MARKERS['Japanese message']}です。")
        all_learned(client, said[0])
    # It goes as soon as Kafka compacts.
    assert all("former wording" in logged(instance, each) for each in (names.MESSAGES, names.facts_log(FORMER)))
    instance.stop_serving()
    del instance.settings["OBOEGAKI_FACTS_VERSION"]
    return [*partly, *said]


def say_all(instance: RunningInstance, client: httpx.Client) -> list[int]:
    """Says the rest, on every way; the last of it becomes a dead letter."""
    word = MARKERS["message"]
    said = [
        say(client, USER, f"Again: {word}.", conversation_id="c", metadata={"again": word}),
        say(client, USER, f"Noted: {word}", conversation_id="c", role="assistant"),
        say(client, USER, "I live in Oslo.", conversation_id="c", role="note"),
        chat(client, f"The chat's word is {MARKERS['chat']}."),
        complete(client, f"The completion's word is {MARKERS['completion']}."),
        say(client, USER, f"The letter's word is {MARKERS['dead letter']}.", conversation_id="c"),
    ]
    say(client, OTHER, "I drink tea.")
    noted = f"Noted: {MARKERS['one conversation']}."
    say(client, OF_CONVERSATION, noted, conversation_id="c", role="assistant")
    # The first takes the message that will be erased as its context.
    last = {
        OF_MESSAGE: say(client, OF_MESSAGE, "I live in Oslo.", conversation_id="c"),
        OF_CONVERSATION: say(client, OF_CONVERSATION, "I drink coffee.", conversation_id="d"),
    }
    all_learned(client, *said)
    for user, message in last.items():
        all_learned(client, message, user=user)
    garble(instance, said[-1], MARKERS["dead letter"])
    wait_until(lambda: state(client, said[-1]) == "dead", _LEARNED_S)
    wait_until(learned(client, OTHER, 1), _LEARNED_S)
    return said


def erase_partly(client: httpx.Client, message_id: int) -> list[str]:
    """Erases that message of one user and a conversation of another; answers the erasures."""
    message = client.delete(f"/v1/messages/{message_id}", params={"user_id": OF_MESSAGE}).raise_for_status()
    conversation = client.delete("/v1/conversations/c", params={"user_id": OF_CONVERSATION}).raise_for_status()
    return [message.headers["Erasure-Id"], conversation.json()["erasure_id"]]


def erasure(client: httpx.Client, erasure_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/erasures/{erasure_id}").raise_for_status().json()
    return found


@pytest.mark.timeout(900)
def test_what_a_user_said_is_nowhere_any_more_and_does_not_come_back(instance: RunningInstance) -> None:
    """Nor what one message or one conversation said, of which the rest stays."""
    instance.settings["OBOEGAKI_ERASED_WITHIN"] = f"PT{_PROMISED_S}S"
    said = former_version(instance)
    instance.serve()
    with instance.client() as client:
        said += say_all(instance, client)
    # It is seen wherever it is looked for afterwards.
    assert rows(instance) == STANDING
    assert logged(instance, names.MESSAGES) >= STANDING
    assert logged(instance, names.facts_log(LIVE)) >= STANDING - {"dead letter"}
    assert logged(instance, names.facts_log(FORMER)) >= OF_FORMER
    assert {"store", "ledger"} <= {each.split("/")[0] for each in holding(instance.home)}
    assert any(each.startswith(f"store/{FORMER}/") for each in holding(instance.home))
    assert vectors(instance.home, said)
    assert letters(instance) & set(said)

    with instance.client() as client:
        begun = erase_partly(client, said[0])
    # All at the same time, so that none is waited for after another.
    told = instance.command("user", "forget", USER, "--yes", "--wait")
    assert "All of it is gone." in told
    erasures = [*re.findall(r"Erasure ([\da-f-]{36}):", told), *begun]
    assert len(erasures) == 3
    with instance.client() as client:
        wait_until(lambda: all(erasure(client, each)["done"] for each in erasures), _PROMISED_S)

    assert rows(instance) == set()
    assert [logged(instance, each) for each in LOGS] == [set()] * len(LOGS)
    assert vectors(instance.home, said) == 0
    assert not letters(instance) & set(said)
    assert holding(instance.home) == set()
    with instance.client() as client:
        for found in (erasure(client, each) for each in erasures):
            assert datetime.fromisoformat(found["done_at"]) <= datetime.fromisoformat(found["deadline"])
        assert recalled(client, USER) == set()
        assert {user: recalled(client, user) for user in KEPT} == KEPT
        profile = client.get(f"/v1/users/{quote(USER, safe='')}/profile").raise_for_status().json()
        assert profile["lines"] == []
        say(client, USER, "I drink coffee.", conversation_id="c")
        wait_until(learned(client, USER, 1), _LEARNED_S)
    instance.stop_serving()
    instance.serve("--rebuild")
    with instance.client() as client:
        wait_until(learned(client, USER, 1), _LEARNED_S)
        for user in KEPT:
            wait_until(learned(client, user, 1), _LEARNED_S)
        assert recalled(client, USER) == {"I drink coffee."}
        assert {user: recalled(client, user) for user in KEPT} == KEPT
    assert holding(instance.home) == set()
    assert json.loads(instance.command("verify", "--json"))["differences"] == []
