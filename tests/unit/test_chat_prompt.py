"""What goes into a prompt, and what is left out of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_api.chat import prompt as prompts
from chat_api.chat.prompt import Line, Prompt, Turn
from chat_api.chat.tokens import estimated
from chat_api.messages import Message, Role
from chat_api.recall.recollection import Recollection
from memory_consumer.asking import tokens as learnings

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def row(number: int, role: Role, content: str = "text", reply_to: object = None) -> Message:
    return Message(
        id=number,
        user_id="alice",
        conversation_id="c",
        external_id=None,
        role=role,
        content=content,
        suppressed=None,
        metadata=None if reply_to is None else {"oboegaki": {"reply_to": reply_to}},
        agent_id=None,
        said_at=AT,
        updated_at=AT,
        revision="r",
    )


@given(st.text())
def test_tokens_are_estimated_as_learning_estimates_them(text: str) -> None:
    assert estimated(text) == learnings.estimated(text)


def test_each_reply_follows_what_it_answers_where_two_were_asked_for_at_once() -> None:
    rows = [row(1, "user"), row(2, "user"), row(3, "assistant", reply_to=2), row(4, "assistant", reply_to=1)]

    assert [each.id for each in prompts.in_told_order(rows)] == [1, 4, 2, 3]


def test_replies_to_what_is_not_there_stay_where_they_are() -> None:
    rows = [
        row(1, "assistant", reply_to=9),
        row(2, "user"),
        row(3, "assistant"),
        row(4, "assistant", reply_to=3),
        row(5, "tool", reply_to=2),
    ]

    assert [each.id for each in prompts.in_told_order(rows)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("reply_to", [["a@b"], {"a": 1}, "1", True, 1.0, 2**70])
def test_what_is_no_id_answers_nothing(reply_to: object) -> None:
    rows = [row(1, "user"), row(2, "user"), row(3, "assistant", reply_to=reply_to)]

    assert [each.id for each in prompts.in_told_order(rows)] == [1, 2, 3]


@pytest.mark.parametrize("held", [None, [], "x", 5, ["reply_to"]])
def test_where_what_is_ours_is_not_as_we_write_it_there_is_none(held: object) -> None:
    rows = [row(1, "user"), row(2, "user"), replace(row(3, "assistant"), metadata={"oboegaki": held})]

    assert [each.id for each in prompts.in_told_order(rows)] == [1, 2, 3]


@pytest.mark.parametrize(("most", "expected"), [(0, []), (3, []), (4, [3]), (8, [2, 3]), (100, [1, 2, 3])])
def test_the_oldest_turns_are_left_out_beyond_the_budget(most: int, expected: list[int]) -> None:
    rows = [row(number, "user", "あいうえ") for number in (1, 2, 3)]

    assert list(prompts.fitting(rows, most)) == expected


def test_only_what_users_and_assistants_say_is_a_turn() -> None:
    rows = [row(1, "system"), row(2, "user", "a"), row(3, "tool"), row(4, "note"), row(5, "assistant", "b")]

    assert prompts.fitting(rows, 1000) == {2: Turn("user", "a"), 5: Turn("assistant", "b")}


def test_what_is_pending_is_given_as_far_as_the_budget_goes() -> None:
    pending = tuple(row(number, "user", "あ" * 20) for number in (1, 2, 3))
    of_one = estimated(f"- {Line(AT, 'あ' * 20)}\n")
    found = prompts.within(Recollection(pending=pending), 2 * of_one)

    assert [each.id for each in found.pending] == [1, 2]
    assert prompts.within(Recollection(pending=pending), 2 * of_one - 1).pending == pending[:1]


def test_a_system_text_of_the_requests_own_stands_in_place_of_the_settings() -> None:
    prompt = Prompt(message="a", now=AT)
    [ours, _] = prompts.messages("Be kind.", prompt)
    [theirs, _] = prompts.messages("Be kind.", replace(prompt, system="Be a pirate."))

    assert ours["content"] == "Be kind.\n\nNow: 2026-03-02 09:00 UTC."
    assert theirs["content"] == "Be a pirate.\n\nNow: 2026-03-02 09:00 UTC."
