"""The profile: what matters most about a user, read by key, checked against the rows like every memory."""

from typing import Any

import pytest

from memory_store.fake import FakeStore
from tests.support.api import Api, AwayStore, MySql, new_user, serving, settings_for


def read(api: Api, user: str) -> dict[str, Any]:
    answer = api.client.get(f"/v1/users/{user}/profile")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [line["text"] for line in found["lines"]]


def test_a_profile_is_answered_with_the_messages_it_rests_on(api: Api, user: str) -> None:
    said_at = "2026-03-02T09:00:00+09:00"
    nuts = api.say(user, "I am allergic to nuts", conversation_id="c", external_id="x", created_at=said_at)
    api.know(user, ("Allergic to nuts.", [nuts]), ("Drinks tea.", [api.say(user, "I drink tea")]))
    found = read(api, user)

    assert (texts(found), found["updated_at"]) == (["Allergic to nuts.", "Drinks tea."], "2026-03-02T09:00:00Z")
    [source] = found["lines"][0]["sources"]
    assert (source["message_id"], source["content"]) == (nuts, "I am allergic to nuts")
    assert (source["external_id"], source["created_at"]) == ("x", said_at)
    assert found["lines"][0]["said_at"] == "2026-03-02T00:00:00Z"


def test_of_whom_nothing_is_known_the_profile_is_empty(api: Api, user: str) -> None:
    assert read(api, user) == {"lines": [], "updated_at": None}


def test_a_profile_is_its_users_own(api: Api, user: str) -> None:
    other = f"{new_user()}/profile"
    api.know(user, ("Drinks tea.", [api.say(user, "I drink tea")]))
    api.know(other, ("Owns a cat.", [api.say(other, "I own a cat")]))

    assert (texts(read(api, user)), texts(read(api, other))) == (["Drinks tea."], ["Owns a cat."])


@pytest.mark.parametrize("what", ["deleted", "edited", "off the record", "conversation deleted"])
def test_a_profile_never_tells_what_was_deleted(api: Api, user: str, what: str) -> None:
    secret, tea = api.say(user, "I have a secret", conversation_id="c"), api.say(user, "I drink tea")
    api.know(user, ("Has a secret.", [secret]), ("Drinks tea.", [tea]), ("Secretly drinks tea.", [tea, secret]))
    url, params = f"/v1/messages/{secret}", {"user_id": user}
    answer = {
        "deleted": lambda: api.client.delete(url, params=params),
        "edited": lambda: api.client.patch(url, params=params, json={"content": "I have none"}),
        "off the record": lambda: api.client.patch(url, params=params, json={"suppressed": "all"}),
        "conversation deleted": lambda: api.client.delete("/v1/conversations/c", params=params),
    }[what]()

    assert answer.is_success
    assert texts(read(api, user)) == ["Drinks tea."]


def test_what_is_forgotten_is_in_no_profile_from_then_on(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea and own a cat")
    forgotten, _ = api.learn(user, message_id, "Drinks tea.", "Owns a cat.")
    assert api.client.delete(f"/v1/memories/{forgotten}", params={"user_id": user}).status_code == 204
    # As if written in ignorance of it, but of the row as it is now.
    api.know(user, ("Drinks tea.", [message_id]), ("Owns a cat.", [message_id]))

    assert texts(read(api, user)) == ["Owns a cat."]


def test_a_message_with_suppressions_of_another_extractor_is_in_no_profile(api: Api, user: str) -> None:
    message_id = api.say(user, "I drink tea", suppressed=["llm-2:" + "0" * 32])
    api.know(user, ("Drinks tea.", [message_id]))

    assert texts(read(api, user)) == []


def test_without_the_store_there_is_no_profile_and_chat_goes_on(mysql: MySql, api: Api, user: str) -> None:
    for store in (AwayStore(), FakeStore()):
        with serving(settings_for(mysql.api), api.database, store) as client:
            profile = client.get(f"/v1/users/{user}/profile")
            chat = client.post("/v1/chat", json={"user_id": user, "message": "hello"})

        assert profile.status_code == 503
        assert (chat.status_code, chat.json()["profile"]) == (200, [])
