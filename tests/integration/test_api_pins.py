"""How much can be pinned: never more than is read for a chat, by whatever way, whatever races."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from chat_api.errors import Invalid
from chat_api.messages import (
    MOST_PINNED,
    MOST_PINNED_FACTS,
    NOTE_CHARACTERS,
    PINNED_CHARACTERS,
    Edit,
    NewMessage,
)
from chat_api.recall.profile import Profiles
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.rows.statements import Cursor
from tests.support.api import EXTRACTOR, Api, MySql, execute
from tests.support.races import at_once
from tests.support.services import now

T = TypeVar("T")

PINNED: dict[str, Any] = {"role": "user", "content": "I drink tea", "pinned": "all"}


def fact(number: int) -> str:
    return f"{EXTRACTOR}:{number:032x}"


def post(api: Api, user: str, count: int, **more: object) -> list[int]:
    """Posts messages of which something is pinned, and returns their ids."""
    messages = [PINNED | {"conversation_id": "c"} | more for _ in range(count)]
    answer = api.client.post("/v1/messages", json={"user_id": user, "messages": messages})
    assert answer.status_code == 201, answer.text
    return [each["message_id"] for each in answer.json()["messages"]]


def pinned(rows: Rows, user: str) -> int:
    return sum(row.pinned is not None for row in rows.messages(user, "c", limit=1000))


def profile(api: Api, user: str) -> list[str]:
    return [line["text"] for line in api.client.get(f"/v1/users/{user}/profile").json()["lines"]]


def ways(api: Api, user: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Requests that would each pin something of one message more."""
    message_id = api.say(user, "I own a cat", conversation_id="c")
    [memory_id] = api.learn(user, message_id)
    [corrected] = api.learn(user, api.say(user, "I own a car", conversation_id="c"))
    note = {"user_id": user, "text": "allergic to nuts", "conversation_id": "c", "pinned": True}
    return {
        "a message": ("POST", "/v1/messages", {"user_id": user, "conversation_id": "c"} | PINNED),
        "many": ("POST", "/v1/messages", {"user_id": user, "messages": [PINNED | {"conversation_id": "c"}] * 2}),
        "a note": ("POST", "/v1/memories", note),
        "an edit": (
            "PATCH",
            f"/v1/messages/{message_id}?user_id={user}",
            {"pinned": [fact(1)], "content": "a cat"},
        ),
        "a pin": ("PATCH", f"/v1/memories/{memory_id}?user_id={user}", {"pinned": True, "metadata": {"a": "b"}}),
        "a correction": ("PATCH", f"/v1/memories/{corrected}?user_id={user}", {"pinned": True, "text": "a van"}),
    }


def test_notes_that_are_longer_together_than_stands_before_a_chat_are_refused_whole(api: Api, user: str) -> None:
    long = {"role": "note", "content": "8" * NOTE_CHARACTERS, "pinned": "all", "conversation_id": "c"}
    most = PINNED_CHARACTERS // NOTE_CHARACTERS
    refused = api.client.post("/v1/messages", json={"user_id": user, "messages": [long] * (most + 1)})

    assert (refused.status_code, "Unpin something first" in refused.json()["detail"]) == (422, True)
    assert api.rows.recent_changes(user, limit=9) == []
    short, *_ = post(api, user, 1, role="note", content="nuts")
    post(api, user, most, role="note", content="8" * NOTE_CHARACTERS)
    edit = {"content": "9" * NOTE_CHARACTERS, "pinned": "all"}
    edited = api.client.patch(f"/v1/messages/{short}", params={"user_id": user}, json=edit)
    assert (edited.status_code, api.rows.get(user, short).content) == (422, "nuts")


