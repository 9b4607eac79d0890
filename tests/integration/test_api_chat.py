"""Chat against a real HTTP server that plays a language model, and without any."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.api import Api, MySql, execute, new_user, serving, settings_for


class PlayedModel:
    """An OpenAI-compatible server that answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = completion("Noted.")
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        #: Cleared, it keeps the caller waiting.
        self.prompt = Event()
        self.prompt.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self.prompt.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(model) -> type[BaseHTTPRequestHandler]:  # noqa: N805  the inner class has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                model.asked.append({"path": self.path, **json.loads(body)})
                model.keys.append(self.headers["Authorization"])
                model.prompt.wait(30)
                self.send_response(model.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(model.answer)))
                self.end_headers()
                self.wfile.write(model.answer)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler


def completion(content: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}).encode()


@pytest.fixture
def model() -> Iterator[PlayedModel]:
    made = PlayedModel()
    yield made
    made.close()


@contextmanager
def chatting(api: Api, mysql: MySql, url: str, **more: Any) -> Iterator[TestClient]:  # noqa: ANN401  any setting
    settings = settings_for(mysql.api, llm_url=url, llm_model="m", llm_api_key="k", **more)
    with serving(settings, api.database, api.store) as client:
        yield client


@pytest.fixture
def client(api: Api, mysql: MySql, model: PlayedModel) -> Iterator[TestClient]:
    with chatting(api, mysql, model.url) as made:
        yield made


