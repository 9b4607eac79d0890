"""Exports of others: recognised by their content, read as they were said, conversation by conversation."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oboegaki.errors import CommandError
from oboegaki.formats.file import opened
from oboegaki.formats.stream import JsonReader


def node(name: str, parent: str | None, role: str, *parts: object, **more: object) -> dict[str, Any]:
    """A turn of ChatGPT's tree."""
    message: dict[str, Any] = {
        "id": name,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1_700_000_000.25,
        "content": {"content_type": "text", "parts": list(parts)},
        "recipient": "all",
        "metadata": {},
    }
    return {"id": name, "message": message | more, "parent": parent, "children": []}


CHATGPT = {
    "title": "Tea",
    "create_time": 1_690_000_000.0,
    "current_node": "a2",
    "conversation_id": "c1",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["sys"]},
        "sys": node("sys", "root", "system", ""),
        "ctx": node("ctx", "sys", "user", "about me", metadata={"is_visually_hidden_from_conversation": True}),
        "u1": node("u1", "ctx", "user", "お茶が好き"),
        "a1": node("a1", "u1", "assistant", "An answer that was regenerated."),
        "a2-tool": node("a2-tool", "u1", "assistant", "search(tea)", recipient="browser"),
        "tool": node("tool", "a2-tool", "tool", "found"),
        "code": node("code", "tool", "assistant", content={"content_type": "code", "text": "x = 1"}),
        "u2": node(
            "u2", "code", "user", {"content_type": "image_asset_pointer"}, "What is this?", create_time=None
        ),
        "a2": node("a2", "u2", "assistant", "Tea."),
    },
}

OPEN_WEBUI = {
    "id": "c1",
    "user_id": "u",
    "title": "Tea",
    "created_at": 1_700_000_000,
    "chat": {
        "title": "Tea",
        "models": ["m"],
        "history": {
            "currentId": "4",
            "messages": {
                "1": {
                    "id": "1",
                    "parentId": None,
                    "role": "user",
                    "content": "お茶が好き",
                    "timestamp": 1_700_000_001,
                },
                "2": {"id": "2", "parentId": "1", "role": "assistant", "content": "regenerated"},
                "3": {
                    "id": "3",
                    "parentId": "1",
                    "role": "assistant",
                    "content": '<details type="reasoning" done="true">\nhm\n</details>\nGood.',
                    "timestamp": 1_700_000_002,
                },
                "4": {"id": "4", "parentId": "3", "role": "user", "content": [{"type": "text", "text": "Yes."}]},
            },
        },
        "messages": [],
    },
}

MEM0 = {
    "id": "m1",
    "memory": "Likes tea",
    "hash": "h",
    "metadata": {"category": "food"},
    "created_at": "2024-07-20T01:30:36.275141-07:00",
    "updated_at": None,
    "user_id": "alice",
    "role": "user",
}


def read(folder: Path, content: object, *, indent: int | None = None) -> list[dict[str, Any]]:
    path = folder / "export.json"
    text = content if isinstance(content, str) else json.dumps(content, indent=indent)
    path.write_text(text, encoding="utf-8")
    found = opened(path)
    messages = list(found)
    assert list(found) == messages
    assert len(found) == len(messages)
    return messages


def told(messages: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["external_id"], each["role"], each["content"]) for each in messages]


@pytest.mark.parametrize("content", [[CHATGPT], CHATGPT])
@pytest.mark.parametrize("indent", [None, 2])
def test_of_chatgpt_the_branch_that_is_shown_is_read_as_it_was_said(
    tmp_path: Path, content: object, indent: int | None
) -> None:
    messages = read(tmp_path, content, indent=indent)

    assert told(messages) == [
        ("chatgpt/u1", "user", "お茶が好き"),
        ("chatgpt/u2", "user", "What is this?"),
        ("chatgpt/a2", "assistant", "Tea."),
    ]
    assert {each["conversation_id"] for each in messages} == {"chatgpt/c1"}
    # What has no time has that of the turn before.
    assert {each["created_at"] for each in messages} == {"2023-11-14T22:13:20.250000+00:00"}


