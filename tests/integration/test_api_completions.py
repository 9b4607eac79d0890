"""OpenAI's API by OpenAI's own client: passed through, remembered, written once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import httpx
import openai
import pytest

from chat_api.app import create_app
from chat_api.completions import statements as turns
from chat_api.completions.prefixes import SentTurn
from chat_api.completions.statements import History
from chat_api.messages import ours
from memory_store.fake import HashEmbedder
from tests.support.api import KEY, Api, MySql, execute, session, settings_for
from tests.support.deadline import wait_until
from tests.support.erasing import erase_message
from tests.support.live import listening
from tests.support.llm_server import LlmServer, Reply, completion, fails, llm_server, says, streams
from tests.support.services import now

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "open_webui.json").read_text(encoding="utf-8")
)
NAMED = {"X-Oboegaki-Conversation": "c"}


@pytest.fixture(scope="module")
def model() -> Iterator[LlmServer]:
    with llm_server(says("Noted.")) as server:
        yield server


@contextmanager
def served(api: Api, mysql: MySql, url: str | None, **more: Any) -> Iterator[str]:  # noqa: ANN401  any setting
    settings = settings_for(mysql.api, llm_url=url, llm_model="m", **more)
    app = create_app(settings, database=api.database, store=api.store, embedder=HashEmbedder())
    with listening(app) as address:
        yield f"{address}/v1"


@pytest.fixture
def url(api: Api, mysql: MySql, model: LlmServer) -> Iterator[str]:
    model.script = lambda _asked: says("Noted.")
    with served(api, mysql, model.url) as made:
        yield made


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as made:
        yield made


def user_says(*texts: str) -> list[Any]:
    """A history: the user, the assistant, and so on in turn."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]


def ask(client: openai.OpenAI, user: str, *texts: str, **more: Any) -> Any:  # noqa: ANN401  whatever it takes
    return client.chat.completions.create(model="m", messages=user_says(*texts), user=user, **more)


def conversations(api: Api, user: str) -> dict[str, list[tuple[str, str]]]:
    """Every conversation of a user with what was said in it, the oldest first."""
    found = api.rows.conversations(user, limit=100)
    return {
        each.conversation_id: [
            (row.role, row.content) for row in api.rows.messages(user, each.conversation_id, limit=100)
        ]
        for each in sorted(found, key=lambda one: one.created_at)
    }


def turns_of(mysql: MySql, user: str) -> int:
    """How many turns of a user can be found again."""
    [(found,)] = execute(mysql.root, f"SELECT COUNT(*) FROM turns WHERE user_id = '{user}'")  # noqa: S608  ours
    return int(found)


def said(api: Api, user: str) -> list[tuple[str, str]]:
    return [turn for turns in conversations(api, user).values() for turn in turns]


def test_a_completion_is_answered_as_the_model_answers_and_written(
    api: Api, user: str, client: openai.OpenAI
) -> None:
    answer = ask(client, user, "I drink tea")

    assert (answer.choices[0].message.content, answer.usage.total_tokens) == ("Noted.", 750)
    assert said(api, user) == [("user", "I drink tea"), ("assistant", "Noted.")]
    [question, reply] = next(iter(api.rows.messages(user, name, limit=9) for name in conversations(api, user)))
    assert reply.metadata == {"oboegaki": {"reply_to": question.id}}