def say(client: TestClient, user: str, message: str, **more: str) -> dict[str, Any]:
    answer = client.post("/v1/chat", json={"user_id": user, "message": message, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def turns(api: Api, user: str, conversation: str = "c") -> list[tuple[str, str]]:
    found = api.client.get(f"/v1/conversations/{conversation}/messages", params={"user_id": user}).json()
    return [(row["role"], row["content"]) for row in found["messages"]]


def test_what_is_said_and_the_reply_become_rows(api: Api, user: str, client: TestClient) -> None:
    found = say(client, user, "I drink tea", conversation_id="c")

    assert (found["reply"], found["conversation_id"]) == ("Noted.", "c")
    assert turns(api, user) == [("user", "I drink tea"), ("assistant", "Noted.")]
    ids = (found["message_id"], found["reply_message_id"])
    assert [api.rows.get(user, each).role for each in ids] == ["user", "assistant"]
    assert set(found["timings"]) == {"profile_ms", "recall_ms", "reply_ms", "total_ms"}


def test_a_conversation_is_made_where_none_is_named(api: Api, user: str, client: TestClient) -> None:
    first, second = say(client, user, "a"), say(client, user, "b")

    assert first["conversation_id"] != second["conversation_id"]
    assert turns(api, user, first["conversation_id"]) == [("user", "a"), ("assistant", "Noted.")]


def test_the_model_is_asked_by_name_and_key_for_the_last_turns_and_the_message(
    api: Api, mysql: MySql, user: str, model: PlayedModel
) -> None:
    with chatting(api, mysql, model.url, chat_turns=3, system_prompt="Be kind.") as client:
        for text in ("first", "second", "third"):
            say(client, user, text, conversation_id="c", recall="never")
    asked = model.asked[-1]

    assert (asked["path"], asked["model"], model.keys[-1]) == ("/v1/chat/completions", "m", "Bearer k")
    assert [(each["role"], each["content"]) for each in asked["messages"][1:]] == [
        ("assistant", "Noted."),
        ("user", "second"),
        ("assistant", "Noted."),
        ("user", "third"),
    ]
    assert asked["messages"][0]["content"].startswith("Be kind.\n\nNow: ")


def test_turns_that_overflow_a_models_window_are_left_out_from_the_oldest(
    api: Api, user: str, model: PlayedModel, client: TestClient
) -> None:
    for text in ("x" * 12_000, "y" * 12_000, "z" * 12_000):
        api.say(user, text, conversation_id="c")
    say(client, user, "and now?", conversation_id="c", recall="never")

    assert [each["content"][0] for each in model.asked[-1]["messages"][1:]] == ["y", "z", "a"]


def test_the_model_is_given_what_is_remembered_and_what_was_just_said(
    api: Api, user: str, model: PlayedModel, client: TestClient
) -> None:
    learned = api.say(user, "I drink tea", created_at="2026-03-02T09:00:00Z", conversation_id="before")
    api.learn(user, learned, "drinks tea")
    api.say(user, "I moved to Kyoto", created_at="2026-03-03T09:00:00Z", conversation_id="another")
    found = say(client, user, "Tea?", conversation_id="c", recall="always")
    system = model.asked[-1]["messages"][0]["content"]

    assert "What you remember, most relevant first:\n- 2026-03-02: drinks tea" in system
    assert "What was said most recently:\n- 2026-03-03: I moved to Kyoto" in system
    assert [memory["text"] for memory in found["recalled"]] == ["drinks tea"]
    assert [row["content"] for row in found["pending"]] == ["I moved to Kyoto"]


def test_the_model_is_what_the_user_wants_it_to_be_and_what_the_request_says_before_that(
    api: Api, mysql: MySql, user: str, model: PlayedModel
) -> None:
    api.client.patch(f"/v1/users/{user}", json={"persona": "Be brief."})
    with chatting(api, mysql, model.url, system_prompt="Be kind.") as client:
        say(client, user, "a")
        say(client, user, "a", system="Be a pirate.")
        say(client, new_user(), "a")
    told = [each["messages"][0]["content"] for each in model.asked]

    assert [each.partition("\n\n")[0] for each in told] == ["Be brief.", "Be a pirate.", "Be kind."]


@pytest.mark.parametrize(("tokens", "given"), [(0, 0), (70, 2), (2000, 3)])
def test_what_is_remembered_comes_to_no_more_tokens_than_the_setting_says(  # noqa: PLR0917  fixtures
    api: Api, mysql: MySql, user: str, model: PlayedModel, tokens: int, given: int
) -> None:
    for day in (1, 2, 3):
        api.learn(user, api.say(user, f"tea {day} {'x' * 100}", conversation_id="before"))
    with chatting(api, mysql, model.url, memory_tokens=tokens) as client:
        found = say(client, user, "tea", recall="always")

    assert len(found["recalled"]) == given
    assert model.asked[-1]["messages"][0]["content"].count("x" * 100) == given


def test_words_of_the_setting_make_a_message_ask_for_memories(
    api: Api, mysql: MySql, user: str, model: PlayedModel
) -> None:
    api.learn(user, api.say(user, "tea leaves"))
    with chatting(api, mysql, model.url, recall_words="茶葉、teatime") as client:
        recalled = [say(client, user, text, recall="auto")["recalled"] for text in ("Teatime", "tea", "茶葉")]
    with chatting(api, mysql, model.url) as client:
        recalled.append(say(client, user, "Teatime", recall="auto")["recalled"])

    assert [bool(each) for each in recalled] == [True, False, True, False]


def test_turns_of_the_conversation_are_not_given_twice(
    api: Api, user: str, model: PlayedModel, client: TestClient
) -> None:
    for role, text in (("user", "I drink tea"), ("note", "allergic to nuts")):
        api.say(user, text, role=role, conversation_id="c")
    say(client, user, "Tea?", conversation_id="c", recall="always")
    system, *turns_given = [each["content"] for each in model.asked[-1]["messages"]]

    assert turns_given == ["I drink tea", "Tea?"]
    assert "allergic to nuts" in system
    assert "I drink tea" not in system


@pytest.mark.parametrize("more", [{}, {"recall": "auto"}, {"recall": "always"}, {"recall": "never"}])
def test_recall_says_whether_the_reply_may_draw_on_memories(
    api: Api, user: str, model: PlayedModel, client: TestClient, more: dict[str, str]
) -> None:
    api.learn(user, api.say(user, "tea"))
    api.say(user, "just said")
    found = say(client, user, "What do I drink?", **more)

    drawn = more != {"recall": "never"}
    assert [memory["text"] for memory in found["recalled"]] == ["tea"] * drawn
    assert [row["content"] for row in found["pending"]] == ["just said"] * drawn
    assert ("just said" in model.asked[-1]["messages"][0]["content"]) == drawn


def test_the_model_is_told_the_time_where_the_user_is(
    api: Api, mysql: MySql, user: str, model: PlayedModel
) -> None:
    api.say(user, "hello")
    execute(mysql.root, f"UPDATE users SET timezone = 'Asia/Tokyo' WHERE user_id = '{user}'")  # noqa: S608
    settings = settings_for(mysql.api, llm_url=model.url)
    at = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    with serving(settings, api.database, api.store, clock=lambda: at) as client:
        say(client, user, "What day is it?")

    assert "Now: 2026-03-03 08:30 JST." in model.asked[-1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ((500, b"{}"), "answered 500"),
        ((429, b"{}"), "answered 429"),
        ((404, b"no such model"), "answered 404"),
        ((200, completion("")), "answered with nothing"),
        ((200, completion(" \n")), "answered with nothing"),
        ((200, completion(None)), "answered with nothing"),
        ((200, b'{"choices": []}'), "answered with nothing"),
        ((200, b'{"choices": null}'), "no reply"),
        ((200, b'{"choices": [{}]}'), "no reply"),
        ((200, b'{"error": "overloaded"}'), "no reply"),
        ((200, b"<html>a log-in page</html>"), "no reply"),
        ((200, b""), "no reply"),
        ((200, completion(["a list"])), "no reply"),
        ((200, completion("a\0b")), "no reply"),
        ((200, completion("half a pair \ud800")), "no reply"),
        ((200, completion("x" * 100_001)), "more than a message may hold"),
    ],
)
def test_where_the_model_gives_no_reply_what_was_said_is_kept(
    api: Api, model: PlayedModel, client: TestClient, answered: tuple[int, bytes], words: str
) -> None:
    user = new_user()
    model.status, model.answer = answered
    refused = client.post("/v1/chat", json={"user_id": user, "message": "a secret", "conversation_id": "c"})

    assert (refused.status_code, refused.headers["Content-Type"]) == (502, "application/problem+json")
    assert words in refused.json()["detail"]
    assert "What was said is kept." in refused.json()["detail"]
    assert turns(api, user) == [("user", "a secret")]


def test_a_model_that_does_not_answer_in_time_is_502(
    api: Api, mysql: MySql, user: str, model: PlayedModel
) -> None:
    model.prompt.clear()
    with chatting(api, mysql, model.url, llm_timeout=0.2) as client:
        refused = client.post("/v1/chat", json={"user_id": user, "message": "a", "conversation_id": "c"})

    assert (refused.status_code, "in time" in refused.json()["detail"]) == (502, True)
    assert turns(api, user) == [("user", "a")]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "no address", "ftp://127.0.0.1/v1"])
