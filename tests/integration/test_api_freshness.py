"""Waiting until what was said has been learned, on a clock that only the waiting moves."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from chat_api import patience
from chat_api.recall.freshness import Freshness, Look
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from tests.support.api import Api, AwayStore, MySql, all_in_use, new_user, receipt_for, serving, settings_for
from tests.support.services import now


@dataclass
class Waiting:
    """A clock that stands still but for sleeping; `then` is what happens in the n-th pause."""

    at: datetime = field(default_factory=now)
    then: Callable[[int], object] = lambda _: None
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.pauses.append(seconds)
        self.then(len(self.pauses))


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def client(mysql: MySql, api: Api, waiting: Waiting) -> Iterator[TestClient]:
    settings = settings_for(mysql.api)
    with serving(settings, api.database, api.store, clock=waiting.clock, sleep=waiting.sleep) as made:
        yield made


def ask(client: TestClient, user: str, wait_for: int | None = None, timeout: float = 5) -> dict[str, Any]:
    params = {} if wait_for is None else {"wait_for": wait_for, "timeout": timeout}
    answer = client.get(f"/v1/users/{quote(user, safe='')}/freshness", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_is_learned_already_is_answered_at_once(
    api: Api, user: str, client: TestClient, waiting: Waiting
) -> None:
    message_id = api.say(user, "I drink tea and own a cat")
    api.learn(user, message_id, "drinks tea", "owns a cat")
    found = ask(client, user, message_id)

    assert waiting.pauses == []
    assert found.pop("waited_ms") >= 0
    assert found == {
        "message_id": message_id,
        "revision": api.rows.get(user, message_id).revision,
        "state": "learned",
        "learned": True,
        "facts": 2,
        "unlearned": 0,
        "oldest_unlearned_s": None,
    }


def test_a_message_from_which_nothing_was_to_be_learned_is_learned(
    api: Api, user: str, client: TestClient
) -> None:
    message_id = api.say(user, "hello")
    api.learn_nothing(user, message_id)

    assert (ask(client, user, message_id)["learned"], ask(client, user, message_id)["facts"]) == (True, 0)


def test_the_wait_ends_when_the_message_is_learned(
    api: Api, user: str, client: TestClient, waiting: Waiting
) -> None:
    message_id = api.say(user, "I drink tea")
    waiting.then = lambda pause: pause == 3 and api.learn(user, message_id)
    found = ask(client, user, message_id)

    assert (found["state"], found["facts"], len(waiting.pauses)) == ("learned", 1, 3)


def test_at_the_time_out_the_message_is_pending_and_the_backlog_told(
    api: Api, user: str, client: TestClient, waiting: Waiting
) -> None:
    api.learn(user, api.say(user, "learned"))
    ids = [api.say(user, text) for text in ("first", "second")]
    waiting.at = api.rows.get(user, ids[0]).updated_at + timedelta(seconds=90)
    found = ask(client, user, ids[1], timeout=5)

    assert sum(waiting.pauses) == pytest.approx(5)
    assert (found["state"], found["learned"], found["facts"]) == ("pending", False, 0)
    assert (found["unlearned"], found["oldest_unlearned_s"]) == (2, pytest.approx(95))


def test_a_time_out_of_nothing_looks_once(api: Api, user: str, client: TestClient, waiting: Waiting) -> None:
    found = ask(client, user, api.say(user, "a"), timeout=0)

    assert (found["learned"], waiting.pauses) == (False, [])


def test_an_edit_is_learned_only_with_its_own_receipt(api: Api, user: str, client: TestClient) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    api.client.patch(f"/v1/messages/{message_id}", params={"user_id": user}, json={"content": "coffee"})
    before = ask(client, user, message_id)
    api.learn(user, message_id)

    assert (before["state"], before["unlearned"]) == ("pending", 1)
    assert ask(client, user, message_id)["state"] == "learned"


def test_a_deletion_is_waited_for_too(api: Api, user: str, client: TestClient, waiting: Waiting) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)
    api.client.delete(f"/v1/messages/{message_id}", params={"user_id": user})
    before = ask(client, user, message_id)
    waiting.then = lambda _: api.learn_deletion(user, message_id)
    after = ask(client, user, message_id)

    assert (before["state"], before["learned"]) == ("pending", False)
    assert (after["state"], after["learned"], after["facts"]) == ("deleted", True, 0)


def test_a_dead_message_is_not_learned_and_no_backlog(api: Api, user: str, client: TestClient) -> None:
    message_id = api.say(user, "I drink tea")
    api.file(receipt_for(api.rows.get(user, message_id), state="dead"))
    found = ask(client, user, message_id)

    assert (found["state"], found["learned"]) == ("dead", False)
    assert (found["unlearned"], found["oldest_unlearned_s"]) == (0, None)


def test_a_message_that_is_nobodys_is_404_at_once(
    api: Api, user: str, waiting: Waiting, client: TestClient
) -> None:
    deleted = api.say(user, "I drink tea")
    api.learn(user, deleted)
    api.client.delete(f"/v1/messages/{deleted}", params={"user_id": user})
    asked = [(user, 10**12), (new_user(), api.say(user, "a")), (new_user(), deleted)]
    answers = [client.get(f"/v1/users/{who}/freshness", params={"wait_for": each}) for who, each in asked]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert waiting.pauses == []


def test_without_a_message_the_backlog_comes_at_once(api: Api, user: str, client: TestClient) -> None:
    fresh = ask(client, user)
    api.say(user, "I drink tea")
    behind = ask(client, user)

    assert (fresh["learned"], fresh["unlearned"], fresh["message_id"], fresh["state"]) == (True, 0, None, None)
    assert (behind["learned"], behind["unlearned"]) == (False, 1)


def test_the_more_wait_the_longer_each_pauses_so_that_all_look_as_often_as_few(
    api: Api, user: str, waiting: Waiting
) -> None:
    message_id, many = api.say(user, "I drink tea"), 100

    async def ask_all() -> None:
        all_pause = asyncio.Event()

        async def sleep(seconds: float) -> None:
            await waiting.sleep(seconds)
            if len(waiting.pauses) == many:
                # It is over for all of them.
                waiting.at += timedelta(hours=1)
                all_pause.set()
            await all_pause.wait()

        freshness = Freshness(api.rows, api.store, waiting.clock, sleep)
        await asyncio.gather(*(freshness.wait(user, message_id, 3600) for _ in range(many)))
        assert many / min(waiting.pauses) <= 200

        waiting.pauses.clear()
        all_pause.set()
        await freshness.wait(user, message_id, 0.1)
        assert waiting.pauses[0] == pytest.approx(0.02)

    asyncio.run(asyncio.wait_for(ask_all(), 60))


def test_a_long_wait_takes_its_next_look_even_where_no_connection_is_free_at_that_moment(
    api: Api, mysql: MySql, user: str, waiting: Waiting
) -> None:
    message_id = api.say(user, "I drink tea")
    api.learn(user, message_id)

    async def ask_late() -> Look:
        with closing(Database(mysql.api, pool_size=1)) as database, patience.of_a_request(seconds=0):
            freshness = Freshness(Rows(database, clock=now), api.store, waiting.clock, waiting.sleep)
            with all_in_use(database):
                look = asyncio.create_task(freshness.wait(user, message_id, 60))
                backlog = asyncio.create_task(freshness.backlog(user))
                await asyncio.wait([look, backlog], timeout=0.2)
            assert (await backlog).unlearned == 0
            return await look

    assert asyncio.run(ask_late()).state == "learned"


def test_memories_that_come_back_within_the_wait_are_asked_again(
    api: Api, mysql: MySql, user: str, waiting: Waiting
) -> None:
    store = AwayStore()
    message_id = api.say(user, "I drink tea")

    def back(_pause: int) -> None:
        store.back = True
        Api(api.client, api.database, api.rows, store).learn(user, message_id)

    waiting.then = back
    settings = settings_for(mysql.api)
    with serving(settings, api.database, store, clock=waiting.clock, sleep=waiting.sleep) as client:
        assert ask(client, user, message_id)["state"] == "learned"


def test_memories_that_stay_away_make_it_503_at_the_time_out(
    api: Api, mysql: MySql, user: str, waiting: Waiting
) -> None:
    path, params = f"/v1/users/{user}/freshness", {"wait_for": api.say(user, "a"), "timeout": 5}
    settings = settings_for(mysql.api)
    with serving(settings, api.database, AwayStore(), clock=waiting.clock, sleep=waiting.sleep) as client:
        answers = [client.get(path, params=params), client.get(path)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert sum(waiting.pauses) == pytest.approx(5)


@pytest.mark.parametrize("query", ["timeout=61", "timeout=-1", "timeout=nan", "wait_for=", "waitfor=1"])
def test_a_wait_that_is_wrong_is_422(api: Api, user: str, query: str) -> None:
    assert api.client.get(f"/v1/users/{user}/freshness?{query}").status_code == 422


@pytest.mark.parametrize("name", ["a/b", "a/freshness", "..", "?#&", "日本 語"])
def test_users_of_any_name_can_be_asked_for(api: Api, user: str, name: str) -> None:
    who = f"{user}/{name}"
    message_id = api.say(who, "I drink tea")
    api.learn(who, message_id)

    assert ask(api.client, who, message_id)["learned"] is True
