"""A changed fact takes the place of the older one, which stays as history (design, rule 3)."""

from typing import Any

import pytest

from tests.support.api import Api, new_user

OSAKA, KYOTO, KOBE = "I live in Osaka", "I live in Kyoto", "I live in Kobe"


def shown(api: Api, user: str, query: str | None = "I live in", **more: str | int) -> dict[str, list[str]]:
    """The texts of the memories of an answer, and the texts of those that supersede them."""
    params = {"user_id": user, **more} | ({} if query is None else {"query": query})
    answer = api.client.get("/v1/memories", params=params)
    assert answer.status_code == 200, answer.text
    names = {each.id: each.text for each in api.store.live().scan()}
    return {each["text"]: [names[later] for later in each["superseded_by"]] for each in answer.json()["memories"]}


def say(api: Api, user: str, hour: int, content: str, *supersedes: str, **more: str) -> tuple[int, str]:
    """Says and learns something at an hour; the message's and the memory's id."""
    message_id = api.say(user, content, created_at=f"2026-03-02T{hour:02}:00:00Z", **more)
    [memory_id] = api.learn(user, message_id, supersedes=supersedes)
    return message_id, memory_id


@pytest.mark.parametrize("query", ["I live in", None])
def test_a_changed_fact_supersedes_the_older_one_which_is_shown_on_request(
    api: Api, user: str, query: str | None
) -> None:
    _, osaka = say(api, user, 9, OSAKA)
    say(api, user, 10, KYOTO, osaka)

    assert shown(api, user, query) == {KYOTO: []}
    assert shown(api, user, query, history="true") == {KYOTO: [], OSAKA: [KYOTO]}


def test_a_superseded_memory_can_be_read_and_names_its_successors(api: Api, user: str) -> None:
    _, osaka = say(api, user, 9, OSAKA)
    _, kyoto = say(api, user, 10, KYOTO, osaka)
    _, kobe = say(api, user, 11, KOBE, osaka, kyoto)
    read: list[dict[str, Any]] = [
        api.client.get(f"/v1/memories/{each}", params={"user_id": user}).json() for each in (osaka, kyoto, kobe)
    ]

    assert [each["superseded_by"] for each in read] == [[kobe, kyoto], [kobe], []]


@pytest.mark.parametrize("what", ["deleted", "edited", "off the record", "forgotten"])
def test_a_memory_stands_again_once_its_successor_is_gone(api: Api, user: str, what: str) -> None:
    _, osaka = say(api, user, 9, OSAKA)
    message_id, kyoto = say(api, user, 10, KYOTO, osaka)
    url, params = f"/v1/messages/{message_id}", {"user_id": user}
    answer = {
        "deleted": lambda: api.client.delete(url, params=params),
        "edited": lambda: api.client.patch(url, params=params, json={"content": "I like Kyoto"}),
        "off the record": lambda: api.client.patch(url, params=params, json={"suppressed": "all"}),
        "forgotten": lambda: api.client.delete(f"/v1/memories/{kyoto}", params=params),
    }[what]()

    assert answer.is_success
    assert shown(api, user) == shown(api, user, None) == {OSAKA: []}


def test_no_bound_of_a_question_hides_what_stands_in_a_memorys_place(api: Api, user: str) -> None:
    _, osaka = say(api, user, 9, OSAKA, conversation_id="c9")
    say(api, user, 10, KYOTO, osaka, conversation_id="c10")

    for bounds in ({"until": "2026-03-02T09:30:00Z"}, {"conversation_id": "c9"}):
        assert shown(api, user, **bounds) == shown(api, user, None, **bounds) == {}
        assert shown(api, user, history="true", **bounds) == {OSAKA: [KYOTO]}


def test_a_fact_that_was_said_earlier_supersedes_nothing_however_late_it_is_learned(api: Api, user: str) -> None:
    _, kyoto = say(api, user, 10, KYOTO)
    say(api, user, 9, OSAKA, kyoto)

    assert shown(api, user) == {KYOTO: [], OSAKA: []}


def test_of_a_chain_and_of_a_circle_the_last_one_stands(api: Api, user: str) -> None:
    message_id, osaka = say(api, user, 9, OSAKA)
    _, kyoto = say(api, user, 10, KYOTO, osaka)
    _, kobe = say(api, user, 11, KOBE, kyoto)
    api.learn(user, message_id, supersedes=[kobe])

    assert shown(api, user) == {KOBE: []}
    assert shown(api, user, history="true") == {KOBE: [], KYOTO: [KOBE], OSAKA: [KYOTO]}


def test_nothing_of_another_user_supersedes(api: Api, user: str) -> None:
    _, osaka = say(api, user, 9, OSAKA)
    say(api, new_user(), 10, KYOTO, osaka)

    assert shown(api, user) == {OSAKA: []}


def test_what_is_superseded_takes_no_place_of_what_is_not(api: Api, user: str) -> None:
    old = [say(api, user, 9, f"green tea {number}")[1] for number in range(40)]
    say(api, user, 10, "a cup of coffee", *old)
    say(api, user, 11, "a cup of something green")

    assert shown(api, user, "green tea", limit=1) == {"a cup of something green": []}


def test_a_superseded_fact_does_not_hide_another_one_of_its_message(api: Api, user: str) -> None:
    message_id = api.say(user, "I live in Osaka and own a cat", created_at="2026-03-02T09:00:00Z")
    osaka, _ = api.learn(user, message_id, OSAKA, "I own a cat")
    say(api, user, 10, KYOTO, osaka)

    assert shown(api, user) == {KYOTO: [], "I own a cat": []}