def test_a_model_that_cannot_be_reached_is_502(api: Api, mysql: MySql, user: str, url: str) -> None:
    with chatting(api, mysql, url) as client:
        refused = client.post("/v1/chat", json={"user_id": user, "message": "a", "conversation_id": "c"})

    assert (refused.status_code, "cannot be reached" in refused.json()["detail"]) == (502, True)
    assert turns(api, user) == [("user", "a")]


@pytest.mark.parametrize(
    ("message", "first_words"),
    [
        ("What do I drink?", "No language model is connected, so I can only show"),
        ("何を飲む?", "言語モデルが接続されていないため、"),
        ("ﾁｬ?", "言語モデルが接続されていないため、"),
    ],
)
def test_without_a_model_the_reply_shows_what_is_remembered_in_the_messages_language(
    api: Api, user: str, message: str, first_words: str
) -> None:
    learned = api.say(user, "緑茶 tea", created_at="2026-03-02T09:00:00Z")
    api.learn(user, learned)
    found = say(api.client, user, message, conversation_id="c")

    assert found["reply"].startswith(first_words)
    assert found["reply"].endswith("\n- 2026-03-02: 緑茶 tea")
    assert turns(api, user)[-1] == ("assistant", found["reply"])


@pytest.mark.parametrize(
    ("message", "word"), [("Hello", "I have written it down."), ("今日は", "書き留めました。")]
)
def test_without_a_model_and_memories_the_reply_says_so(api: Api, user: str, message: str, word: str) -> None:
    assert say(api.client, user, message)["reply"].endswith(word)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"message": ""}, "message"),
        ({"message": "a\0"}, "message"),
        ({"message": "x" * 100_001}, "message"),
        ({"message": None}, "message"),
        ({"conversation_id": ""}, "conversation_id"),
        ({"recall": "sometimes"}, "recall"),
        ({"user_id": ""}, "user_id"),
        ({"model": "m"}, "model"),
    ],
)
def test_a_turn_that_is_wrong_is_422_and_not_written(
    api: Api, user: str, change: dict[str, object], field: str
) -> None:
    body = {"user_id": user, "message": "a", "conversation_id": "c", **change}
    refused = api.client.post("/v1/chat", json=body)

    assert (refused.status_code, refused.json()["detail"].startswith(field)) == (422, True)
    assert api.client.get("/v1/conversations", params={"user_id": user}).json()["conversations"] == []


def test_every_chat_begins_with_the_profile_whatever_it_is_about(
    api: Api, user: str, model: PlayedModel, client: TestClient
) -> None:
    message_id = api.say(user, "I am allergic to nuts", created_at="2026-03-02T09:00:00Z")
    api.know(user, ("Allergic to nuts.", [message_id]))
    found = say(client, user, "Which train goes to Kobe?")

    assert [line["text"] for line in found["profile"]] == ["Allergic to nuts."]
    assert (
        "What you know about the user:\n- 2026-03-02: Allergic to nuts."
        in model.asked[0]["messages"][0]["content"]
    )


def test_a_chat_that_may_not_recall_knows_nothing_of_the_user(
    api: Api, user: str, model: PlayedModel, client: TestClient
) -> None:
    api.know(user, ("Allergic to nuts.", [api.say(user, "I am allergic to nuts")]))
    found = say(client, user, "Which train goes to Kobe?", recall="never")

    assert found["profile"] == []
    assert "nuts" not in str(model.asked)
