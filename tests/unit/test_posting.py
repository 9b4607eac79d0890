"""Which posted messages become rows, and which repeat one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chat_api.errors import Conflict
from chat_api.messages import Added, Message, NewMessage
from chat_api.rows.posting import Plan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))


def plan(*messages: NewMessage, known: dict[str, Message] | None = None) -> Plan:
    made = Plan(known or {}, unnamed="new", now=NOW)
    for message in messages:
        made.take(message)
    return made


def said(content: str, name: str | None = None, conversation: str | None = "c") -> NewMessage:
    return NewMessage("user", content, conversation, name)


def row(content: str, name: str) -> Message:
    return Message(
        id=7,
        user_id="alice",
        conversation_id="c",
        external_id=name,
        role="user",
        content=content,
        suppressed=None,
        metadata=None,
        agent_id=None,
        said_at=NOW,
        updated_at=NOW,
        revision="r",
    )


def test_new_messages_get_the_new_ids_in_their_order() -> None:
    made = plan(said("a", "x"), said("b"))

    assert [posting.message.content for posting in made.fresh] == ["a", "b"]
    assert made.added([1, 2]) == [Added(1, "c", "x", created=True), Added(2, "c", None, created=True)]


def test_without_a_conversation_and_a_time_it_is_the_new_one_and_now() -> None:
    [posting] = plan(said("a", conversation=None)).fresh

    assert (posting.conversation_id, posting.said_at) == ("new", NOW)


def test_a_repeat_of_a_row_is_not_written() -> None:
    made = plan(said("a", "x"), said("b"), known={"x": row("a", "x")})

    assert [posting.message.content for posting in made.fresh] == ["b"]
    assert made.added([8]) == [Added(7, "c", "x", created=False), Added(8, "c", None, created=True)]


def test_a_repeat_within_the_list_is_written_once() -> None:
    made = plan(said("a", "x"), said("b", "y"), said("a", "x"))

    assert made.added([1, 2]) == [
        Added(1, "c", "x", created=True),
        Added(2, "c", "y", created=True),
        Added(1, "c", "x", created=False),
    ]


def test_equal_words_without_a_name_are_two_messages() -> None:
    assert len(plan(said("a"), said("a")).fresh) == 2


@pytest.mark.parametrize(
    "repeat",
    [
        said("a", "x", conversation=None),
        NewMessage("user", "a", "c", "x", said_at=NOW),
        NewMessage("user", "a", "c", "x", suppressed="all", metadata={"k": 1}, agent_id="b"),
    ],
)
def test_what_a_repeat_leaves_open_is_not_compared(repeat: NewMessage) -> None:
    assert plan(repeat, known={"x": row("a", "x")}).fresh == []


@pytest.mark.parametrize(
    "other",
    [
        said("A", "x"),
        said("a ", "x"),
        said("a", "x", conversation="d"),
        NewMessage("assistant", "a", "c", "x"),
        NewMessage("user", "a", "c", "x", said_at=NOW + timedelta(microseconds=1)),
        NewMessage("user", "a", "c", "x", said_at=NOW.astimezone(TOKYO)),
    ],
)
def test_another_message_under_a_taken_name_is_a_conflict_that_does_not_quote_it(other: NewMessage) -> None:
    with pytest.raises(Conflict, match="'x'"):
        plan(other, known={"x": row("a", "x")})
    with pytest.raises(Conflict, match="'x'"):
        plan(NewMessage("user", "a", "c", "x", said_at=NOW), other)
