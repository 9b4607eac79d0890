"""Parts away: a problem document on every route while the database is, nothing half written, health that tells."""

import importlib.metadata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chat_api.chat.prompt import Prompt
from chat_api.rows.database import Database
from tests.support.api import (
    Api,
    AwayStore,
    MySql,
    all_in_use,
    execute,
    gone,
    new_store,
    new_user,
    serving,
    session,
    sessions,
    settings_for,
)
from tests.support.deadline import wait_until

CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/v1/messages", {"user_id": "a", "role": "user", "content": "a secret"}),
    ("GET", "/v1/messages/1?user_id=a", None),
    ("PATCH", "/v1/messages/1?user_id=a", {"content": "a secret"}),
    ("DELETE", "/v1/messages/1?user_id=a", None),
    ("GET", "/v1/conversations?user_id=a", None),
    ("GET", "/v1/conversations/c/messages?user_id=a", None),
    ("DELETE", "/v1/conversations/c?user_id=a", None),
    ("GET", "/v1/memories?user_id=a&query=secret", None),
    ("GET", "/v1/memories?user_id=a", None),
    ("GET", "/v1/users/a/freshness?wait_for=1&timeout=0", None),
    ("GET", "/v1/users/a/freshness", None),
    ("POST", "/v1/memories", {"user_id": "a", "text": "a secret"}),
    ("PATCH", "/v1/memories/00000000-0000-0000-0000-000000000000?user_id=a", {"text": "a secret"}),
    ("GET", "/v1/users/a/export", None),
    ("GET", "/v1/users/a", None),
    ("PATCH", "/v1/users/a", {"recall": "never"}),
    ("POST", "/v1/chat", {"user_id": "a", "message": "a secret"}),
    ("GET", "/health/ready", None),
]


@pytest.fixture
def alone(mysql: MySql) -> Iterator[TestClient]:
    """The API where no database listens."""
    account = gone(mysql.api)
    with (
        closing(Database(account, pool_size=2)) as database,
        serving(settings_for(account), database, new_store()) as client,
    ):
        yield client


@pytest.mark.parametrize(("method", "address", "body"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_without_the_database_every_call_is_503(
    alone: TestClient, method: str, address: str, body: dict[str, Any] | None
) -> None:
    answer = alone.request(method, address, json=body)

    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The database is away. Try again.",
    }
    assert answer.headers["Retry-After"] == "2"


def test_without_the_database_bad_input_is_still_told_from_it(alone: TestClient) -> None:
    assert alone.post("/v1/messages", content=b"{").status_code == 400
    assert alone.post("/v1/messages", json={"user_id": "a"}).status_code == 422
    assert alone.get("/v1/messages/1?user_id=a", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_process_lives_without_its_parts(alone: TestClient) -> None:
    answer = alone.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": {}})


def test_it_is_ready_while_every_connection_is_in_use(api: Api, mysql: MySql) -> None:
    with closing(Database(mysql.api, pool_size=1)) as database:
        settings = settings_for(mysql.api)
        with serving(settings, database, api.store) as client, all_in_use(database):
            busy = client.get("/health/ready")

    assert (busy.status_code, busy.json()["parts"]["database"]) == (200, "ok")


def test_without_the_memories_it_is_ready_but_degraded(api: Api, mysql: MySql) -> None:
    with serving(settings_for(mysql.api), api.database, AwayStore()) as client:
        degraded = client.get("/health/ready")
    whole = api.client.get("/health/ready")

    assert (degraded.status_code, whole.status_code) == (200, 200)
    version = importlib.metadata.version("oboegaki")
    away, there = ({"database": "ok", "memories": memories} for memories in ("away", "ok"))
    assert degraded.json() == {"status": "degraded", "parts": away, "version": version}
    assert whole.json() == {"status": "ok", "parts": there, "version": version}


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("POST", "/v1/messages", {"messages": [{"role": "user", "content": each} for each in "ab"]}),
        ("POST", "/v1/chat", {"message": "a", "conversation_id": "new"}),
        ("DELETE", "/v1/conversations/c?user_id={user}", None),
        ("PATCH", "/v1/messages/{message}?user_id={user}", {"content": "edited"}),
    ],
)
def test_a_connection_lost_in_the_middle_leaves_nothing_half_written(
    mysql: MySql, api: Api, method: str, address: str, body: dict[str, Any] | None
) -> None:
    """Conversations are written before messages, which are locked, so the kill comes between the two."""
    user = new_user()
    message = api.say(user, "before", conversation_id="c")
    before = written(mysql, user)
    url = address.format(user=user, message=message)
    sent = {"user_id": user, **(body or {})} if method == "POST" else body
    with ThreadPoolExecutor(1) as thread, session(mysql.root) as root:
        root.cmd_query("LOCK TABLES messages READ")
        answer = thread.submit(api.client.request, method, url, json=sent)
        wait_until(lambda: sessions(mysql, "Waiting for table metadata lock"))
        [waiting] = sessions(mysql, "Waiting for table metadata lock")
        root.cmd_query(f"KILL {waiting}")
        assert answer.result(30).status_code == 503

    assert written(mysql, user) == before
    assert api.client.request(method, url, json=sent).is_success


def written(mysql: MySql, user: str) -> list[tuple[Any, ...]]:
    """All conversations and messages of a user, as they stand in the tables."""
    return execute(
        mysql.root,
        "SELECT conversation_id, NULL, NULL FROM conversations"  # noqa: S608  a name of ours
        f" WHERE user_id = '{user}' UNION ALL"
        f" SELECT conversation_id, content, updated_at FROM messages WHERE user_id = '{user}' ORDER BY 1, 2",
    )


def test_a_database_that_goes_away_while_the_model_thinks_keeps_what_was_said(mysql: MySql, user: str) -> None:
    others = sessions(mysql)

    class Thinking:
        async def reply(self, prompt: Prompt) -> str:
            execute(mysql.root, *(f"KILL {each}" for each in sessions(mysql) - others))
            return prompt.message

    settings = settings_for(mysql.api)
    with (
        # However long a busy machine takes for it, the connection is lent again without a look.
        closing(Database(mysql.api, pool_size=2, trusted_s=60)) as database,
        serving(settings, database, new_store(), replier=Thinking()) as client,
    ):
        answer = client.post("/v1/chat", json={"user_id": user, "message": "a", "conversation_id": "c"})

    assert answer.status_code == 503
    assert [row[:2] for row in written(mysql, user)] == [("c", None), ("c", "a")]