def test_a_stream_comes_as_it_is_and_is_written_before_its_end(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    model.script = lambda _asked: streams("Note", "d.")
    pieces = [chunk.choices[0].delta.content for chunk in ask(client, user, "I drink tea", stream=True)]

    assert pieces == ["Note", "d.", None]
    assert said(api, user) == [("user", "I drink tea"), ("assistant", "Noted.")]


def test_everything_else_passes_through_both_ways(user: str, model: LlmServer, client: openai.OpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "brew", "arguments": '{"tea": "sencha"}'}}
    model.script = lambda _asked: completion(
        {"role": "assistant", "content": None, "tool_calls": [call], "own": 1}, "tool_calls"
    )
    tools: list[Any] = [{"type": "function", "function": {"name": "brew", "parameters": {"type": "object"}}}]
    parts = [
        {"type": "text", "text": "Brew"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    messages: list[Any] = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ]
    answer: Any = client.chat.completions.create(
        model="other",
        messages=messages,
        tools=tools,
        user=user,
        n=2,
        logprobs=True,
        response_format={"type": "json_object"},
        extra_body={"min_p": 0.05, "chat_template_kwargs": {"enable_thinking": False}},
    )
    asked = {name: value for name, value in model.asked[-1].items() if name not in ("path", "headers")}

    assert asked == {
        "model": "other",
        "messages": messages,
        "tools": tools,
        "user": user,
        "n": 2,
        "logprobs": True,
        "response_format": {"type": "json_object"},
        "min_p": 0.05,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    assert answer.choices[0].message.tool_calls[0].function.name == "brew"
    assert answer.choices[0].message.model_extra == {"own": 1}


def test_calls_of_tools_leave_one_question_and_one_reply(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "brew", "arguments": "{}"}}
    model.script = lambda _asked: completion({"role": "assistant", "content": None, "tool_calls": [call]})
    ask(client, user, "Brew tea")
    model.script = lambda _asked: says("It is brewed.")
    loop: list[Any] = [
        *user_says("Brew tea"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ]
    client.chat.completions.create(model="m", messages=loop, user=user)

    assert said(api, user) == [("user", "Brew tea"), ("assistant", "It is brewed.")]


def test_the_model_is_told_what_is_remembered_with_dates_in_the_system_message(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    api.learn(user, api.say(user, "tea", created_at="2026-03-02T09:00:00Z"))
    api.know(user, ("Allergic to nuts.", [api.say(user, "nuts", created_at="2026-03-03T09:00:00Z")]))
    messages: list[Any] = [{"role": "system", "content": "Be kind."}, *user_says("What do I drink?")]
    client.chat.completions.create(model="m", messages=messages, user=user)
    system, question = model.asked[-1]["messages"]

    assert system["content"].startswith("Be kind.\n\n")
    assert "- 2026-03-02: tea" in system["content"]
    assert "- 2026-03-03: Allergic to nuts." in system["content"]
    assert question == {"role": "user", "content": "What do I drink?"}


def test_what_the_user_wants_the_model_to_be_stands_behind_the_requests_own_words(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    api.client.patch(f"/v1/users/{user}", json={"persona": "Be brief."})
    own: list[Any] = [{"role": "system", "content": "Be a pirate."}, *user_says("Hello")]
    ask(client, user, "Hello")
    client.chat.completions.create(model="m", messages=own, user=user)
    told = [each["messages"][0] for each in model.asked[-2:]]

    assert [each["role"] for each in told] == ["system", "system"]
    assert [each["content"] for each in told] == ["Be brief.", "Be a pirate.\n\nBe brief."]


@pytest.mark.parametrize(
    ("recall", "question", "drawn"),
    [
        ("auto", "What do I drink?", True),
        ("auto", "tea", False),
        ("always", "tea", True),
        ("never", "What do I drink?", False),
    ],
)
def test_a_header_says_whether_the_reply_may_draw_on_memories(  # noqa: PLR0917  fixtures
    api: Api, user: str, model: LlmServer, client: openai.OpenAI, recall: str, question: str, *, drawn: bool
) -> None:
    api.learn(user, api.say(user, "tea leaves"))
    ask(client, user, question, extra_headers={"X-Oboegaki-Recall": recall})

    assert ("tea leaves" in str(model.asked[-1]["messages"])) == drawn


def test_what_of_the_history_is_stored_is_not_stored_again(api: Api, user: str, client: openai.OpenAI) -> None:
    ask(client, user, "one")
    ask(client, user, "one", " Noted.\n", "two")
    ask(client, user, "one", "Noted.", "two", "Noted.", "three")

    [turns] = conversations(api, user).values()
    assert [text for _, text in turns] == ["one", "Noted.", "two", "Noted.", "three", "Noted."]


def test_a_chat_begun_elsewhere_is_stored_whole(api: Api, user: str, client: openai.OpenAI) -> None:
    ask(client, user, "one", "elsewhere", "two")

    [turns] = conversations(api, user).values()
    assert turns == [("user", "one"), ("assistant", "elsewhere"), ("user", "two"), ("assistant", "Noted.")]


def test_a_history_cut_at_its_beginning_is_not_stored_again(api: Api, user: str, client: openai.OpenAI) -> None:
    for texts in (["one"], ["one", "Noted.", "two"], ["two", "Noted.", "three"], ["three", "Noted.", "four"]):
        ask(client, user, *texts)

    [turns] = conversations(api, user).values()
    assert [text for role, text in turns if role == "user"] == ["one", "two", "three", "four"]


@pytest.mark.parametrize("headers", [{}, NAMED])
def test_an_edited_turn_branches(api: Api, user: str, client: openai.OpenAI, headers: dict[str, str]) -> None:
    ask(client, user, "one", extra_headers=headers)
    ask(client, user, "one", "Noted.", "two", extra_headers=headers)
    ask(client, user, "one", "Noted.", "edited", extra_headers=headers)
    ask(client, user, "one", "Noted.", "edited", "Noted.", "on", extra_headers=headers)
    found = conversations(api, user)
    rows = [row for name in found for row in api.rows.messages(user, name, limit=99)]
    [branch] = [row for row in rows if "branches_from" in ours(row.metadata)]

    assert [text for _, text in said(api, user)] == [
        "one",
        "Noted.",
        "two",
        "Noted.",
        "edited",
        "Noted.",
        "on",
        "Noted.",
    ]
    assert (branch.content, branch.metadata) == ("edited", {"oboegaki": {"branches_from": rows[1].id}})
    assert len(found) == (1 if headers else 2)


@pytest.mark.parametrize("headers", [{}, NAMED])
def test_a_regenerated_reply_is_another_reply_to_the_same_message(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI, headers: dict[str, str]
) -> None:
    replies = iter(["first", "second"])
    model.script = lambda _asked: says(next(replies))
    for _ in range(2):
        ask(client, user, "one", extra_headers=headers)
    model.script = lambda _asked: says("third")
    ask(client, user, "one", "second", "two", extra_headers=headers)
    rows = [row for name in conversations(api, user) for row in api.rows.messages(user, name, limit=99)]
    [question] = [row for row in rows if row.content == "one"]

    assert [row.content for row in rows] == ["one", "first", "second", "two", "third"]
    assert rows[2].metadata == {"oboegaki": {"reply_to": question.id, "branches_from": question.id}}
    assert len(conversations(api, user)) == (1 if headers else 2)


def test_what_was_deleted_is_not_written_again_by_the_rest_of_the_chat(
    api: Api, user: str, client: openai.OpenAI
) -> None:
    ask(client, user, "my secret")
    [row, _] = api.rows.messages(user, next(iter(conversations(api, user))), limit=9)
    erase_message(api.database, user, row.id)
    ask(client, user, "my secret", "Noted.", "go on")

    assert [text for _, text in said(api, user)] == ["Noted.", "go on", "Noted."]


def test_the_answer_tells_the_conversation_and_the_message(api: Api, user: str, url: str) -> None:
    body = {"messages": user_says("one"), "user": user}
    headers = {"Authorization": f"Bearer {KEY}", "X-Oboegaki-Conversation": "%E8%8C%B6"}
    answer = httpx.post(f"{url}/chat/completions", json=body, headers=headers)

    assert answer.headers["X-Oboegaki-Conversation"] == "%E8%8C%B6"
    assert list(conversations(api, user)) == ["茶"]
    assert api.rows.get(user, int(answer.headers["X-Oboegaki-Message"])).content == "one"


@pytest.mark.parametrize("stream", [False, True])
def test_with_the_model_down_what_was_said_is_kept_and_a_retry_writes_no_second_row(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI, *, stream: bool
) -> None:
    model.script = lambda _asked: fails(500)
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client, user, "one", stream=stream)
    kept = said(api, user)
    model.script = lambda _asked: streams("Noted.") if stream else says("Noted.")
    list(ask(client, user, "one", stream=stream))

    assert failed.value.status_code == 502
    assert failed.value.body == {
        "message": "The language model's server answered 500.",
        "type": "server_error",
        "param": None,
        "code": "model_failed",
    }
    assert kept == [("user", "one")]
    assert said(api, user) == [("user", "one"), ("assistant", "Noted.")]


@pytest.mark.parametrize(
    "reply", [Reply(b"<html>"), Reply(b'{"choices": null}'), Reply(b'{"choices": [{}]}', cut=True)]
)
def test_what_is_no_completion_is_502(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI, reply: Reply
) -> None:
    model.script = lambda _asked: reply
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client, user, "one")

    assert failed.value.status_code == 502
    assert said(api, user) == [("user", "one")]


def test_a_stream_that_breaks_off_ends_in_an_error_and_leaves_no_reply(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    model.script = lambda _asked: streams("Note", done=False)
    with pytest.raises(openai.APIError, match="broke off"):
        list(ask(client, user, "one", stream=True))

    assert said(api, user) == [("user", "one")]


def test_what_the_model_refuses_is_told_as_it_tells_it(user: str, model: LlmServer, client: openai.OpenAI) -> None:
    model.script = lambda _asked: Reply(
        b'{"error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "ctx"}}',
        400,
    )
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, user, "one")

    assert (refused.value.code, refused.value.param) == ("ctx", "messages")


def test_a_client_that_leaves_in_the_middle_ends_the_models_work_and_what_it_got_is_written(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    held = Event()
    model.left.clear()
    model.script = lambda _asked: streams("Note", *["d"] * 10_000, held=held)
    with ask(client, user, "one", stream=True) as stream:
        assert next(iter(stream)).choices[0].delta.content == "Note"
    wait_until(lambda: said(api, user) == [("user", "one"), ("assistant", "Note")])
    held.set()

    assert model.left.wait(60)
    [_, reply] = api.rows.messages(user, next(iter(conversations(api, user))), limit=9)
    assert ours(reply.metadata)["cut"] is True


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("erased", ["/v1/users/{user}", "/v1/conversations/c", "/v1/messages/{message}"])
def test_a_reply_to_what_is_erased_while_it_is_made_is_handed_on_and_not_written(  # noqa: PLR0917  fixtures
    api: Api, mysql: MySql, user: str, model: LlmServer, client: openai.OpenAI, erased: str, *, stream: bool
) -> None:
    held, asked = Event(), Event()

    def answered(_asked: dict[str, Any]) -> Reply:
        asked.set()
        held.wait(60)
        return streams("Note", "d.") if stream else says("Noted.")

    def told() -> str:
        answer = ask(client, user, "my secret", extra_headers=NAMED, stream=stream)
        if not stream:
            return str(answer.choices[0].message.content)
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer)

    model.script = answered
    with ThreadPoolExecutor(1) as thread:
        telling = thread.submit(told)
        assert asked.wait(60)
        [row] = api.rows.messages(user, "c", limit=9)
        kept = turns_of(mysql, user)
        path = erased.format(user=user, message=row.id)
        api.client.delete(path, params={} if path.endswith(user) else {"user_id": user}).raise_for_status()
        held.set()
        assert telling.result(60) == "Noted."

    assert api.rows.recent_changes(user, limit=9) == []
    assert len(conversations(api, user)) == int(path.startswith("/v1/messages"))
    # What is known of a deleted message stays, so that the client does not bring it back.
    assert turns_of(mysql, user) == (0 if path.startswith("/v1/users") else kept)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Authorization": "Bearer wrong"}, b"{}", 401, "invalid_api_key"),
        ({}, b"{", 400, None),
        ({}, b'{"messages": []}', 400, None),
        ({}, b'{"messages": "a"}', 400, None),
        ({}, b'{"messages": [{"role": "user", "content": "a"}]}', 400, None),
        ({}, b'{"messages": [{"role": "user", "content": "a\\u0000"}], "user": "u"}', 400, None),
        ({}, b'{"messages": [{"role": "tool", "content": "\\ud800"}], "user": "u"}', 400, None),
        ({"X-Oboegaki-Recall": "sometimes"}, b'{"messages": [{"role": "user"}], "user": "u"}', 400, None),
    ],
)
def test_every_refusal_is_in_openais_shape(
    url: str, headers: dict[str, str], body: bytes, status: int, code: str | None
) -> None:
    sent = {"Authorization": f"Bearer {KEY}", **headers}
    answer = httpx.post(f"{url}/chat/completions", content=body, headers=sent)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code


