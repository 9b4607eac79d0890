"""What stays pinned of a message when something of it is taken away."""

from datetime import UTC, datetime

import pytest

from chat_api.messages import NOTE_CHARACTERS, Edit, Message, Pinned, Role

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = "x" * (NOTE_CHARACTERS + 1)


def row(pinned: Pinned, role: Role = "user", content: str = "tea") -> Message:
    return Message(7, "alice", "c", None, role, content, None, None, None, NOW, NOW, "revision", pinned)


@pytest.mark.parametrize(
    ("held", "edit", "stays"),
    [
        (("e:1", "e:2"), Edit(metadata={}), ("e:1", "e:2")),
        (("e:1", "e:2"), Edit(suppressed=("e:1",)), ("e:2",)),
        (("e:1", "e:2"), Edit(suppressed=("e:1", "e:2")), None),
        (("e:1", "e:2"), Edit(suppressed=("e:1",), pinned=("e:1",)), ("e:1",)),
        (("e:1",), Edit(suppressed="all"), None),
        (("e:1",), Edit(content="tea"), ("e:1",)),
        (("e:1",), Edit(content="coffee"), None),
        (("e:1",), Edit(content="coffee", pinned=("e:2",)), ("e:2",)),
        ("all", Edit(content="coffee"), "all"),
        ("all", Edit(suppressed=("e:1",)), "all"),
        ("all", Edit(suppressed="all"), None),
        (None, Edit(content="coffee"), None),
    ],
)
def test_what_is_taken_away_is_pinned_no_more(held: Pinned, edit: Edit, stays: Pinned) -> None:
    assert edit.applied_to(row(held)).pinned == stays


@pytest.mark.parametrize(("content", "stays"), [("tea", None), (LONG, "all")])
def test_a_note_that_is_one_memory_is_pinned_no_more_once_that_is_forgotten(content: str, stays: Pinned) -> None:
    note = row("all", "note", content)

    assert Edit(suppressed=("e:1",)).applied_to(note).pinned == stays
    assert Edit(metadata={}).applied_to(note).pinned == "all"
