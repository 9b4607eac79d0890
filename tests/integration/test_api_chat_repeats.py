"""A retry with the same Idempotency-Key: the same answer, and no second row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient

from chat_api.rows.rows import Rows
from tests.support.api import Api, MySql, serving, settings_for
from tests.support.deadline import wait_until
from tests.support.llm_server import LlmServer, Reply, fails, llm_server, says, streams


@pytest.fixture
def model() -> Iterator[LlmServer]:
    with llm_server(says("one"), says("two")) as server:
        yield server


@pytest.fixture
def client(api: Api, mysql: MySql, model: LlmServer) -> Iterator[TestClient]:
    with serving(settings_for(mysql.api, llm_url=model.url), api.database, api.store) as made:
        yield made


def say(client: TestClient, user: str, key: str = "k", **more: object) -> Any:  # noqa: ANN401  the test client's own
    body = {"user_id": user, "message": "What do I drink?", "conversation_id": "c", **more}
    return client.post("/v1/chat", json=body, headers={"Idempotency-Key": key})


def turns(rows: Rows, user: str) -> list[tuple[str, str]]:
    return [(row.role, row.content) for row in rows.last_turns(user, "c", before=2**62, limit=100)]


def test_a_retry_gets_the_same_answer_and_writes_nothing(
    api: Api, user: str, model: LlmServer, client: TestClient
) -> None:
    api.learn(user, api.say(user, "tea"))
    api.say(user, "just said")
    first, second = say(client, user), say(client, user, key='"k"')

    def without_times(answer: Any) -> dict[str, Any]:  # noqa: ANN401  as above
        return {name: value for name, value in answer.json().items() if name != "timings"}

    assert [memory["text"] for memory in first.json()["recalled"]] == ["tea"]
    assert [row["content"] for row in first.json()["pending"]] == ["just said"]
    assert without_times(first) == without_times(second)
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(model.asked) == 1
    assert turns(api.rows, user) == [("user", "What do I drink?"), ("assistant", "one")]


def test_another_key_another_user_and_no_key_are_other_requests(api: Api, user: str, client: TestClient) -> None:
    replies = [say(client, user).json()["reply"], say(client, user, key="other").json()["reply"]]
    replies.append(say(client, f"{user}-another").json()["reply"])

    assert replies == ["one", "two", "two"]
    assert len(turns(api.rows, user)) == 4


def test_a_retry_after_the_model_failed_answers_what_was_said_then(
    api: Api, user: str, model: LlmServer, client: TestClient
) -> None:
    replies = iter([fails(503), says("at last")])
    model.script = lambda _asked: next(replies)
    failed, second, third = (say(client, user) for _ in range(3))

    assert (failed.status_code, second.status_code) == (502, 200)
    assert second.json()["reply"] == third.json()["reply"] == "at last"
    assert turns(api.rows, user) == [("user", "What do I drink?"), ("assistant", "at last")]


@pytest.mark.parametrize(
    "change", [{"message": "another"}, {"conversation_id": "d"}, {"recall": "never"}, {"system": "Be kind."}]
)
@pytest.mark.parametrize("failed", [False, True])
def test_another_request_under_a_used_key_is_422_and_writes_nothing(
    api: Api, user: str, model: LlmServer, client: TestClient, change: dict[str, str], *, failed: bool
) -> None:
    if failed:
        model.script = lambda _asked: fails(503)
    say(client, user)
    before = turns(api.rows, user)
    refused = say(client, user, **change)

    assert (refused.status_code, "Idempotency-Key" in refused.json()["detail"]) == (422, True)
    assert turns(api.rows, user) == before
    assert api.rows.last_turns(user, "d", before=2**62, limit=1) == []


def test_a_retry_while_the_first_is_answered_is_409_and_later_gets_its_answer(
    api: Api, user: str, model: LlmServer, client: TestClient
) -> None:
    held = Event()

    def slow(_asked: dict[str, Any]) -> Reply:
        held.wait(60)
        return says("slowly")

    model.script = slow
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(say, client, user)
        wait_until(lambda: model.asked)
        busy = say(client, user)
        held.set()
        answered = first.result(60)

    assert (busy.status_code, busy.headers["Retry-After"]) == (409, "2")
    assert say(client, user).json()["reply"] == answered.json()["reply"] == "slowly"
    assert len(turns(api.rows, user)) == 2


def test_where_two_processes_answer_the_same_request_the_reply_written_first_is_the_answer(
    api: Api, mysql: MySql, user: str, model: LlmServer, client: TestClient
) -> None:
    held = Event()

    def slow(_asked: dict[str, Any]) -> Reply:
        model.script = lambda _asked: says("quickly")
        held.wait(60)
        return says("slowly")

    model.script = slow
    other_process = serving(settings_for(mysql.api, llm_url=model.url), api.database, api.store)
    with other_process as other, ThreadPoolExecutor(1) as thread:
        first = thread.submit(say, client, user)
        wait_until(lambda: model.asked)
        quick = say(other, user)
        held.set()
        answers = [quick.json()["reply"], first.result(60).json()["reply"]]

    assert answers == ["quickly", "quickly"]
    assert turns(api.rows, user) == [("user", "What do I drink?"), ("assistant", "quickly")]


def test_a_streamed_request_and_a_plain_one_are_the_same(
    api: Api, user: str, model: LlmServer, client: TestClient
) -> None:
    model.script = lambda _asked: streams("in ", "pieces")
    assert say(client, user, stream=True).text.count("event: delta") == 2
    plain, streamed = say(client, user), say(client, user, stream=True)

    assert plain.json()["reply"] == "in pieces"
    assert streamed.text.count("event: delta") == 1
    assert len(turns(api.rows, user)) == 2


def test_what_was_deleted_since_is_not_told_again(api: Api, user: str, client: TestClient) -> None:
    message = api.say(user, "tea")
    api.learn(user, message)
    first = say(client, user).json()
    for each in (message, first["message_id"]):
        client.delete(f"/v1/messages/{each}", params={"user_id": user}).raise_for_status()
    again = say(client, user).json()

    assert [memory["text"] for memory in first["recalled"]] == ["tea"]
    assert (again["reply"], again["recalled"], again["message_id"]) == ("one", [], first["message_id"])
    assert turns(api.rows, user) == [("assistant", "one")]


def test_a_reply_that_was_deleted_is_made_anew(api: Api, user: str, client: TestClient) -> None:
    first = say(client, user).json()
    client.delete(f"/v1/messages/{first['reply_message_id']}", params={"user_id": user}).raise_for_status()

    assert say(client, user).json()["reply"] == "two"
    assert turns(api.rows, user) == [("user", "What do I drink?"), ("assistant", "two")]


@pytest.mark.parametrize("key", ["", " ", '""', "k" * 256])
def test_a_key_that_is_none_is_422(client: TestClient, user: str, key: str) -> None:
    assert say(client, user, key=key).status_code == 422


@pytest.mark.parametrize("metadata", [None, {}, {"k": 1}, {"oboegaki": {"request": "x", "drew_on": 5}}])
def test_whatever_a_client_makes_of_the_metadata_a_retry_gets_the_same_answer(
    api: Api, user: str, client: TestClient, metadata: object
) -> None:
    first = say(client, user).json()
    for each in ("message_id", "reply_message_id"):
        url = f"/v1/messages/{first[each]}"
        client.patch(url, params={"user_id": user}, json={"metadata": metadata}).raise_for_status()
    client.delete(f"/v1/messages/{first['message_id']}", params={"user_id": user}).raise_for_status()
    again = say(client, user).json()

    assert (again["message_id"], again["reply"]) == (first["message_id"], "one")
    assert turns(api.rows, user) == [("assistant", "one")]


@pytest.mark.parametrize("held", [{"reply_to": ["a@b"]}, {"oboegaki": {"reply_to": ["a@b"]}}])
def test_a_reply_that_a_client_wrote_answers_what_it_stands_behind(
    api: Api, user: str, client: TestClient, held: dict[str, object]
) -> None:
    api.say(user, "Hello.", role="assistant", conversation_id="c", metadata=held)

    assert say(client, user).json()["reply"] == "one"
