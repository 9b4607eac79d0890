"""`oboegaki dead-letters` beside a running instance, and without one."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memory_consumer import names
from memory_consumer.kafka import log_writer
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

pytestmark = pytest.mark.stacks("containers", "server")

GARBAGE = b'{"op":"c","after":{"content":"my secret"}}'


@pytest.fixture
def client(serving: RunningInstance) -> Iterator[httpx.Client]:
    with serving.client() as made:
        yield made


def say(client: httpx.Client, user: str, text: str) -> int:
    told = {"user_id": user, "role": "user", "content": text}
    message = int(client.post("/v1/messages", json=told).raise_for_status().json()["message_id"])
    wait_until(lambda: state(client, user, message) == "learned")
    return message


def state(client: httpx.Client, user: str, message: int) -> str | None:
    asked = client.get(f"/v1/users/{user}/freshness", params={"wait_for": message, "timeout": 0})
    found: str | None = asked.json().get("state")
    return found


def garble(instance: RunningInstance, user: str, message: int) -> None:
    """Writes an event of a message that cannot be read, as a broken converter would."""
    settings = instance.consumer()
    event = Outgoing(names.MESSAGES, partition_of(user), cdc.encode_key(message), GARBAGE)
    log_writer.write(settings, [event])


def listed(instance: RunningInstance) -> dict[int, dict[str, Any]]:
    letters = json.loads(instance.command("dead-letters", "list", "--json"))
    return {letter["message_id"]: letter for letter in letters}


def dead(instance: RunningInstance, client: httpx.Client, user: str) -> int:
    """A message that is dead, though its row can be read."""
    message = say(client, user, f"{user} likes tea.")
    garble(instance, user, message)
    wait_until(lambda: state(client, user, message) == "dead")
    return message


def test_what_was_set_aside_is_listed_and_shown_without_its_text(
    serving: RunningInstance, client: httpx.Client
) -> None:
    message = dead(serving, client, "lister")

    table = serving.command("dead-letters", "list")
    shown = serving.command("dead-letters", "show", str(message))

    assert "lister" in table
    assert "The event cannot be read: after." in table
    assert f"{names.MESSAGES}, partition {partition_of('lister')}, offset" in shown
    assert "secret" not in table + shown
    serving.command("dead-letters", "redrive", "--id", str(message))


def test_letters_are_listed_while_no_oboegaki_runs(instance: RunningInstance) -> None:
    instance.command("dead-letters", "list")

    told = instance.command("dead-letters", "show", "123456789", status=1)
    assert "There is no dead letter of message 123456789." in told


def test_a_redriven_message_is_learned_as_its_row_stands(serving: RunningInstance, client: httpx.Client) -> None:
    message = dead(serving, client, "redriver")

    told = serving.command("dead-letters", "redrive", "--id", str(message))
    again = serving.command("dead-letters", "redrive", "--id", str(message))

    assert "1 learned." in told
    assert "nothing was redriven" in again
    assert state(client, "redriver", message) == "learned"
    assert message not in listed(serving)


def test_a_users_messages_are_redriven_and_nobody_elses(serving: RunningInstance, client: httpx.Client) -> None:
    mine, other = dead(serving, client, "mine"), dead(serving, client, "other")

    told = json.loads(serving.command("dead-letters", "redrive", "--user", "mine", "--json"))

    assert told == {"messages": [{"message_id": mine, "outcome": "learned"}], "of_no_message": 0}
    assert {mine, other} & listed(serving).keys() == {other}
    serving.command("dead-letters", "redrive", "--user", "other")


def test_a_newer_edit_wins_over_a_redrive(serving: RunningInstance, client: httpx.Client) -> None:
    message = dead(serving, client, "editor")
    edited = {"content": "editor likes coffee."}
    client.patch(f"/v1/messages/{message}", params={"user_id": "editor"}, json=edited).raise_for_status()
    serving.command("dead-letters", "redrive", "--all")

    wait_until(lambda: state(client, "editor", message) == "learned")
    memories = client.get("/v1/memories", params={"user_id": "editor"}).json()["memories"]
    assert [memory["text"] for memory in memories] == ["editor likes coffee."]


def test_a_message_that_is_gone_is_told_and_forgotten_by_verify(
    serving: RunningInstance, client: httpx.Client
) -> None:
    gone = say(client, "leaver", "leaver likes tea.")
    client.delete(f"/v1/messages/{gone}", params={"user_id": "leaver"}).raise_for_status()
    # The delete event takes a letter back: the letter has to come after it.
    wait_until(lambda: client.get(f"/v1/admin/messages/{gone}").raise_for_status().json()["points"] == [])
    garble(serving, "leaver", gone)
    wait_until(lambda: gone in listed(serving))

    told = serving.command("dead-letters", "redrive", "--id", str(gone))

    assert "1 have no row any more" in told
    serving.command("verify", "--repair")
    wait_until(lambda: gone not in listed(serving))


def test_a_letter_of_no_message_is_listed_and_cannot_be_redriven(
    serving: RunningInstance, client: httpx.Client
) -> None:
    say(client, "anybody", "I like tea.")
    settings = serving.consumer()
    log_writer.write(settings, [Outgoing(names.MESSAGES, 0, b"no key of ours", b"{}")])
    wait_until(lambda: "cannot be redriven" in serving.command("dead-letters", "list"))

    told = serving.command("dead-letters", "redrive", "--all")

    assert "1 letters name no message, so they cannot be redriven." in told


def test_which_letters_are_to_be_redriven_has_to_be_said(instance: RunningInstance) -> None:
    told = instance.command("dead-letters", "redrive", status=1)

    assert "Say which: --user USER, --id MESSAGE, or --all." in told