def test_elsewhere_refusals_stay_problem_documents(url: str) -> None:
    answer = httpx.post(f"{url}/chat", json={}, headers={"Authorization": f"Bearer {KEY}"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")


def test_models_are_the_servers_own(client: openai.OpenAI) -> None:
    assert [each.id for each in client.models.list()] == ["m"]
    assert client.models.retrieve("m").id == "m"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("a/b")


def test_without_a_model_the_answer_says_so_in_openais_shape(api: Api, mysql: MySql, user: str) -> None:
    api.learn(user, api.say(user, "tea leaves"))
    with served(api, mysql, None) as url, openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        answer = ask(client, user, "tea?")
        streamed = "".join(
            chunk.choices[0].delta.content or "" for chunk in ask(client, user, "tea?", stream=True)
        )
        listed = [each.id for each in client.models.list()]

    assert "No language model is connected" in answer.choices[0].message.content
    assert "tea leaves" in answer.choices[0].message.content
    assert (streamed, listed) == (answer.choices[0].message.content, ["oboegaki"])


def test_with_the_model_away_models_are_502(api: Api, mysql: MySql) -> None:
    with served(api, mysql, "http://127.0.0.1:1/v1") as url:
        answer = httpx.get(f"{url}/models", headers={"Authorization": f"Bearer {KEY}"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "model_failed")


def test_store_false_writes_nothing_and_remembers_nothing(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    api.know(user, ("Allergic to nuts.", [api.say(user, "nuts", conversation_id="c")]))
    ask(client, user, "What do I like?", store=False)

    assert said(api, user) == [("user", "nuts")]
    assert "nuts" not in str(model.asked[-1]["messages"])


@pytest.fixture
def webui(api: Api, mysql: MySql, model: LlmServer, user: str) -> Iterator[httpx.Client]:
    """Open WebUI with ENABLE_FORWARD_USER_INFO_HEADERS, whose admin key is trusted."""
    model.script = lambda asked: streams("Noted.") if asked.get("stream") else says("Noted.")
    headers = {**RECORDED["headers"], "X-OpenWebUI-User-Id": user, "Authorization": f"Bearer {KEY}"}
    with (
        served(api, mysql, model.url, trust_openwebui_user=True) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as made,
    ):
        yield made


def test_open_webui_chats_are_of_the_user_and_the_chat_that_it_names(
    api: Api, user: str, model: LlmServer, webui: httpx.Client
) -> None:
    api.learn(user, api.say(user, "ほうじ茶", created_at="2026-03-02T09:00:00Z", conversation_id="before"))
    answer = webui.post("/chat/completions", json=RECORDED["chat"])
    chat = RECORDED["headers"]["X-OpenWebUI-Chat-Id"]

    assert answer.text.endswith("data: [DONE]\n\n")
    assert conversations(api, user)[chat] == [("user", "私の好きなお茶は？"), ("assistant", "Noted.")]
    assert model.asked[-1]["stream_options"] == {"include_usage": True}
    assert "2026-03-02: ほうじ茶" in model.asked[-1]["messages"][0]["content"]


@pytest.mark.parametrize("name", RECORDED["tasks"])
def test_open_webuis_own_tasks_are_answered_and_leave_nothing(
    api: Api, user: str, model: LlmServer, webui: httpx.Client, name: str
) -> None:
    api.know(user, ("Allergic to nuts.", [api.say(user, "nuts", conversation_id="c")]))
    answer = webui.post("/chat/completions", json=RECORDED["tasks"][name])

    assert answer.json()["choices"][0]["message"]["content"] == "Noted."
    assert said(api, user) == [("user", "nuts")]
    assert model.asked[-1]["messages"] == RECORDED["tasks"][name]["messages"]


def test_a_header_tells_tasks_whose_prompts_were_changed(api: Api, user: str, webui: httpx.Client) -> None:
    body = {"messages": user_says("Make a title of: I like tea")}
    webui.post("/chat/completions", json=body, headers={"X-Oboegaki-Task": "title_generation"})
    assert said(api, user) == []
    webui.post("/chat/completions", json=body, headers={"X-Oboegaki-Task": ""})

    assert said(api, user)[0] == ("user", "Make a title of: I like tea")


def test_documents_that_open_webui_puts_before_a_message_are_not_written(
    api: Api, user: str, model: LlmServer, webui: httpx.Client
) -> None:
    webui.post("/chat/completions", json=RECORDED["chat_with_documents"])
    webui.post("/chat/completions", json=RECORDED["chat_with_image"])

    assert [text for role, text in said(api, user) if role == "user"] == [
        "I live in flat 302. What do I pay?",
        "This is my dog Moka.",
    ]
    assert model.asked[-1]["messages"] == RECORDED["chat_with_image"]["messages"]


def test_a_header_from_a_key_that_is_not_trusted_names_nobody(user: str, url: str) -> None:
    headers = {**RECORDED["headers"], "X-OpenWebUI-User-Id": user, "Authorization": f"Bearer {KEY}"}
    refused = httpx.post(f"{url}/chat/completions", json=RECORDED["chat"], headers=headers)

    assert (refused.status_code, "whose memory" in refused.json()["error"]["message"]) == (400, True)


def test_a_conversation_that_begins_again_is_looked_for_among_its_own_turns_only(mysql: MySql, user: str) -> None:
    roots = ", ".join(f"('{user}', {n}, {n}, 'c{n}', NULL)" for n in range(500))
    execute(
        mysql.root,
        f"INSERT INTO turns (user_id, prefix_digest, message_id, conversation_id, follows) VALUES {roots}",  # noqa: S608
    )
    found: dict[str, int] = {}
    for conversation in ("c499", "new"):
        history = History([SentTurn("user", "tea")], conversation, "unnamed")
        with session(mysql.root) as connection, connection.cursor(dictionary=True) as cursor:
            cursor.execute("FLUSH STATUS")
            turns.take(cursor, user, history, now())
            cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read_next'")
            status: Any = cursor.fetchall()[0]
            found[conversation] = int(status["Value"])

    assert all(read < 50 for read in found.values()), found


def test_the_same_request_sent_twice_at_once_writes_each_turn_once(
    api: Api, user: str, model: LlmServer, client: openai.OpenAI
) -> None:
    together = Barrier(4)

    def answered(_asked: dict[str, Any]) -> Reply:
        together.wait(60)
        return says("Noted.")

    model.script = answered
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: ask(client, user, "one", "elsewhere", "two"), range(4)))

    assert [text for _, text in said(api, user)] == ["one", "elsewhere", "two", "Noted."]
