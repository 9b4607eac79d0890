"""The command that makes, lists and revokes keys: with nothing but MySQL, and beside a running instance."""

import json
from typing import Any

import httpx

from tests.support.instance import RunningInstance


def asked(instance: RunningInstance, key: str) -> int:
    """What somebody with that key is answered who asks for a user's conversations."""
    return httpx.get(
        f"{instance.address}/v1/conversations",
        params={"user_id": "shop/hanako"},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ).status_code


def listed(instance: RunningInstance) -> dict[str, dict[str, Any]]:
    return {key["key_id"]: key for key in json.loads(instance.command("keys", "list", "--json"))}


def test_keys_are_made_listed_and_revoked_alone_and_beside_a_running_instance(instance: RunningInstance) -> None:
    alone = json.loads(instance.command("keys", "create", "--tenant", "shop", "--label", "[red]", "--json"))
    instance.serve()
    beside = instance.command("keys", "create", "--user", "shop/hanako").split()[0]
    told = instance.command("keys", "list")

    assert [asked(instance, key) for key in (alone["key"], beside)] == [200, 200]
    assert listed(instance)[alone["key_id"]]["last_used_at"] is not None
    assert "[red]" in told
    assert beside not in told

    instance.command("keys", "revoke", alone["key_id"])
    assert asked(instance, alone["key"]) == 401
    instance.stop_serving()
    [other] = [key_id for key_id, key in listed(instance).items() if key["bound_to"] == "shop/hanako"]
    instance.command("keys", "revoke", other)
    log = instance.home / "logs" / "audit.log"
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [each["status"] for each in calls if each["key"] == alone["key_id"]] == [200]
    assert log.stat().st_mode & 0o077 == 0
    assert alone["key"] not in log.read_text()
    assert all(key["revoked_at"] is not None for key in listed(instance).values())


def test_a_key_for_nobody_is_refused_with_what_to_say(instance: RunningInstance) -> None:
    assert "--tenant TENANT" in instance.command("keys", "create", status=1)
    assert "bound_to" in instance.command("keys", "create", "--tenant", "shop/", status=1)
