"""Files to import: what is taken, and what is said of what is not."""

import json
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from oboegaki import importing
from oboegaki.client import Client
from oboegaki.errors import CommandError
from oboegaki.formats.file import opened
from oboegaki.formats.plain import Namer

LINE = '{"role": "user", "content": "お茶が好き"}'


def file(folder: Path, text: str) -> Path:
    path = folder / "messages.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def named(*messages: dict[str, str]) -> list[dict[str, str]]:
    namer = Namer("diary")
    return [namer.named(message) for message in messages]


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"{LINE}\n\n",
        f"\ufeff{LINE}",
        f"[{LINE}]",
        f'{{"messages": [{LINE}]}}',
        f'{{"questions": [], "messages": [\n{LINE}\n]}}',
    ],
)
def test_json_lines_and_an_object_with_messages_are_read(tmp_path: Path, text: str) -> None:
    [message] = opened(file(tmp_path, text))

    assert (message["role"], message["content"]) == ("user", "お茶が好き")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no messages"),
        ('{"messages": []}', "holds no messages"),
        (f"{LINE}\nnot json", "line 2 is not JSON"),
        (f'{LINE}\n{{"role": "user"}}', "message 2 needs at least `role` and `content`"),
        ("[1]", "is nothing that can be imported"),
        (f"{LINE}\n[1]", "what stands after message 1 is no object"),
        ('{"a": 1}', "is nothing that can be imported"),
        (f"[{LINE}", "line 1 is not JSON"),
        (f"[{LINE} {LINE}]", "line 1 is not JSON"),
        (f"{LINE}\n{'[' * 100_000}", "line 2 is nested too deeply"),
        ('{"role": "user", "content": "\\ud800"}', "message 1 holds half of a surrogate pair"),
    ],
)
def test_what_cannot_be_imported_is_said_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        opened(file(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path) -> None:
    binary = tmp_path / "picture"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(CommandError, match="cannot be read: No such file"):
        opened(tmp_path / "nothing")
    with pytest.raises(CommandError, match="is not UTF-8"):
        opened(binary)


def test_what_has_no_name_gets_one_that_is_the_same_at_the_next_import() -> None:
    tea, dog = {"role": "user", "content": "I like tea."}, {"role": "user", "content": "I have a dog."}
    first = named(tea, tea)
    longer = named(dog, tea, tea)

    assert first == longer[1:]
    assert len({message["external_id"] for message in longer}) == 3
    assert {message["conversation_id"] for message in longer} == {"import/diary"}


def test_names_that_are_there_stay() -> None:
    said = {"role": "user", "content": "I like tea.", "external_id": "x", "conversation_id": "c"}

    assert named(said) == [said]


def test_an_import_waits_for_memories_that_are_not_there_yet() -> None:
    answers = [503, 200]

    def api(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/messages":
            return httpx.Response(201, json={"messages": [{"message_id": 1, "created": True}]})
        return httpx.Response(answers.pop(0), json={"title": "Away", "detail": "Try again.", "unlearned": 0})

    with httpx.Client(transport=httpx.MockTransport(api), base_url="http://oboegaki") as http:
        done = importing.run(Client(http), [{"role": "user", "content": "お茶"}], "hanako", Console(quiet=True))

    assert (done.added, answers) == (1, [])


@pytest.mark.parametrize(("status", "lenient"), [(409, False), (409, True), (422, True)])
def test_what_is_there_in_other_words_or_not_taken_is_left_and_told_and_the_rest_is_written(
    status: int, lenient: bool
) -> None:
    posted: list[str] = []

    def api(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v1/messages":
            return httpx.Response(200, json={"unlearned": 0})
        contents = [message["content"] for message in json.loads(request.content)["messages"]]
        if "taken" in contents:
            return httpx.Response(status, json={"title": "No", "detail": "It is too long."})
        posted.extend(contents)
        return httpx.Response(201, json={"messages": [{"message_id": 1, "created": True}] * len(contents)})

    said = [{"role": "user", "content": text} for text in ("a", "b", "taken", "c", "d")]
    with httpx.Client(transport=httpx.MockTransport(api), base_url="http://oboegaki") as http:
        done = importing.run(Client(http), said, "hanako", Console(quiet=True), lenient=lenient)

    assert (done.messages, done.added, posted) == (5, 4, ["a", "b", "c", "d"])
    assert (done.differing, done.refused) == ((1, 0) if status == 409 else (0, 1))
    assert done.cause == ("" if status == 409 else "No: It is too long.")


def test_a_message_of_ones_own_that_is_not_taken_ends_the_import_with_its_place() -> None:
    def api(_: httpx.Request) -> httpx.Response:
        return httpx.Response(422, json={"title": "No", "detail": "It is too long."})

    with (
        httpx.Client(transport=httpx.MockTransport(api), base_url="http://oboegaki") as http,
        pytest.raises(CommandError, match="The numbers count from message 1 of the file"),
    ):
        importing.run(Client(http), [{"role": "user", "content": "x"}], "hanako", Console(quiet=True))
