"""What a user sets: time zone, recall policy, persona."""

from typing import Any

import pytest

from tests.support.api import Api

DEFAULTS = {"timezone": "UTC", "recall": "auto", "persona": None}


def settings(api: Api, user: str) -> dict[str, Any]:
    answer = api.client.get(f"/v1/users/{user}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_is_set_is_kept_and_what_is_left_out_stays(api: Api, user: str) -> None:
    assert settings(api, user) == {"user_id": user} | DEFAULTS
    api.client.patch(f"/v1/users/{user}", json={"timezone": "Asia/Tokyo"})
    answer = api.client.patch(f"/v1/users/{user}", json={"recall": "never", "persona": "手短に。"})

    assert answer.json() == {"user_id": user, "timezone": "Asia/Tokyo", "recall": "never", "persona": "手短に。"}
    assert settings(api, user) == answer.json()
    assert api.rows.user_timezone(user) == "Asia/Tokyo"
    assert api.client.patch(f"/v1/users/{user}", json={"persona": None}).json()["persona"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Asia/Nowhere"},
        {"timezone": "../../etc/passwd"},
        {"timezone": ""},
        {"timezone": None},
        {"recall": "sometimes"},
        {"persona": " "},
        {"persona": "x" * 4001},
        {"user_id": "other"},
    ],
)
def test_what_cannot_be_set_is_422_and_sets_nothing(api: Api, user: str, change: dict[str, Any]) -> None:
    assert api.client.patch(f"/v1/users/{user}", json=change).status_code == 422
    assert settings(api, user) == {"user_id": user} | DEFAULTS


@pytest.mark.parametrize("ending", ["/profile", "/freshness", "/export", "/x"])
def test_a_user_whose_id_ends_like_a_call_has_settings_of_their_own(api: Api, user: str, ending: str) -> None:
    api.client.patch(f"/v1/users/{user}{ending}", json={"recall": "always"})

    assert api.rows.user_settings(f"{user}{ending}").recall == "always"
    assert settings(api, user)["recall"] == "auto"


@pytest.mark.parametrize(
    ("policy", "asked", "recalls"), [("never", None, 0), ("never", "always", 1), ("auto", None, 1)]
)
def test_a_chat_keeps_to_the_users_recall_policy_unless_it_names_one(
    api: Api, user: str, policy: str, asked: str | None, recalls: int
) -> None:
    api.learn(user, api.say(user, "I drink tea"))
    api.client.patch(f"/v1/users/{user}", json={"recall": policy})
    body = {"user_id": user, "message": "I drink tea", "recall": asked}
    answer = api.client.post("/v1/chat", json={name: value for name, value in body.items() if value is not None})

    assert len(answer.json()["recalled"]) == recalls
