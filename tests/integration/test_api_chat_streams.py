"""Streamed replies over a real connection, and rows that are written however the client leaves."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx
import pytest

from chat_api.app import create_app
from memory_store.fake import HashEmbedder
from tests.support.api import KEY, Api, MySql, settings_for
from tests.support.deadline import wait_until
from tests.support.live import listening
from tests.support.llm_server import LlmServer, Reply, fails, llm_server, says, streams


@pytest.fixture(scope="module")
def model() -> Iterator[LlmServer]:
    with llm_server(streams("Note", "d."), script=lambda _asked: streams("Note", "d.")) as server:
        yield server


@pytest.fixture
def client(api: Api, mysql: MySql, model: LlmServer) -> Iterator[httpx.Client]:
    with served(api, mysql, model) as made:
        yield made


@contextmanager
def served(api: Api, mysql: MySql, model: LlmServer, **more: Any) -> Iterator[httpx.Client]:  # noqa: ANN401
    settings = settings_for(mysql.api, llm_url=model.url, **more)
    app = create_app(settings, database=api.database, store=api.store, embedder=HashEmbedder())
    model.script = lambda _asked: streams("Note", "d.")
    headers = {"Authorization": f"Bearer {KEY}"}
    with listening(app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as made:
        yield made


def body(user: str, **more: object) -> dict[str, object]:
    return {"user_id": user, "message": "I drink tea", "conversation_id": "c", "stream": True, **more}


def events(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    told = [block.split("\n", 1) for block in answer.text.strip().split("\n\n")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in map(tuple, told)
    ]


def turns(api: Api, user: str) -> list[tuple[str, str]]:
    found = api.client.get("/v1/conversations/c/messages", params={"user_id": user}).json()
    return [(row["role"], row["content"]) for row in found.get("messages", [])]


def test_what_is_recalled_comes_first_then_the_reply_in_pieces_then_its_ids(
    api: Api, user: str, client: httpx.Client
) -> None:
    api.learn(user, api.say(user, "tea"))
    answer = client.post("/v1/chat", json=body(user, recall="always"))
    (first, recalled), *pieces, (last, done) = events(answer)

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert (first, last) == ("recalled", "done")
    assert [memory["text"] for memory in recalled["recalled"]] == ["tea"]
    assert pieces == [("delta", {"text": "Note"}), ("delta", {"text": "d."})]
    assert (done["reply"], done["conversation_id"]) == ("Noted.", "c")
    assert done["message_id"] == recalled["message_id"]
    assert api.rows.get(user, done["reply_message_id"]).metadata == {"oboegaki": {"reply_to": done["message_id"]}}
    assert set(done["timings"]) == {"profile_ms", "recall_ms", "reply_ms", "total_ms"}
    assert turns(api, user) == [("user", "I drink tea"), ("assistant", "Noted.")]


def test_without_a_model_the_answer_streams_too(api: Api, mysql: MySql, user: str) -> None:
    app = create_app(settings_for(mysql.api), database=api.database, store=api.store, embedder=HashEmbedder())
    with listening(app) as url:
        answer = httpx.post(f"{url}/v1/chat", json=body(user), headers={"Authorization": f"Bearer {KEY}"})
    told = events(answer)

    assert [name for name, _ in told] == ["recalled", "delta", "done"]
    assert told[1][1]["text"] == told[2][1]["reply"]


def test_a_client_that_leaves_in_the_middle_has_the_whole_reply_written(
    api: Api, user: str, model: LlmServer, client: httpx.Client
) -> None:
    held = Event()
    model.script = lambda _asked: streams("Note", "d.", held=held)
    with client.stream("POST", "/v1/chat", json=body(user)) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if "Note" in line)
    held.set()

    wait_until(lambda: turns(api, user) == [("user", "I drink tea"), ("assistant", "Noted.")])


def test_a_reply_longer_than_what_may_wait_is_written_though_nobody_reads_it(
    api: Api, user: str, model: LlmServer, client: httpx.Client
) -> None:
    held = Event()
    pieces = [f"{number} " for number in range(500)]
    model.script = lambda _asked: streams(*pieces, held=held)
    with client.stream("POST", "/v1/chat", json=body(user)) as answer:
        next(answer.iter_lines())
    held.set()

    wait_until(lambda: turns(api, user)[1:] == [("assistant", "".join(pieces))])


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fails(500), "answered 500"),
        (streams("Note", done=False), "broke off"),
        (says("no stream at all"), "broke off"),
        (Reply(pieces=[b"data: <html>\n\n"]), "no reply"),
        (Reply(pieces=[b'data: {"error": {"message": "overloaded"}}\n\n']), "no reply"),
        (streams("a\0b"), "no reply"),
        (streams(" ", "\n"), "answered with nothing"),
        (streams("x" * 60_000, "x" * 60_000), "more than a message may hold"),
    ],
)
def test_where_the_model_fails_the_stream_ends_in_an_error_and_what_was_said_is_kept(  # noqa: PLR0917  fixtures
    api: Api, user: str, model: LlmServer, client: httpx.Client, reply: Reply, words: str
) -> None:
    model.script = lambda _asked: reply
    answer = client.post("/v1/chat", json=body(user))
    name, problem = events(answer)[-1]

    assert (answer.status_code, name, problem["status"]) == (200, "error", 502)
    assert words in problem["detail"]
    assert "What was said is kept." in problem["detail"]
    assert turns(api, user) == [("user", "I drink tea")]


def test_a_model_that_stops_in_the_middle_is_waited_for_no_longer_than_the_time_out(
    api: Api, mysql: MySql, user: str, model: LlmServer
) -> None:
    held = Event()
    with served(api, mysql, model, llm_timeout=0.3) as client:
        model.script = lambda _asked: streams("Note", "d.", held=held)
        told = events(client.post("/v1/chat", json=body(user)))
        held.set()

    assert [name for name, _ in told] == ["recalled", "delta", "error"]
    assert "in time" in told[-1][1]["detail"]


def test_what_is_wrong_is_told_by_the_status_before_a_stream_begins(client: httpx.Client, user: str) -> None:
    refused = client.post("/v1/chat", json=body(user, recall="sometimes"))

    assert (refused.status_code, refused.headers["Content-Type"]) == (422, "application/problem+json")


def test_an_end_of_the_process_waits_for_no_model_that_hangs_and_keeps_what_was_said(
    api: Api, mysql: MySql, user: str, model: LlmServer
) -> None:
    held = Event()
    with served(api, mysql, model) as client:
        model.script = lambda _asked: streams("Note", "d.", held=held)
        with client.stream("POST", "/v1/chat", json=body(user)) as answer:
            assert next(line for line in answer.iter_lines() if "Note" in line)
    kept = turns(api, user)
    held.set()

    assert kept == [("user", "I drink tea")]


def test_more_replies_at_once_than_are_allowed_are_asked_to_come_again(
    api: Api, mysql: MySql, user: str, model: LlmServer
) -> None:
    held = Event()
    with served(api, mysql, model, max_replies=1) as client:
        model.script = lambda _asked: streams("Note", "d.", held=held)
        with client.stream("POST", "/v1/chat", json=body(user)) as answer:
            next(answer.iter_lines())
            refused = client.post("/v1/chat", json=body(user))
        held.set()
        wait_until(lambda: len(turns(api, user)) == 2)
        wait_until(lambda: client.post("/v1/chat", json=body(user)).status_code == 200)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")


def test_while_as_many_requests_as_are_allowed_are_under_way_each_other_is_asked_to_come_again(
    api: Api, mysql: MySql, user: str, model: LlmServer
) -> None:
    held = Event()
    with served(api, mysql, model, max_requests=1) as client:
        model.script = lambda _asked: streams("Note", "d.", held=held)
        with client.stream("POST", "/v1/chat", json=body(user)) as answer:
            # Kept: an iterator that is given up ends the request.
            lines = answer.iter_lines()
            next(lines)
            recall = client.get("/v1/memories", params={"user_id": user})
            theirs = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "tea"}]})
            alive = client.get("/health/live")
            held.set()
        wait_until(lambda: client.get("/v1/memories", params={"user_id": user}).status_code == 200)

    assert (recall.status_code, recall.headers["Content-Type"]) == (503, "application/problem+json")
    assert (theirs.status_code, theirs.json()["error"]["code"]) == (503, "unavailable")
    assert recall.headers["Retry-After"] == theirs.headers["Retry-After"] == "2"
    assert alive.status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("erased", ["/v1/users/{user}", "/v1/conversations/c", "/v1/messages/{message}"])
def test_a_reply_to_what_is_erased_while_it_is_made_is_not_written(
    api: Api, user: str, model: LlmServer, client: httpx.Client, erased: str, *, stream: bool
) -> None:
    held, asked = Event(), Event()

    def answered(_asked: dict[str, Any]) -> Reply:
        asked.set()
        held.wait(60)
        return streams("Note", "d.") if stream else says("Noted.")

    model.script = answered
    with ThreadPoolExecutor(1) as thread:
        saying = thread.submit(client.post, "/v1/chat", json=body(user, stream=stream))
        assert asked.wait(60)
        [said] = api.rows.messages(user, "c", limit=9)
        path = erased.format(user=user, message=said.id)
        api.client.delete(path, params={} if path.endswith(user) else {"user_id": user}).raise_for_status()
        held.set()
        answer = saying.result(60)
    name, problem = events(answer)[-1] if stream else ("error", answer.json())

    assert (name, problem["status"], "deleted meanwhile" in problem["detail"]) == ("error", 409, True)
    assert api.rows.recent_changes(user, limit=9) == []
    # Only the message was erased of a conversation that stays, else nothing is there again.
    stays = path.startswith("/v1/messages")
    assert len(api.rows.conversations(user, limit=9)) == int(stays)


def test_two_at_once_in_one_conversation_each_have_a_reply_that_names_what_it_answers(
    api: Api, user: str, model: LlmServer, client: httpx.Client
) -> None:
    held = Event()

    def answered(asked: dict[str, Any]) -> Reply:
        question = asked["messages"][-1]["content"]
        if question == "first":
            held.wait(60)
        return says(f"to {question}")

    model.script = answered
    asks = [body(user, message=message, stream=False) for message in ("first", "second")]
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(client.post, "/v1/chat", json=asks[0])
        wait_until(lambda: len(turns(api, user)) == 1)
        quick = client.post("/v1/chat", json=asks[1]).json()
        held.set()
        first = slow.result(60).json()
    model.script = lambda _asked: says("noted")
    client.post("/v1/chat", json=body(user, message="third", stream=False))
    prompt = [each["content"] for each in model.asked[-1]["messages"][1:]]

    # By their ids the replies are the wrong way round; what each answers tells.
    assert first["message_id"] < quick["message_id"] < quick["reply_message_id"] < first["reply_message_id"]
    for each in (first, quick):
        assert api.rows.get(user, each["reply_message_id"]).metadata == {
            "oboegaki": {"reply_to": each["message_id"]}
        }
    assert prompt == ["first", "to first", "second", "to second", "third"]
