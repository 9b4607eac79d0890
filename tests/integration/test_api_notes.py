"""Users in control: memories added, corrected, pinned, forgotten, and told apart by what the rows say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chat_api.messages import NOTE_CHARACTERS, PINNED_CHARACTERS
from tests.support.api import Api, AwayStore, MySql, execute, new_user, serving, settings_for


def add(api: Api, user: str, text: str, status: int = 201, **more: object) -> dict[str, Any]:
    answer = api.client.post("/v1/memories", json={"user_id": user, "text": text, **more})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def change(api: Api, user: str, memory_id: str, status: int = 200, **more: object) -> dict[str, Any]:
    answer = api.client.patch(f"/v1/memories/{memory_id}", params={"user_id": user}, json=more)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def learned(api: Api, user: str, text: str, **more: Any) -> str:  # noqa: ANN401  any field
    """Adds a memory and has it learned, as the consumer would."""
    noted = add(api, user, text, **more)
    [memory_id] = api.learn(user, noted["message_id"], text.strip())
    assert memory_id == noted["id"]
    return memory_id


def texts(found: dict[str, Any]) -> list[str]:
    return [memory["text"] for memory in found["memories"]]


def listed(api: Api, user: str, **more: str | int) -> dict[str, Any]:
    answer = api.client.get("/v1/memories", params={"user_id": user, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def profile(api: Api, user: str) -> list[tuple[str, bool]]:
    answer = api.client.get(f"/v1/users/{user}/profile")
    return [(line["text"], line["pinned"]) for line in answer.json()["lines"]]


def test_an_added_memory_is_pending_at_once_and_then_learned_under_the_id_that_was_answered(
    api: Api, user: str
) -> None:
    noted = add(api, user, "  お茶が好き。\n毎朝飲む。 ", metadata={"topic": "food"}, agent_id="cook")

    assert [row["message_id"] for row in api.recall(user, "お茶")["pending"]] == [noted["message_id"]]
    assert api.rows.get(user, noted["message_id"]).role == "note"
    api.learn(user, noted["message_id"], "お茶が好き。\n毎朝飲む。")
    [memory] = api.recall(user, "お茶")["memories"]
    assert (memory["id"], memory["text"]) == (noted["id"], "お茶が好き。\n毎朝飲む。")
    assert (memory["metadata"], memory["agent_id"], memory["pinned"]) == ({"topic": "food"}, "cook", False)


def test_a_memory_that_is_added_again_by_its_name_is_one(api: Api, user: str) -> None:
    first = add(api, user, "I drink tea", external_id="x", pinned=True)
    again = add(api, user, "I drink tea", status=200, external_id="x", pinned=True)

    assert again == first | {"created": False}
    add(api, user, "I drink coffee", status=409, external_id="x")


@pytest.mark.parametrize("text", ["", "  ", "x" * (NOTE_CHARACTERS + 1)])
def test_a_memory_that_is_none_or_no_single_one_is_refused(api: Api, user: str, text: str) -> None:
    add(api, user, text, status=422)


def test_a_correction_stands_in_place_of_the_old_memory_from_then_on(api: Api, user: str) -> None:
    question, answer = api.say(user, "Where do you live?"), api.say(user, "Leeds")
    [old] = api.learn(user, answer, "lives in Leeds", cites=[question])
    corrected = change(api, user, old, text="lives in York")

    assert corrected["id"] != old
    assert texts(api.recall(user, "lives in")) == []
    assert corrected["message_id"] in [row["message_id"] for row in api.recall(user, "lives in")["pending"]]
    assert api.learn(user, corrected["message_id"], "lives in York") == [corrected["id"]]
    assert texts(listed(api, user)) == ["lives in York"]
    # The answer may be learned again in ignorance of the suppression: nothing of it is recalled.
    api.learn(user, answer, "lives in Leeds", cites=[question])
    assert texts(listed(api, user, history="true")) == ["lives in York"]


def test_what_was_corrected_stays_away_with_another_extractor_and_when_the_correction_is_deleted(
    api: Api, user: str
) -> None:
    said = api.say(user, "I live in Leeds")
    [old] = api.learn(user, said, "lives in Leeds")
    corrected = change(api, user, old, text="lives in York")
    api.learn(user, said, "The user lives in Leeds.", extractor="llm-2")
    api.learn(user, corrected["message_id"], "lives in York", extractor="llm-2")
    assert texts(listed(api, user)) == ["lives in York"]
    params = {"user_id": user}

    assert api.client.delete(f"/v1/memories/{corrected['id']}", params=params).status_code == 204
    assert texts(listed(api, user)) == []
    assert api.client.delete(f"/v1/messages/{corrected['message_id']}", params=params).status_code == 204
    assert texts(listed(api, user)) == []


def test_a_correction_that_is_sent_again_is_one_and_another_one_is_refused(api: Api, user: str) -> None:
    [old] = api.learn(user, api.say(user, "I live in Leeds"), "lives in Leeds")
    first = change(api, user, old, text="lives in York")

    assert change(api, user, old, text="lives in York") == first | {"created": False}
    assert "corrected already" in change(api, user, old, status=409, text="lives in Hull")["detail"]


def test_a_correction_is_corrected_in_turn(api: Api, user: str) -> None:
    memory_id = learned(api, user, "lives in Leeds", metadata={"topic": "home"}, agent_id="a")
    for town in ("York", "Hull"):
        corrected = change(api, user, memory_id, text=f"lives in {town}")
        [memory_id] = api.learn(user, corrected["message_id"])

    [memory] = listed(api, user)["memories"]
    assert (memory["text"], memory["metadata"]["topic"], memory["agent_id"]) == ("lives in Hull", "home", "a")


def test_a_memory_of_another_user_can_neither_be_corrected_nor_pinned(api: Api, user: str) -> None:
    [memory_id] = api.learn(user, api.say(user, "I live in Leeds"))
    tries: list[dict[str, Any]] = [{"text": "no"}, {"pinned": True}, {"metadata": {}}]
    for what in tries:
        change(api, new_user(), memory_id, status=404, **what)

    assert texts(listed(api, user)) == ["I live in Leeds"]


def test_what_is_pinned_stands_first_in_the_profile_until_it_is_unpinned(api: Api, user: str) -> None:
    said = api.say(user, "I drink tea. I own a cat.")
    tea, _ = api.learn(user, said, "I drink tea.", "I own a cat.")
    api.know(user, ("I own a cat.", [said]), ("I drink tea.", [said]))
    allergy = add(api, user, "allergic to nuts", pinned=True)

    assert change(api, user, tea, pinned=True)["id"] == tea
    assert profile(api, user) == [("I drink tea.", True), ("allergic to nuts", True), ("I own a cat.", False)]
    assert [memory["pinned"] for memory in api.recall(user, "I drink tea.")["memories"]][:1] == [True]
    change(api, user, tea, pinned=False)
    api.learn(user, allergy["message_id"])
    change(api, user, allergy["id"], pinned=False)
    assert profile(api, user) == [("I own a cat.", False), ("I drink tea.", False)]


@contextmanager
def refusing_pins(mysql: MySql, user: str) -> Iterator[None]:
    """MySQL refuses to pin anything of a user."""
    refused = f"NEW.user_id = '{user}' AND NEW.pinned IS NOT NULL"
    execute(
        mysql.root,
        "CREATE TRIGGER no_pins BEFORE UPDATE ON messages FOR EACH ROW"  # noqa: S608
        f" BEGIN IF {refused} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END",
    )
    try:
        yield
    finally:
        execute(mysql.root, "DROP TRIGGER no_pins")


def test_metadata_and_a_pin_are_changed_together_or_not_at_all(mysql: MySql, api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    both: dict[str, Any] = {"metadata": {"topic": "food"}, "pinned": True}
    with refusing_pins(mysql, user):
        change(api, user, memory_id, status=503, **both)
        assert api.rows.get(user, message_id).metadata is None

    changed = change(api, user, memory_id, **both)
    assert (changed["pinned"], api.rows.get(user, message_id).metadata) == (True, {"topic": "food"})
    change(api, user, memory_id, metadata={}, pinned=False)
    row = api.rows.get(user, message_id)
    assert (row.metadata, row.pinned) == (None, None)


def test_a_pin_writes_no_new_revision(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    before = api.rows.get(user, message_id)
    change(api, user, memory_id, pinned=True)
    after = api.rows.get(user, message_id)

    assert (after.revision, after.updated_at) == (before.revision, before.updated_at)
    assert after.pinned is not None


def test_a_pinned_memory_is_never_superseded_silently(api: Api, user: str) -> None:
    [tea] = api.learn(user, api.say(user, "I drink tea", created_at="2026-03-02T09:00:00Z"), "drinks tea")
    later = api.say(user, "Only coffee now", created_at="2026-03-03T09:00:00Z")
    [coffee] = api.learn(user, later, "drinks coffee", supersedes=[tea])
    assert texts(listed(api, user)) == ["drinks coffee"]
    change(api, user, tea, pinned=True)
    found = {memory["text"]: memory["superseded_by"] for memory in listed(api, user)["memories"]}

    assert found == {"drinks coffee": [], "drinks tea": [coffee]}


def test_a_pin_holds_all_of_its_message_under_another_extractor_until_it_is_unpinned(api: Api, user: str) -> None:
    said = api.say(user, "I drink tea")
    change(api, user, api.learn(user, said)[0], pinned=True)
    [other] = api.learn(user, said, "The user drinks tea.", extractor="llm-2")
    assert profile(api, user) == [("The user drinks tea.", True)]
    change(api, user, other, pinned=False)

    assert profile(api, user) == []


@pytest.mark.parametrize("how", ["message deleted", "message edited", "memory forgotten", "conversation deleted"])
def test_nothing_that_is_gone_stays_pinned(api: Api, user: str, how: str) -> None:
    said = api.say(user, "I have a secret", conversation_id="c")
    [memory_id] = api.learn(user, said)
    change(api, user, memory_id, pinned=True)
    params = {"user_id": user}
    answer = {
        "message deleted": lambda: api.client.delete(f"/v1/messages/{said}", params=params),
        "message edited": lambda: api.client.patch(f"/v1/messages/{said}", params=params, json={"content": "no"}),
        "memory forgotten": lambda: api.client.delete(f"/v1/memories/{memory_id}", params=params),
        "conversation deleted": lambda: api.client.delete("/v1/conversations/c", params=params),
    }[how]()

    assert answer.is_success
    assert profile(api, user) == []


def test_a_pinned_note_that_is_forgotten_or_corrected_is_no_longer_given(api: Api, user: str) -> None:
    tea, coffee = (learned(api, user, f"drinks {drink}", pinned=True) for drink in ("tea", "coffee"))
    change(api, user, tea, text="drinks water")
    assert api.client.delete(f"/v1/memories/{coffee}", params={"user_id": user}).status_code == 204

    # The correction is pinned as what it corrects was.
    assert profile(api, user) == [("drinks water", True)]


def test_a_chat_is_given_what_is_pinned_also_without_the_memories(mysql: MySql, api: Api, user: str) -> None:
    add(api, user, "allergic to nuts", pinned=True)
    body = {"user_id": user, "message": "hello"}
    with serving(settings_for(mysql.api), api.database, AwayStore()) as away:
        for client in (api.client, away):
            known = client.post("/v1/chat", json=body).json()["profile"]
            assert [line["text"] for line in known] == ["allergic to nuts"]


def test_no_more_can_be_pinned_than_leaves_room_for_a_chat(api: Api, user: str) -> None:
    for number in range(PINNED_CHARACTERS // NOTE_CHARACTERS):
        add(api, user, f"{number}" * NOTE_CHARACTERS, pinned=True)
    refused = add(api, user, "9" * NOTE_CHARACTERS, status=422, pinned=True)

    assert "Unpin something first" in refused["detail"]
    [memory_id] = api.learn(user, api.say(user, "8" * NOTE_CHARACTERS))
    change(api, user, memory_id, status=422, pinned=True)


def test_a_change_that_has_no_room_for_its_pin_changes_nothing(api: Api, user: str) -> None:
    message = api.say(user, "8" * NOTE_CHARACTERS)
    [memory_id] = api.learn(user, message)
    for number in range(PINNED_CHARACTERS // NOTE_CHARACTERS):
        add(api, user, f"{number}" * NOTE_CHARACTERS, pinned=True)
    change(api, user, memory_id, status=422, pinned=True, metadata={"a": "b"})

    assert api.rows.get(user, message).metadata is None


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"agent_id": "cook"}, ["salt", "tea"]),
        ({"metadata.topic": "food"}, ["salt", "tea"]),
        ({"metadata.topic": "food", "metadata.hot": "true"}, ["tea"]),
        ({"metadata.cups": "3"}, ["tea"]),
        ({"metadata.a.b": "c"}, ["salt"]),
        ({"metadata.topic": "cars"}, []),
        ({"agent_id": "cook", "metadata.topic": "food", "metadata.hot": "false"}, []),
    ],
)
def test_memories_and_what_is_pending_can_be_bound_by_agent_and_metadata(
    api: Api, user: str, bounds: dict[str, str], expected: list[str]
) -> None:
    held: dict[str, dict[str, Any]] = {
        "tea": {"agent_id": "cook", "metadata": {"topic": "food", "hot": True, "cups": 3}},
        "salt": {"agent_id": "cook", "metadata": {"topic": "food", "a.b": "c"}},
        "bare": {},
    }
    for word, more in held.items():
        api.say(user, f"pending {word}", **more)
        api.learn(user, api.say(user, f"learned {word}", **more))

    for found in (listed(api, user, **bounds), api.recall(user, "learned", **bounds)):
        assert sorted(texts(found)) == [f"learned {word}" for word in expected]
        assert sorted(row["content"] for row in found["pending"]) == [f"pending {word}" for word in expected]


def test_what_is_wanted_is_found_however_far_down_it_stands(api: Api, user: str) -> None:
    answer = api.client.post(
        "/v1/messages",
        json={
            "user_id": user,
            "messages": [{"role": "user", "content": "I drink tea", "agent_id": f"a{n // 60}"} for n in range(61)],
        },
    )
    ids = [each["message_id"] for each in answer.json()["messages"]]
    for message_id in ids[:60]:
        api.learn(user, message_id)
    api.learn(user, ids[60], "owns a car")

    assert texts(api.recall(user, "I drink tea", agent_id="a1", limit=1, min_score=0)) == ["owns a car"]


def test_a_bound_on_metadata_that_is_given_twice_is_422(api: Api, user: str) -> None:
    answer = api.client.get("/v1/memories", params={"user_id": user, "metadata.a": ["1", "2"]})

    assert (answer.status_code, "given once" in answer.json()["detail"]) == (422, True)


def why(api: Api, user: str, memory_id: str) -> dict[str, Any]:
    answer = api.client.get(f"/v1/memories/{memory_id}/why", params={"user_id": user})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_why_something_is_remembered_is_told_with_the_passages_it_rests_on(api: Api, user: str) -> None:
    first = api.say(user, "Hello. I am allergic to buckwheat. Bye.", created_at="2026-03-02T09:00:00Z")
    second = api.say(user, "いい天気ですね。三年前からです。", created_at="2026-03-03T09:00:00Z")
    [old] = api.learn(user, first, "allergic to wheat")
    [memory_id] = api.learn(user, second, "そばアレルギーは三年前から", cites=[first], supersedes=[old])
    told = why(api, user, memory_id)

    assert [source["passage"] for source in told["sources"]] == [
        {"start": 8, "end": 16, "text": "三年前からです。"},
        None,
    ]
    assert [each["text"] for each in told["supersedes"]] == ["allergic to wheat"]
    [passage] = [source["passage"] for source in why(api, user, old)["sources"]]
    assert passage["text"] == "I am allergic to buckwheat."
    assert [each["id"] for each in why(api, user, old)["superseded_by"]] == [memory_id]
    assert (told["extractor"], told["in_place_of"]) == ("offline-1", None)


def test_of_a_correction_it_is_told_what_it_corrected(api: Api, user: str) -> None:
    [old] = api.learn(user, api.say(user, "I live in Leeds"))
    corrected = change(api, user, old, text="lives in York")
    api.learn(user, corrected["message_id"])
    told = why(api, user, corrected["id"])

    assert (told["in_place_of"], told["sources"][0]["role"]) == (old, "note")
    assert told["sources"][0]["passage"]["text"] == "lives in York"


@pytest.mark.parametrize("what", ["another's", "deleted", "forgotten"])
def test_why_is_told_only_of_what_stands_and_to_whom_it_is(api: Api, user: str, what: str) -> None:
    message_id = api.say(user, "I drink tea")
    [memory_id] = api.learn(user, message_id)
    params = {"user_id": new_user() if what == "another's" else user}
    if what == "deleted":
        api.client.delete(f"/v1/messages/{message_id}", params=params)
    if what == "forgotten":
        api.client.delete(f"/v1/memories/{memory_id}", params=params)

    assert api.client.get(f"/v1/memories/{memory_id}/why", params=params).status_code == 404
