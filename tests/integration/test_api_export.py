"""An export holds all that is kept of a user, and can be imported again."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chat_api import patience
from chat_api.recall.recaller import Recaller
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.web.export import lines as lines_of
from memory_store.fake import HashEmbedder
from memory_store.recall import Recall
from oboegaki import exporting, importing
from oboegaki.client import Client
from oboegaki.errors import CommandError
from oboegaki.formats.file import opened
from tests.support.api import Api, AwayStore, MySql, all_in_use, new_user, serving, settings_for
from tests.support.deadline import DEADLINE_S
from tests.support.services import now

Line = dict[str, Any]


def command(http: Any) -> Client:  # noqa: ANN401  a test's client is one by another name
    """What a command calls the API by."""
    return Client(http)


def export(api: Api, user: str) -> list[Line]:
    answer = api.client.get(f"/v1/users/{user}/export")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def of_kind(lines: list[Line], kind: str) -> list[Line]:
    return [line for line in lines if line["type"] == kind]


def fill(api: Api, user: str) -> None:
    """A user with something of each kind."""
    api.client.patch(f"/v1/users/{user}", json={"timezone": "Asia/Tokyo", "recall": "always", "persona": "Brief."})
    said = {"conversation_id": "b", "created_at": "2026-03-02T09:00:00.25+09:00", "metadata": {"n": [1, None]}}
    tea = api.say(user, "お茶が好き\n毎日", agent_id="cook", external_id="x", **said)
    [memory_id] = api.learn(user, tea, "likes tea", "daily")[:1]
    api.client.patch(f"/v1/memories/{memory_id}", params={"user_id": user}, json={"pinned": True})
    api.say(user, "off the record", conversation_id="a", suppressed="all")
    api.say(user, "off the record", conversation_id="a", suppressed="all")
    api.client.post("/v1/memories", json={"user_id": user, "text": "allergic to nuts", "pinned": True})


def test_an_export_holds_everything_and_says_that_it_is_whole(api: Api, user: str) -> None:
    fill(api, user)
    lines = export(api, user)

    assert [line["type"] for line in lines[:2]] == ["export", "user"]
    assert lines[1] == {"type": "user", "timezone": "Asia/Tokyo", "recall": "always", "persona": "Brief."}
    assert [line["conversation_id"] for line in of_kind(lines, "conversation")] == ["a", "b", "memories"]
    assert [line["content"] for line in of_kind(lines, "message")][2:] == ["お茶が好き\n毎日", "allergic to nuts"]
    [daily, tea] = sorted(of_kind(lines, "memory"), key=lambda line: str(line["text"]))
    [message] = [line for line in of_kind(lines, "message") if line["external_id"] == "x"]
    assert (tea["text"], tea["pinned"], tea["sources"]) == ("likes tea", True, [message["message_id"]])
    assert (daily["text"], daily["pinned"], daily["extractor"]) == ("daily", False, "offline-1")
    assert lines[-1] == {"type": "end", "conversations": 3, "messages": 4, "memories": 2}


def test_an_export_that_took_long_waits_for_a_connection_at_each_page(api: Api, mysql: MySql, user: str) -> None:
    fill(api, user)
    with closing(Database(mysql.api, pool_size=1)) as database, ThreadPoolExecutor(1) as thread:
        rows = Rows(database, clock=now)
        recaller = Recaller(rows, api.store, Recall(api.store, HashEmbedder()), pending_limit=10)
        lines = lines_of(rows, recaller, user, now())

        def after_ten_seconds() -> Line | None:
            with patience.of_a_request(seconds=0):
                return next(lines, None)

        told = list[Line]()
        while not told or told[-1]["type"] != "end":
            with all_in_use(database):
                line = thread.submit(after_ten_seconds)
                wait([line], timeout=0.2)
            told.append(line.result(DEADLINE_S) or {})

    assert len(told) == len(export(api, user))


def test_no_ids_of_this_instance_go_with_an_export(api: Api, user: str) -> None:
    api.client.post("/v1/chat", json={"user_id": user, "message": "tea"}).raise_for_status()

    assert [line["metadata"] for line in of_kind(export(api, user), "message")] == [None, None]


def test_nothing_of_another_user_is_in_an_export(api: Api, user: str) -> None:
    for name in (user, f"{user}/x", user.upper()):
        api.learn(name, api.say(name, f"secret of {name}"))

    assert [line["content"] for line in of_kind(export(api, user), "message")] == [f"secret of {user}"]
    assert [line["text"] for line in of_kind(export(api, user), "memory")] == [f"secret of {user}"]


def test_what_was_forgotten_is_no_memory_of_an_export(api: Api, user: str) -> None:
    [memory_id] = api.learn(user, api.say(user, "I drink tea"))
    api.client.delete(f"/v1/memories/{memory_id}", params={"user_id": user})

    assert of_kind(export(api, user), "memory") == []


def test_an_export_of_many_pages_holds_every_line_once(api: Api, user: str) -> None:
    for start in range(0, 900, 300):
        messages = [
            {"role": "user", "content": f"{number}", "conversation_id": f"c{number % 401}"}
            for number in range(start, start + 300)
        ]
        api.client.post("/v1/messages", json={"user_id": user, "messages": messages})
    lines = export(api, user)

    assert sorted(int(line["content"]) for line in of_kind(lines, "message")) == list(range(900))
    assert len({line["conversation_id"] for line in of_kind(lines, "conversation")}) == 401
    assert lines[-1]["conversations"] == 401


def imported(api: Api, user: str, path: Path) -> None:
    file = opened(path)
    importing.set_user(command(api.client), file.settings, user)
    answer = api.client.post("/v1/messages", json={"user_id": user, "messages": list(file)})
    assert answer.is_success, answer.text


def test_an_export_that_is_imported_gives_the_same_export_and_twice_is_once(
    api: Api, user: str, tmp_path: Path
) -> None:
    fill(api, user)
    other, path = new_user(), tmp_path / "export.jsonl"
    counted = exporting.run(command(api.client), user, path)
    for _ in range(2):
        imported(api, other, path)

    def said(lines: list[Line]) -> list[Line]:
        given = {"user_id", "message_id", "external_id", "updated_at"}
        return [{k: v for k, v in line.items() if k not in given} for line in of_kind(lines, "message")]

    assert counted["messages"] == 4
    assert said(export(api, other)) == said(export(api, user))
    assert of_kind(export(api, other), "user") == of_kind(export(api, user), "user")


def test_what_the_exports_own_user_has_still_is_not_written_again(api: Api, user: str, tmp_path: Path) -> None:
    fill(api, user)
    path = tmp_path / "export.jsonl"
    exporting.run(command(api.client), user, path)
    [named] = [each for each in opened(path) if each["external_id"] == "x"]
    [memory] = [each for each in of_kind(export(api, user), "memory") if each["text"] == "daily"]
    address = f"/v1/memories/{memory['id']}"
    assert api.client.patch(address, params={"user_id": user}, json={"text": "weekly"}).is_success
    [correction] = [each for each in of_kind(export(api, user), "message") if each["content"] == "weekly"]
    assert not importing.is_there(command(api.client), user, correction)
    gone = of_kind(export(api, user), "message")[0]["message_id"]
    api.client.delete(f"/v1/messages/{gone}", params={"user_id": user})
    there = [importing.is_there(command(api.client), user, each) for each in opened(path)]

    assert opened(path).of_user == user
    # Off the record twice, of which one was deleted; then what has a name, by which it is known; then the note.
    assert there == [False, True, False, True]
    assert not importing.is_there(command(api.client), new_user(), named)


def test_what_the_exports_own_user_has_set_since_stays(api: Api, user: str, tmp_path: Path) -> None:
    fill(api, user)
    path = tmp_path / "export.jsonl"
    exporting.run(command(api.client), user, path)
    api.client.patch(f"/v1/users/{user}", json={"persona": "Kind."})
    importing.set_user(command(api.client), opened(path).settings, user, own=True)
    assert api.client.get(f"/v1/users/{user}").json()["persona"] == "Kind."

    api.client.delete(f"/v1/users/{user}")
    importing.set_user(command(api.client), opened(path).settings, user, own=True)
    assert api.client.get(f"/v1/users/{user}").json()["persona"] == "Brief."


def test_without_the_memories_no_export_begins(mysql: MySql, api: Api, user: str, tmp_path: Path) -> None:
    with serving(settings_for(mysql.api), api.database, AwayStore()) as away:
        assert away.get(f"/v1/users/{user}/export").status_code == 503
        with pytest.raises(CommandError):
            exporting.run(command(away), user, tmp_path / "out")

    assert list(tmp_path.iterdir()) == []
