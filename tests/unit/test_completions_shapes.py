"""What is read in OpenAI's shape, and in what Open WebUI makes of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_api.chat.upstream import Declined
from chat_api.completions import open_webui, refusals, shapes
from chat_api.completions.prefixes import SentTurn
from chat_api.completions.shapes import CompletionIn
from chat_api.errors import Invalid, NoReply

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "open_webui.json").read_text(encoding="utf-8")
)


def test_what_users_and_assistants_say_are_turns_and_nothing_else() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Which tea?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "sencha"},
        {"role": "assistant", "content": "Sencha."},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "this?"}]},
        {"role": 5, "content": {"odd": 1}},
        {},
    ]

    assert shapes.turns(messages, 100) == [
        SentTurn("user", "Which tea?"),
        SentTurn("assistant", "Sencha."),
        SentTurn("user", "And\nthis?"),
    ]


@pytest.mark.parametrize("text", ["x" * 101, "a\0b", "half \ud800"])
def test_what_no_row_can_hold_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="messages"):
        shapes.turns([{"role": "user", "content": text}], 100)


@pytest.mark.parametrize("name", RECORDED["tasks"])
def test_what_open_webui_asks_for_itself_is_known(name: str) -> None:
    assert open_webui.is_task(RECORDED["tasks"][name]["messages"])


@pytest.mark.parametrize("name", ["chat", "chat_with_documents", "chat_with_image"])
def test_what_its_users_say_is_no_task(name: str) -> None:
    assert not open_webui.is_task(RECORDED[name]["messages"])


@pytest.mark.parametrize(
    "text", ["### Task: buy tea", "### Task:\nbuy tea", "Available Tools: a hammer", "What is <chat_history>?"]
)
def test_users_may_say_what_looks_alike(text: str) -> None:
    assert not open_webui.is_task([{"role": "user", "content": text}])


def test_a_title_prompt_within_a_conversation_is_said_by_its_user() -> None:
    [asked] = RECORDED["tasks"]["title"]["messages"]

    assert not open_webui.is_task(
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}, asked]
    )


def test_of_a_message_with_documents_only_what_the_user_said_is_a_turn() -> None:
    assert shapes.turns(RECORDED["chat_with_documents"]["messages"], 1000) == [
        SentTurn("user", "I live in flat 302. What do I pay?")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<think>hm\nhm</think>\n\nSencha.",
        '<details type="reasoning" done="true">\nhm\n</details>\nSencha.',
        "Sencha.",
    ],
)
def test_what_a_model_thinks_is_no_part_of_its_turn(text: str) -> None:
    assert shapes.turns([{"role": "assistant", "content": text}], 1000) == [SentTurn("assistant", "Sencha.")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Be kind.", "Be kind.\n\nnotes"),
        (None, "notes"),
        ("", "notes"),
        (
            [{"type": "text", "text": "Be kind."}],
            [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "notes"}],
        ),
    ],
)
@pytest.mark.parametrize("role", ["system", "developer"])
def test_notes_go_into_the_system_message_that_leads(role: str, content: object, expected: object) -> None:
    rest = [{"role": "user", "content": "a"}, {"role": "system", "content": "later"}]
    told = shapes.with_notes([{"role": role, "content": content, "name": "n"}, *rest], "notes")

    assert told == [{"role": role, "content": expected, "name": "n"}, *rest]


def test_where_none_leads_the_notes_lead() -> None:
    asked = [{"role": "user", "content": "a"}]

    assert shapes.with_notes(asked, "notes") == [{"role": "system", "content": "notes"}, *asked]


def test_a_request_is_passed_on_as_it_was_sent() -> None:
    sent = {
        "messages": [{"role": "user", "content": "a", "odd": {"1": [None, 0.5]}}],
        "n": 2,
        "seed": None,
        "x": {},
    }

    assert CompletionIn.model_validate(sent).passed_on("m") == {**sent, "model": "m"}
    assert CompletionIn.model_validate({**sent, "model": "own"}).passed_on("m")["model"] == "own"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "half \ud800"])
def test_what_cannot_be_sent_is_refused(value: object) -> None:
    request = CompletionIn.model_validate({"messages": [{"role": "tool", "content": value}]})
    with pytest.raises(Invalid):
        request.passed_on("m")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b"null", b'{"choices": null}', b'{"choices": [1]}']
)
def test_what_is_no_completion_is_no_reply(body: bytes) -> None:
    with pytest.raises(NoReply):
        shapes.reply_of(body)


def test_the_first_choice_by_its_number_is_the_reply() -> None:
    choices = [{"index": each, "message": {"content": f"reply {each}"}} for each in (1, 0)]

    assert shapes.reply_of(json.dumps({"choices": choices}).encode()) == "reply 0"
    assert shapes.reply_of(b'{"choices": [{"message": {"content": null, "tool_calls": []}}]}') == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}', ("a", False)),
        ('data: {"choices": [{"index": 1, "delta": {"content": "a"}}]}', ("", False)),
        ('data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}', ("", True)),
        ('data: {"choices": [], "usage": {}}', ("", False)),
        ("data: nonsense", ("", False)),
        ("data: [1]", ("", False)),
        (": a comment", ("", False)),
        ("", ("", False)),
    ],
)
def test_a_line_adds_what_the_first_choice_says(line: str, expected: tuple[str, bool]) -> None:
    assert shapes.delta_of(line) == expected


@pytest.mark.parametrize(
    ("status", "sent", "expected"),
    [
        (
            400,
            {"error": {"message": "too long", "type": "t", "param": "messages", "code": "c"}},
            (400, "too long", "c"),
        ),
        (404, {"error": "no such model"}, (404, "no such model", "not_found")),
        (422, {"object": "error", "message": "bad"}, (422, "bad", None)),
        (429, {"detail": "slow down"}, (429, "The language model's server answered 429.", "rate_limit_exceeded")),
        (
            401,
            {"error": {"message": "wrong key"}},
            (502, "The language model's server answered 401.", "model_failed"),
        ),
        (
            500,
            {"error": {"message": "a trace"}},
            (502, "The language model's server answered 500.", "model_failed"),
        ),
    ],
)
def test_what_the_model_says_of_a_request_is_told_and_what_it_says_of_itself_is_not(
    status: int, sent: object, expected: tuple[int, str, str | None]
) -> None:
    answer = refusals.of_model(Declined(status, json.dumps(sent).encode(), "3"))
    error = json.loads(bytes(answer.body))["error"]

    assert (answer.status_code, error["message"], error["code"]) == expected
    assert set(error) >= {"message", "type", "param", "code"}
    assert (answer.headers.get("Retry-After") == "3") == (expected[0] != 502)


#: What a pattern would say, which needs the square or the cube of a text's length for it.
_WRAPPED = re.compile(r"^### Task:\s.*</context>\s*(?:<user_query>\s*)?(.*?)(?:\s*</user_query>)?\s*$", re.DOTALL)
_REASONING = re.compile(r"<details type=\"reasoning\".*?</details>|<think>.*?</think>", re.DOTALL)
_pieces = st.lists(
    st.sampled_from(
        [
            *("### Task:", "</context>", "<user_query>", "</user_query>", " ", "\n", "a"),
            *("<think>", "</think>", '<details type="reasoning"', "</details>", "<", "think>"),
        ]
    ),
    max_size=12,
).map("".join)


@given(st.sampled_from(["", "### Task:", "### Task:\n"]), _pieces)
def test_what_was_said_is_what_stands_behind_the_documents(head: str, text: str) -> None:
    wrapped = _WRAPPED.match(head + text)
    assert open_webui.said(head + text) == (wrapped[1] if wrapped else head + text)


@given(_pieces)
def test_a_reply_is_what_stands_outside_of_thoughts_that_end(text: str) -> None:
    assert open_webui.replied(text) == _REASONING.sub("", text).strip()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 150_000,
        '<details type="reasoning"' * 50_000,
        "</think><think>" * 70_000,
        '<think><details type="reasoning"</think>' * 30_000,
        '<think><details type="reasoning"</think>' * 30_000 + "</details>",
        "### Task: </context>a" + " " * 1_000_000 + "b",
        "### Task: " + "</context>" * 100_000 + "a </user_query>" * 50_000,
    ],
)
def test_a_million_characters_are_read_once(text: str) -> None:
    read = shapes.turns([{"role": role, "content": text} for role in ("user", "assistant")], 2_000_000)

    assert len(read) <= 2