@pytest.mark.parametrize("content", [[OPEN_WEBUI], {"chats": [OPEN_WEBUI]}, OPEN_WEBUI])
def test_of_open_webui_the_branch_that_is_shown_is_read_as_it_was_said(tmp_path: Path, content: object) -> None:
    messages = read(tmp_path, content)

    assert told(messages) == [
        ("open-webui/c1/1", "user", "お茶が好き"),
        ("open-webui/c1/3", "assistant", "Good."),
        ("open-webui/c1/4", "user", "Yes."),
    ]
    assert [each["created_at"][17:19] for each in messages] == ["21", "22", "22"]


def test_of_an_open_webui_chat_without_a_tree_its_list_is_read(tmp_path: Path) -> None:
    chat = {
        "id": "c2",
        "chat": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]},
    }

    assert told(read(tmp_path, [chat])) == [("open-webui/c2/0", "user", "Hi")]


@pytest.mark.parametrize("content", [[MEM0], {"results": [MEM0], "relations": []}, json.dumps(MEM0) + "\n"])
def test_of_mem0_each_memory_is_a_note_dated_as_it_was(tmp_path: Path, content: object) -> None:
    [note] = read(tmp_path, content)

    assert note == {
        "external_id": "mem0/m1",
        "conversation_id": "mem0",
        "role": "note",
        "content": "Likes tea",
        "created_at": "2024-07-20T01:30:36.275141-07:00",
        "metadata": {"category": "food", "imported_from": "mem0"},
    }


def test_memories_of_several_users_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="of several users"):
        read(tmp_path, [MEM0, MEM0 | {"id": "m2", "user_id": "bob"}])


@pytest.mark.parametrize(
    "content",
    [
        [CHATGPT, {"mapping": None}, {"mapping": {}, "current_node": 3}, {"mapping": {"x": None}}],
        [OPEN_WEBUI, {"chat": {"history": {"messages": []}}}, {"chat": {"history": {}, "messages": [None]}}],
        [MEM0, {"memory": None}, {"memory": "  "}, {"memory": 3}],
    ],
)
def test_what_is_not_as_expected_within_an_export_is_passed_over(tmp_path: Path, content: object) -> None:
    assert read(tmp_path, content)


def test_a_tree_that_bites_its_tail_ends(tmp_path: Path) -> None:
    loop = {
        "id": "c",
        "current_node": "b",
        "mapping": {"a": node("a", "b", "user", "x"), "b": node("b", "a", "user", "y")},
    }

    assert len(read(tmp_path, [loop])) == 2


def test_two_readings_give_the_same_names(tmp_path: Path) -> None:
    assert read(tmp_path, [CHATGPT]) == read(tmp_path, [CHATGPT])


def test_an_export_that_ends_early_is_refused(tmp_path: Path) -> None:
    lines = [
        {"type": "export", "version": 1},
        {"type": "message", "message_id": 1, "role": "user", "content": "x"},
    ]
    whole = [*lines, {"type": "end"}]

    assert len(read(tmp_path, "\n".join(map(json.dumps, whole)))) == 1
    with pytest.raises(CommandError, match="ends early"):
        read(tmp_path, "\n".join(map(json.dumps, lines)))


class Dripping(io.StringIO):
    """A file that gives little at a time."""

    def read(self, _size: int | None = -1, /) -> str:
        return super().read(3)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=4), st.sampled_from([None, 1]))
def test_values_are_read_whole_however_they_come(values: list[Any], indent: int | None) -> None:
    listed = JsonReader(Dripping(json.dumps(values, indent=indent)))
    lines = JsonReader(Dripping("\n".join(json.dumps(value) for value in values)))

    def each() -> Iterator[Any]:
        while lines.peek():
            yield lines.value()

    assert list(listed.elements()) == values
    assert list(each()) == values


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    conversation = json.dumps(CHATGPT | {"padding": "x" * 100_000})
    path.write_text("[" + ",\n".join([conversation] * 200) + "]")

    with path.open() as file:
        reader = JsonReader(file)
        held = max(reader.held for _ in reader.elements())
    assert path.stat().st_size > 20_000_000
    assert held < 4_000_000


def test_of_an_export_the_ids_of_its_instance_are_left_behind(tmp_path: Path) -> None:
    held = {"k": 1, "oboegaki": {"reply_to": 7}}
    line = {"role": "assistant", "content": "tea", "metadata": held, "external_id": "x", "conversation_id": "c"}

    assert [each["metadata"] for each in read(tmp_path, [line])] == [{"k": 1}]
