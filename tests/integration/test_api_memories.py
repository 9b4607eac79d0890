"""Memories over HTTP: listed page by page, read, forgotten; and chat without them while they are away."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from chat_api.rows.database import Database
from memory_store.fake import FakeStore
from tests.support.api import Api, AwayEmbedder, AwayStore, MySql, new_user, serving, settings_for


def listed(api: Api, user: str, **more: str | int) -> dict[str, Any]:
    answer = api.client.get("/v1/memories", params={"user_id": user, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [memory["text"] for memory in found["memories"]]


def learn_hours(api: Api, user: str, *hours: int) -> list[int]:
    """Learns `at <hour>` for each hour, said then, in a conversation of its own; returns the messages' ids."""
    ids = []
    for hour in hours:
        at = f"2026-03-02T{hour:02}:00:00Z"
        ids.append(api.say(user, f"at {hour}", created_at=at, conversation_id=f"c{hour}"))
        api.learn(user, ids[-1])
    return ids


def test_a_list_holds_the_latest_said_first_without_scores(api: Api, user: str) -> None:
    learn_hours(api, user, 10, 12, 11)
    found = listed(api, user)

    assert texts(found) == ["at 12", "at 11", "at 10"]
    assert [memory["score"] for memory in found["memories"]] == [None] * 3
    assert (found["pending"], found["degraded"], found["cursor"]) == ([], False, None)


def test_pages_hold_every_memory_once_and_skip_what_is_gone(api: Api, user: str) -> None:
    ids = learn_hours(api, user, *range(12))
    for gone in (ids[11], ids[10], ids[5]):
        api.client.delete(f"/v1/messages/{gone}", params={"user_id": user})

    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        found = listed(api, user, limit=4, **cursor)
        pages.append(texts(found))
        if found["cursor"] is None:
            break
        cursor = {"cursor": found["cursor"]}
    assert pages == [["at 9", "at 8", "at 7", "at 6"], ["at 4", "at 3", "at 2", "at 1"], ["at 0"]]


def test_what_is_pending_comes_with_the_first_page_only(api: Api, user: str) -> None:
    learn_hours(api, user, 9, 10)
    api.say(user, "just said")
    first = listed(api, user, limit=1)
    second = listed(api, user, limit=1, cursor=first["cursor"])

    assert [row["content"] for row in first["pending"]] == ["just said"]
    assert second["pending"] == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"since": "2026-03-02T10:00:00Z"}, ["at 11", "at 10"]),
        ({"until": "2026-03-02T10:00:00Z"}, ["at 9"]),
        ({"conversation_id": "c10"}, ["at 10"]),
    ],
)
def test_a_list_can_be_bounded(api: Api, user: str, bounds: dict[str, str], expected: list[str]) -> None:
    learn_hours(api, user, 9, 10, 11)

    assert texts(listed(api, user, **bounds)) == expected


@pytest.mark.parametrize("cursor", ["x", "", "日本", "0_", "1_" + "0" * 35, "9" * 19 + "_" + "0" * 36])
def test_a_cursor_that_no_page_gave_is_422(api: Api, user: str, cursor: str) -> None:
    learn_hours(api, user, 9)
    answer = api.client.get("/v1/memories", params={"user_id": user, "cursor": cursor})

    assert (answer.status_code, answer.json()["detail"]) == (422, "cursor: is none that a page was answered with.")


def test_a_memory_is_read_as_it_is_recalled(api: Api, user: str) -> None:
    [memory_id] = api.learn(user, api.say(user, "I drink tea"), "drinks tea")
    read = api.client.get(f"/v1/memories/{memory_id}", params={"user_id": user})

    [recalled] = api.recall(user, "tea")["memories"]
    assert (read.status_code, read.json()) == (200, recalled | {"score": None})


@pytest.mark.parametrize("what", ["unknown", "another's", "deleted", "edited"])
def test_a_memory_that_the_rows_do_not_bear_out_is_404(api: Api, user: str, what: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    params = {"user_id": new_user() if what == "another's" else user}
    if what == "deleted":
        api.client.delete(f"/v1/messages/{message_id}", params=params)
    if what == "edited":
        api.client.patch(f"/v1/messages/{message_id}", params=params, json={"content": "no"})
    wanted = uuid4() if what == "unknown" else memory_id

    assert api.client.get(f"/v1/memories/{wanted}", params=params).status_code == 404


def test_a_forgotten_memory_is_never_recalled_and_its_rows_say_so(api: Api, user: str) -> None:
    question, answer = api.say(user, "Which drink?"), api.say(user, "Tea")
    [memory_id] = api.learn(user, answer, "wants tea", cites=[question])
    hash_ = api.store.live().filed_under([answer])[0].hash
    url, params = f"/v1/memories/{memory_id}", {"user_id": user}

    assert api.client.delete(url, params=params).status_code == 204
    assert api.client.delete(url, params=params).status_code == 204
    assert (texts(api.recall(user, "tea")), api.client.get(url, params=params).status_code) == ([], 404)
    for message_id in (question, answer):
        assert api.rows.get(user, message_id).suppressed == (f"offline-1:{hash_}",)


def test_another_user_cannot_forget_a_memory(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    answer = api.client.delete(f"/v1/memories/{memory_id}", params={"user_id": new_user()})

    assert answer.status_code == 404
    assert texts(api.recall(user, "tea")) == ["I drink tea"]


@pytest.fixture(params=["store", "no version", "closed store", "embedder"])
def without(request: pytest.FixtureRequest, mysql: MySql, database: Database, api: Api) -> Iterator[TestClient]:
    """The API of `api`, without what the parameter names."""
    store, embedder = api.store, AwayEmbedder() if request.param == "embedder" else None
    if request.param == "store":
        store = AwayStore()
    if request.param == "no version":
        store = FakeStore()
    if request.param == "closed store":
        store.close()
    with serving(settings_for(mysql.api), database, store, embedder) as client:
        yield client


def test_without_the_memories_a_recall_gives_the_latest_turns(api: Api, user: str, without: TestClient) -> None:
    for role, text in (("user", "I drink tea"), ("assistant", "noted"), ("user", "I own a cat")):
        api.say(user, text, role=role)
    off_the_record = api.say(user, "a secret", suppressed="all")
    answer = without.get("/v1/memories", params={"user_id": user, "query": "tea"})

    assert (answer.status_code, answer.json()["degraded"], answer.json()["memories"]) == (200, True, [])
    assert [row["content"] for row in answer.json()["pending"]] == ["I own a cat", "I drink tea", "noted"]
    assert off_the_record not in [row["message_id"] for row in answer.json()["pending"]]


def test_without_the_memories_chat_goes_on(api: Api, user: str, without: TestClient) -> None:
    api.say(user, "I drink tea")
    answer = without.post("/v1/chat", json={"user_id": user, "message": "What do I drink?"})

    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    assert "I drink tea" in answer.json()["reply"]


def test_without_the_store_a_list_is_degraded_and_a_memory_is_503(mysql: MySql, api: Api, user: str) -> None:
    api.say(user, "I drink tea")
    with serving(settings_for(mysql.api), api.database, AwayStore()) as client:
        found = client.get("/v1/memories", params={"user_id": user})
        one = client.get(f"/v1/memories/{uuid4()}", params={"user_id": user})

    assert (found.status_code, found.json()["degraded"]) == (200, True)
    assert [row["content"] for row in found.json()["pending"]] == ["I drink tea"]
    assert (one.status_code, one.headers["Retry-After"]) == (503, "2")
    assert one.headers["Content-Type"] == "application/problem+json"