def test_notes_at_once_pin_no_more_than_stands_before_a_chat(rows: Rows, user: str) -> None:
    note = NewMessage("note", "8" * NOTE_CHARACTERS, "c", pinned="all")
    came_to = at_once(*[lambda: rows.add_messages(user, [note])] * (PINNED_CHARACTERS // NOTE_CHARACTERS + 2))

    assert [type(each) for each in came_to].count(Invalid) == 2


@pytest.mark.parametrize("way", ["a message", "many", "a note", "an edit", "a pin", "a correction"])
def test_a_pin_that_there_is_no_room_for_is_refused_and_nothing_of_its_request_written(
    api: Api, user: str, way: str
) -> None:
    post(api, user, MOST_PINNED, content="x")
    method, address, body = ways(api, user)[way]
    before = api.rows.messages(user, "c", limit=1000)
    answer = api.client.request(method, address, json=body)

    assert (answer.status_code, "Unpin or delete" in answer.json()["detail"]) == (422, True)
    assert api.rows.messages(user, "c", limit=1000) == before


def test_pins_at_once_never_come_to_more_than_there_is_room_for(api: Api, rows: Rows, user: str) -> None:
    post(api, user, MOST_PINNED - 3)
    note = NewMessage("note", "allergic to nuts", "c", pinned="all")
    for _ in range(5):
        plain = [api.say(user, "I own a cat", conversation_id="c") for _ in range(4)]
        results = at_once(
            *(lambda each=each: rows.edit(user, each, Edit(pinned="all")) for each in plain),
            *[lambda: rows.add_messages(user, [note])] * 4,
        )
        refused = [each for each in results if isinstance(each, Exception)]
        assert [type(each) for each in refused] == [Invalid] * 5
        assert pinned(rows, user) == MOST_PINNED
        for row in rows.messages(user, "c", limit=1000)[MOST_PINNED - 3 :]:
            rows.edit(user, row.id, Edit(pinned=None))


def test_first_messages_at_once_never_pin_more_than_there_is_room_for(rows: Rows, user: str) -> None:
    messages = [NewMessage("note", "allergic to nuts", "c", pinned="all")] * (MOST_PINNED // 2 + 1)
    results = at_once(*[lambda: rows.add_messages(user, messages)] * 6)

    assert sum(isinstance(each, Invalid) for each in results) == 5, results
    assert pinned(rows, user) == len(messages)


def test_what_is_pinned_already_can_be_said_again_where_there_is_no_room(api: Api, user: str) -> None:
    first, *_ = post(api, user, MOST_PINNED)
    answer = api.client.patch(f"/v1/messages/{first}", params={"user_id": user}, json={"pinned": [fact(1)]})

    assert (answer.status_code, answer.json()["pinned"]) == (200, [fact(1)])


@pytest.mark.parametrize(
    "how", ["unpinned", "memory unpinned", "deleted", "off the record", "forgotten", "reworded", "corrected"]
)
def test_what_is_pinned_no_more_makes_room(api: Api, user: str, how: str) -> None:
    post(api, user, MOST_PINNED - 1)
    message_id = api.say(user, "I own a cat", conversation_id="c")
    [memory_id] = api.learn(user, message_id)
    message, memory = (
        f"/v1/{kind}?user_id={user}" for kind in (f"messages/{message_id}", f"memories/{memory_id}")
    )
    assert api.client.patch(memory, json={"pinned": True}).is_success
    assert pinned(api.rows, user) == MOST_PINNED
    answer = {
        "unpinned": lambda: api.client.patch(message, json={"pinned": None}),
        "memory unpinned": lambda: api.client.patch(memory, json={"pinned": False}),
        "deleted": lambda: api.client.delete(message),
        "off the record": lambda: api.client.patch(message, json={"suppressed": "all"}),
        "forgotten": lambda: api.client.delete(memory),
        "reworded": lambda: api.client.patch(message, json={"content": "I own a dog"}),
        "corrected": lambda: api.client.patch(memory, json={"text": "I own two cats", "pinned": False}),
    }[how]()

    assert answer.is_success, answer.text
    post(api, user, 1)


def test_a_pinned_memory_can_be_corrected_again_and_again(api: Api, user: str) -> None:
    post(api, user, MOST_PINNED - 1, content="x")
    note = {"user_id": user, "text": "owns 0 cats", "pinned": True}
    memory = api.client.post("/v1/memories", json=note).json()
    for number in range(1, 4):
        api.learn(user, memory["message_id"])
        address = f"/v1/memories/{memory['id']}?user_id={user}"
        answer = api.client.patch(address, json={"text": f"owns {number} cats"})
        assert answer.status_code == 200, answer.text
        memory = answer.json()

    assert profile(api, user) == ["owns 3 cats"]


def test_only_so_many_facts_of_a_message_can_be_pinned_by_reference(api: Api, user: str) -> None:
    facts = [fact(number) for number in range(MOST_PINNED_FACTS + 1)]
    body = {"user_id": user, "role": "user", "content": "I drink tea", "pinned": facts}
    refused = api.client.post("/v1/messages", json=body)
    message_id = api.say(user, "I drink tea", pinned=facts[1:])
    [memory_id] = api.learn(user, message_id)
    full = api.client.patch(f"/v1/memories/{memory_id}?user_id={user}", json={"pinned": True})

    detail = (
        f'pinned: must name at most {MOST_PINNED_FACTS} facts; "all" pins whatever is learned from the message.'
    )
    assert (refused.status_code, refused.json()["detail"]) == (422, detail)
    assert (full.status_code, "Unpin one of that message first" in full.json()["detail"]) == (422, True)


def test_of_more_pins_than_there_may_be_the_newest_are_given_to_a_chat(
    mysql: MySql, api: Api, rows: Rows, user: str
) -> None:
    # As an earlier release, or whoever writes to MySQL, may have left them.
    notes = [NewMessage("note", f"note {number}", "c") for number in range(MOST_PINNED + 2)]
    rows.add_messages(user, notes)
    execute(mysql.root, f"UPDATE messages SET pinned = '\"all\"' WHERE user_id = '{user}'")  # noqa: S608  a name of ours

    assert profile(api, user) == [note.content for note in notes[2:]]


class Counting(Database):
    """Counts what it is asked."""

    asked = 0

    def transact(self, work: Callable[[Cursor], T], within_s: int = 10) -> T:
        self.asked += 1
        return super().transact(work, within_s)


@pytest.mark.parametrize("count", [1, MOST_PINNED])
def test_a_profile_takes_two_queries_however_much_is_pinned(mysql: MySql, api: Api, user: str, count: int) -> None:
    for message_id in post(api, user, count):
        api.learn(user, message_id)
    database = Counting(mysql.api, pool_size=1)
    try:
        lines = Profiles(Rows(database, clock=now), api.store).pinned(user)
    finally:
        database.close()

    assert (len(lines), database.asked) == (count, 2)
