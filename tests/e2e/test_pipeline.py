"""From a file of messages to what can be recalled, through every real part; then edits, deletes, a restart."""

import json
import random
from pathlib import Path

import httpx
import pytest

from memory_consumer import names
from memory_consumer.kafka.log_reader import LogReader
from memory_consumer.partition import partition_of
from memory_consumer.records import cdc, facts
from memory_consumer.records.facts import FactsRecord
from tests.support.asking import recall_at
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance
from tests.support.model import assert_is_the_fold, assert_vectors_are_of_what_was_said, rows_of, stored_in
from tests.support.services import set_topic

LOCOMO, JAPANESE = "conv-26", "ja-dev"


def facts_of(instance: RunningInstance, user: str) -> list[FactsRecord]:
    """A user's records in the facts log, in its order."""
    reader = LogReader(instance.consumer())
    try:
        found = list(reader.read(names.facts_log("v1"), partition_of(user)))
        read = [facts.decode(m.value() or b"") for m in found if cdc.message_id(m.key()) is not None]
        return [record for record in read if record.user_id == user]
    finally:
        reader.close()


def wait_until_learned(client: httpx.Client, user: str) -> None:
    wait_until(lambda: client.get(f"/v1/users/{user}/freshness").json()["unlearned"] == 0)


pytestmark = pytest.mark.stacks("containers", "server")


def test_an_import_ends_when_all_is_learned_and_a_second_one_adds_nothing(
    serving: RunningInstance, data: Path
) -> None:
    file = data / "locomo-conv-26.json"
    first = serving.command("import", str(file), "--user", LOCOMO)
    second = serving.command("import", str(file), "--user", LOCOMO)
    serving.command("import", str(data / "ja-dev.json"), "--user", JAPANESE)

    assert "419 messages, 419 of them new; all learned" in first
    assert "419 messages, 0 of them new; all learned" in second


def test_each_users_messages_are_learned_once_and_in_their_order(serving: RunningInstance, data: Path) -> None:
    rows = [row for row in rows_of(serving.database()) if row.user_id == LOCOMO]
    records = facts_of(serving, LOCOMO)

    assert len(rows) == len(json.loads((data / "locomo-conv-26.json").read_text())["messages"])
    assert [record.message_id for record in records] == [row.id for row in rows]


def test_what_was_said_is_recalled(serving: RunningInstance, data: Path) -> None:
    with serving.client() as client:
        assert recall_at(client, LOCOMO, data / "locomo-conv-26.json", limit=10) >= 0.75
        assert recall_at(client, JAPANESE, data / "ja-dev.json", limit=5) >= 0.95


@pytest.mark.usefixtures("data")
def test_after_edits_deletes_suppressions_and_a_restart_the_store_is_the_fold_of_the_rows(
    instance: RunningInstance,
) -> None:
    instance.serve()
    with instance.client() as client:
        ids = [row.id for row in rows_of(instance.database()) if row.user_id == LOCOMO]
        chosen = random.Random(26).sample(ids, 60)  # noqa: S311  which ones does not matter
        edited, deleted, quiet, forgotten = chosen[:20], chosen[20:40], chosen[40:50], chosen[50:]
        for message in edited:
            change = {"content": f"Message {message} now says that I moved to Lisbon."}
            client.patch(f"/v1/messages/{message}", params={"user_id": LOCOMO}, json=change).raise_for_status()
        for message in deleted:
            client.delete(f"/v1/messages/{message}", params={"user_id": LOCOMO}).raise_for_status()
        for message in quiet:
            change = {"suppressed": "all"}
            client.patch(f"/v1/messages/{message}", params={"user_id": LOCOMO}, json=change).raise_for_status()
        for message in forgotten:
            for point in client.get(f"/v1/admin/messages/{message}").json()["points"]:
                client.delete(f"/v1/memories/{point['id']}", params={"user_id": LOCOMO}).raise_for_status()
        wait_until_learned(client, LOCOMO)
        wait_until(lambda: all(client.get(f"/v1/admin/messages/{m}").json()["points"] == [] for m in deleted))
    instance.stop_serving()
    instance.command("down")
    instance.command("up")
    instance.serve()
    with instance.client() as client:
        wait_until_learned(client, LOCOMO)
    instance.stop_serving()

    rows, stored = rows_of(instance.database()), stored_in(instance.home)
    assert_is_the_fold(stored, rows)
    assert_vectors_are_of_what_was_said(stored, rows, sample=40)


def test_a_start_with_another_extractor_is_refused_with_what_to_do(instance: RunningInstance) -> None:
    instance.settings |= {"OBOEGAKI_EXTRACTOR": "mem0", "OBOEGAKI_LLM_URL": "http://127.0.0.1:1/v1"}
    try:
        told = instance.command("serve", status=1)
    finally:
        instance.settings.clear()

    assert "OBOEGAKI_FACTS_VERSION=v2" in told


def test_a_log_that_may_have_lost_records_is_not_learned_from_before_somebody_started_again(
    instance: RunningInstance,
) -> None:
    instance.serve()
    wait_until(lambda: told(instance) is None, 120)
    instance.stop_serving()
    set_topic(instance.consumer(), names.MESSAGES, "retention.ms", "604800000")
    instance.serve()
    wait_until(lambda: "oboegaki verify --repair" in (told(instance) or ""))
    # This takes longer than the next try of what can be tried again.
    instance.command("verify")
    refused = told(instance)
    instance.stop_serving()
    instance.serve()

    wait_until(lambda: told(instance) is None, 120)
    assert "retention.ms=604800000" in (refused or "")


def told(instance: RunningInstance) -> str | None:
    """Why learning does not begin; None once it has."""
    with instance.client() as client:
        stages = client.get("/v1/admin/status").raise_for_status().json()["stages"]
    return next((str(each["waiting_for"]) for each in stages if each["name"] == "learning"), None)
