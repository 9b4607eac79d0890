"""The command that verifies, beside a running instance and without one, through every real part."""

import json
from typing import Any

import httpx

from chat_api.settings import Account
from devstack import connect
from devstack.secrets import load_or_create
from tests.support.api import execute
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

USER = "verified"

#: Until a new instance has learned its first message, on a busy machine.
_FIRST_START_S = 180


def root(instance: RunningInstance) -> Account:
    password = load_or_create(instance.home).mysql_root
    return Account("127.0.0.1", instance.ports[1], "chat", "root", password)


def say(instance: RunningInstance, content: str) -> int:
    with instance.client() as client:
        body = {"user_id": USER, "role": "user", "content": content}
        return int(client.post("/v1/messages", json=body).raise_for_status().json()["message_id"])


def memories(instance: RunningInstance) -> list[str]:
    with instance.client() as client:
        found = client.get("/v1/memories", params={"user_id": USER}).raise_for_status().json()["memories"]
        return sorted(each["text"] for each in found)


def points(instance: RunningInstance, message_id: int) -> list[Any] | None:
    """What is filed under a message; None while there are no memories yet, as at a first start."""
    with instance.client() as client:
        answer = client.get(f"/v1/admin/messages/{message_id}")
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return None
        found: list[Any] = answer.raise_for_status().json()["points"]
        return found


def stages(instance: RunningInstance) -> list[dict[str, Any]]:
    with instance.client() as client:
        told: list[dict[str, Any]] = client.get("/v1/admin/status").raise_for_status().json()["stages"]
        return told


def verified(instance: RunningInstance, *options: str, status: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(instance.command("verify", "--json", *options, status=status))
    return told


def kinds(differences: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {(each["kind"], each["message_id"]) for each in differences if not each["under_way"]}


def test_beside_a_running_instance_all_agrees_and_a_user_can_be_named(serving: RunningInstance) -> None:
    said = [say(serving, "I like tea."), say(serving, "I live in Oslo.")]
    wait_until(lambda: all(points(serving, each) for each in said), _FIRST_START_S)

    everybody, one = verified(serving), verified(serving, "--user", USER)

    assert everybody["differences"] == []
    assert (one["report"]["counts"]["rows"], one["report"]["counts"]["memories"]) == (2, 2)
    assert "Rows, logs and memories agree." in serving.command("verify", "--user", USER)
    wait_until(lambda: {"name": "healing", "waiting_for": None} in stages(serving))


def test_a_changed_table_of_which_the_connector_has_nothing_to_tell_leaves_nothing_in_doubt(
    serving: RunningInstance,
) -> None:
    execute(root(serving), "ALTER TABLE conversations COMMENT 'changed'")

    assert verified(serving)["differences"] == []


def test_what_the_connector_never_heard_of_is_told_and_mended_beside_a_running_instance(
    serving: RunningInstance,
) -> None:
    edited, deleted = say(serving, "I have a cat."), say(serving, "I have a dog.")
    wait_until(lambda: points(serving, edited) and points(serving, deleted), _FIRST_START_S)
    execute(
        root(serving),
        "SET SESSION sql_log_bin = 0",
        f"UPDATE messages SET content = 'I have a bird.' WHERE id = {edited}",  # noqa: S608
        f"DELETE FROM messages WHERE id = {deleted}",  # noqa: S608
    )
    expected = {("stale", edited), ("orphaned", deleted)}

    assert kinds(verified(serving, status=1)["differences"]) == expected
    told = serving.command("verify", status=1)
    assert "2 differences" in told
    mended = verified(serving, "--repair")

    assert (kinds(mended["differences"]), mended["left"], mended["status"]) == (expected, [], 0)
    assert "I have a bird." in memories(serving)
    assert points(serving, deleted) == []


def test_without_a_running_instance_the_command_looks_by_itself(instance: RunningInstance) -> None:
    assert verified(instance)["differences"] == []


def test_rows_that_were_deleted_while_the_binlog_was_purged_are_forgotten_by_themselves(
    instance: RunningInstance,
) -> None:
    instance.serve()
    try:
        kept, edited, deleted = (say(instance, f"I have {pet}.") for pet in ("a horse", "a goat", "a snake"))
        wait_until(lambda: all(points(instance, each) for each in (kept, edited, deleted)))
        connect.stop(instance.stack())
        with instance.client() as client:
            query = {"user_id": USER}
            client.delete(f"/v1/messages/{deleted}", params=query).raise_for_status()
            change = {"content": "I have two goats."}
            client.patch(f"/v1/messages/{edited}", params=query, json=change).raise_for_status()
        added = say(instance, "I have a fish.")
        execute(root(instance), "FLUSH BINARY LOGS")
        latest = execute(root(instance), "SHOW BINARY LOGS")[-1][0]
        execute(root(instance), f"PURGE BINARY LOGS TO '{latest}'")
        instance.command("up")

        wait_until(lambda: points(instance, deleted) == [] and points(instance, added), 180)

        assert verified(instance)["differences"] == []
        known = memories(instance)
        assert {"I have a horse.", "I have two goats.", "I have a fish."} <= set(known)
        assert not {"I have a goat.", "I have a snake."} & set(known)
    finally:
        instance.stop_serving()


def test_where_a_part_is_away_the_command_says_that_it_cannot_tell(instance: RunningInstance) -> None:
    connect.stop(instance.stack())
    try:
        told = instance.command("verify", status=2)
        examined = instance.command("doctor", status=1)
    finally:
        instance.command("up")

    assert "Kafka Connect does not answer" in told
    assert "connector: It can be told only while Kafka Connect answers." in examined
