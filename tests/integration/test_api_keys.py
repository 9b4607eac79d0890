"""Who may do what: every route with every kind of key, and what a refusal tells."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import Response  # what the test client answers with

from chat_api.auth import audit
from chat_api.auth.key_ring import KeyRing
from chat_api.auth.key_rows import MySqlKeyRows
from chat_api.auth.keys import NewKey
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from tests.support.api import KEY, Api, MySql, gone, new_store, new_user, serving, session, settings_for
from tests.support.route_table import ROUTES, Entry
from tests.support.services import now
from tests.support.tokens import AUDIENCE, ISSUER, Issuer, publish

#: What a kind of key may do: nothing, be let in where any key is, name the user as well, or everything.
STRANGER, ANYBODY, NAMING, ADMIN = range(4)
KINDS = {
    "no key": STRANGER,
    "a wrong key": STRANGER,
    "a key of a form that none has": STRANGER,
    "a revoked key": STRANGER,
    "an expired key": STRANGER,
    "a token of another issuer's": STRANGER,
    "another user's token": ANYBODY,
    "the user's own token": NAMING,
    "another user's key": ANYBODY,
    "the key of a user whose name begins alike": ANYBODY,
    "another tenant's key": ANYBODY,
    "the key of a tenant whose name begins alike": ANYBODY,
    "the user's own key": NAMING,
    "their tenant's key": NAMING,
    "an admin's key": ADMIN,
    "the settings' admin key": ADMIN,
}
FORGETS = ("DELETE", "/v1/users/{user_id:path}")
NEEDED = {"open": STRANGER, "any": ANYBODY, "named": NAMING, "admin": ADMIN}


@dataclass
class House:
    """The API, a user of a tenant, and a key of each kind."""

    api: Api
    ring: KeyRing
    tenant: str
    user: str
    issuer: Issuer
    ids: dict[str, str | int] = field(default_factory=dict)
    sent: dict[str, str | None] = field(default_factory=dict)

    def call(self, entry: Entry, kind: str, user: str | None = None, **ids: object) -> Response:
        """The answer of a route to a kind of key, in the user's name or another's."""
        call = entry.call(user or self.user, {**self.ids, **ids})
        headers = {**call.pop("headers"), **self.headers(kind)}
        return self.api.client.request(**call, headers=headers)

    def headers(self, kind: str) -> dict[str, str]:
        """What a kind of key is sent as."""
        key = self.sent[kind]
        return {"Authorization": "" if key is None else f"Bearer {key}"}

    def fill(self) -> None:
        """Something of the user's to be read, changed and deleted."""
        message = self.api.say(self.user, "I drink tea", conversation_id="c", external_id=str(uuid4()))
        [memory] = self.api.learn(self.user, message)
        gone = self.api.client.delete(
            f"/v1/messages/{self.api.say(self.user, 'I drink milk')}", params={"user_id": self.user}
        )
        key, _ = self.ring.create(NewKey("user", "somebody"))
        self.ids = {
            "message_id": message,
            "memory_id": memory,
            "conversation_id": "c",
            "key_id": key.key_id,
            "erasure_id": gone.headers["Erasure-Id"],
            "model_id": "oboegaki",
        }

    def make_keys(self) -> None:
        """A key of each kind."""

        def made(kind: Any, bound_to: str | None, **more: Any) -> str:  # noqa: ANN401  a NewKey's
            return self.ring.create(NewKey(kind, bound_to, **more))[1]

        revoked, text = self.ring.create(NewKey("user", self.user))
        self.ring.revoke(revoked.key_id)
        self.sent = {
            "no key": None,
            "a wrong key": "oboegaki_" + "x" * 43,
            "a key of a form that none has": "oboegaki_x",
            "a revoked key": text,
            "an expired key": made("admin", None, expires_at=now() - timedelta(seconds=1)),
            "a token of another issuer's": Issuer().token(sub=self.user),
            "another user's token": self.issuer.token(sub=f"{self.tenant}/somebody-else"),
            "the user's own token": self.issuer.token(sub=self.user),
            "another user's key": made("user", f"{self.tenant}/somebody-else"),
            "the key of a user whose name begins alike": made("user", self.user[:-1]),
            "another tenant's key": made("tenant", "another"),
            "the key of a tenant whose name begins alike": made("tenant", self.tenant[:-1]),
            "the user's own key": made("user", self.user),
            "their tenant's key": made("tenant", self.tenant),
            "an admin's key": made("admin", None),
            "the settings' admin key": KEY,
        }


@pytest.fixture(scope="module")
def house(
    mysql: MySql, database: Database, rows: Rows, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    issuer = Issuer()
    published = publish(tmp_path_factory.mktemp("provider") / "keys.json", issuer.public())
    provider = {"jwt_keys": str(published), "jwt_audience": AUDIENCE, "jwt_issuer": ISSUER}
    store = new_store()
    tenant = f"tenant-{uuid4()}"
    with serving(settings_for(mysql.api, **provider), database, store) as client:
        ring = KeyRing(MySqlKeyRows(database), now)
        made = House(Api(client, database, rows, store), ring, tenant, f"{tenant}/hanako", issuer)
        made.make_keys()
        made.fill()
        yield made


def expected(entry: Entry, kind: str) -> int | None:
    """The status of a refusal; None where the key is let in."""
    if KINDS[kind] >= NEEDED[entry.who]:
        return None
    return 401 if KINDS[kind] == STRANGER else entry.refused


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entry", ROUTES, ids=str)
def test_every_route_lets_in_who_may_and_nobody_else(house: House, entry: Entry, kind: str) -> None:
    if "{" in entry.path and expected(entry, kind) is None:
        house.fill()
    answer = house.call(entry, kind)
    if (entry.method, entry.path) == FORGETS:
        # The keys that are bound to the user are revoked with it.
        house.make_keys()
    refused = answer.status_code if answer.status_code in {401, 403, entry.refused} else None

    assert refused == expected(entry, kind), answer.text
    if refused is None:
        assert answer.is_success or entry.path in NOT_HERE, answer.text
    else:
        assert answer.json().get("status", refused) == refused
        assert "tea" not in answer.text
        assert ("WWW-Authenticate" in answer.headers) == (refused == 401)


#: Answers 503 in a process that learns nothing, and 404 for the message that is not there.
NOT_HERE = ("/v1/admin/verify", "/v1/users/{user_id:path}/freshness")


def test_every_route_is_in_the_table(house: House) -> None:
    app = house.api.client.app
    assert isinstance(app, FastAPI)
    there = {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }

    assert {str(entry) for entry in ROUTES} == there
    assert len(there) > 15


NAMED = [entry for entry in ROUTES if entry.who == "named"]
WITH_IDS = [entry for entry in NAMED if "message_id" in str(entry) or "memory_id" in str(entry)]


def told(answer: Response) -> tuple[object, ...]:
    return answer.status_code, answer.text, {name: at for name, at in answer.headers.items() if name != "date"}


@pytest.mark.parametrize("entry", NAMED, ids=str)
def test_a_refusal_is_the_same_whether_that_user_is_there_or_not(house: House, entry: Entry) -> None:
    house.fill()
    there = house.call(entry, "another user's key")
    nobody = house.call(entry, "another user's key", user=f"{house.tenant}/nobody", message_id=2**62)

    assert there.status_code == entry.refused
    assert told(there) == told(nobody)


@pytest.mark.parametrize("entry", WITH_IDS, ids=str)
def test_an_id_of_another_users_is_answered_as_one_that_is_not_there(house: House, entry: Entry) -> None:
    house.fill()
    mine = f"{house.tenant}/somebody-else"
    theirs = house.call(entry, "another user's key", user=mine)
    none = house.call(entry, "another user's key", user=mine, message_id=2**62, memory_id=uuid4())

    assert theirs.status_code == 404
    assert told(theirs) == told(none)


def test_a_completion_is_about_whom_the_key_may_name_and_nobody_else(house: House) -> None:
    asked = {"user": house.user, "messages": [{"role": "user", "content": "only mine to say"}]}
    answers = {
        kind: house.api.client.post("/v1/chat/completions", json=asked, headers=house.headers(kind))
        for kind in ("another tenant's key", "another user's key")
    }

    assert [answer.status_code for answer in answers.values()] == [403, 200]
    exported = house.api.client.get(f"/v1/users/{house.tenant}%2Fhanako/export").text
    assert "only mine to say" not in exported
    theirs = house.api.client.get(f"/v1/users/{house.tenant}%2Fsomebody-else/export").text
    assert "only mine to say" in theirs


def test_waiting_for_another_users_message_ends_at_once_as_for_none(house: House) -> None:
    house.fill()
    mine = f"/v1/users/{house.tenant}%2Fsomebody-else/freshness"
    headers = house.headers("another user's key")
    answers = [
        house.api.client.get(mine, params={"wait_for": wanted, "timeout": 60}, headers=headers)
        for wanted in (house.ids["message_id"], 2**62)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_who_asks_for_another_users_message_does_not_wait_while_it_is_written(
    house: House, mysql: MySql, method: str
) -> None:
    house.fill()
    [entry] = [each for each in WITH_IDS if str(each) == f"{method} /v1/messages/{{message_id}}"]
    with session(mysql.root) as writing:
        writing.cmd_query("BEGIN")
        cursor = writing.cursor()
        cursor.execute("UPDATE messages SET content = 'tea' WHERE id = %s", (house.ids["message_id"],))
        # To wait for the lock would end in 503.
        answer = house.call(entry, "another user's key", user=f"{house.tenant}/somebody-else")

    assert answer.status_code == 404


def test_names_of_another_user_are_free_and_tell_nothing(house: House) -> None:
    house.api.say(house.user, "I drink tea", conversation_id="named", external_id="taken")
    headers = house.headers("another user's key")
    said = {"user_id": f"{house.tenant}/somebody-else", "role": "user", "content": "milk"}
    answer = house.api.client.post(
        "/v1/messages", json={**said, "external_id": "taken", "conversation_id": "named"}, headers=headers
    )

    assert answer.status_code == 201
    assert answer.json()["created"]


def test_a_cursor_of_another_users_shows_ones_own_only(house: House) -> None:
    for conversation in ("one", "two", "three"):
        house.api.say(house.user, "I drink tea", conversation_id=conversation)
    client, mine = house.api.client, {"user_id": f"{house.tenant}/somebody-else"}
    cursor = client.get("/v1/conversations", params={"user_id": house.user, "limit": 1}).json()["cursor"]
    own = client.get("/v1/conversations", params=mine).json()["conversations"]
    found = client.get("/v1/conversations", params={**mine, "cursor": cursor}).json()["conversations"]

    assert all(each in own for each in found)


def test_a_key_is_shown_once_works_at_once_and_is_refused_once_it_is_revoked(house: House) -> None:
    client = house.api.client
    asked = {"kind": "tenant", "bound_to": house.tenant, "label": "the shop", "trusts_user_header": True}
    made = client.post("/v1/admin/keys", json=asked)
    key = made.json().pop("key")
    url, mine = f"/v1/conversations?user_id={house.user}", {"Authorization": f"Bearer {key}"}

    assert made.status_code == 201
    assert client.get(url, headers=mine).status_code == 200
    listed = client.get("/v1/admin/keys", params={"limit": 1000})
    [shown] = [each for each in listed.json()["keys"] if each["key_id"] == made.json()["key_id"]]
    assert {name: shown[name] for name in asked} == asked
    assert shown["last_used_at"] is not None
    assert key not in listed.text

    assert client.delete(f"/v1/admin/keys/{shown['key_id']}").json()["revoked_at"] is not None
    assert client.get(url, headers=mine).status_code == 401


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "user"}, "bound_to"),
        ({"kind": "user", "bound_to": ""}, "bound_to"),
        ({"kind": "user", "bound_to": "a", "trusts_user_header": True}, "trusts_user_header"),
        ({"kind": "tenant", "bound_to": "acme/"}, "bound_to"),
        ({"kind": "admin", "bound_to": "a"}, "bound_to"),
        ({"kind": "root"}, "body"),
        ({"kind": "admin", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_a_key_that_would_not_be_what_was_meant_is_not_made(
    house: House, asked: dict[str, object], field: str
) -> None:
    answer = house.api.client.post("/v1/admin/keys", json=asked)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_with_the_database_away_a_key_that_cannot_be_looked_up_is_not_called_wrong(
    house: House, mysql: MySql
) -> None:
    with (
        closing(Database(gone(mysql.api), pool_size=1)) as away,
        serving(settings_for(mysql.api), away, new_store()) as client,
    ):
        unknown = client.get("/openapi.json", headers=house.headers("the user's own key"))
        admin = client.get("/openapi.json")

    assert (unknown.status_code, admin.status_code) == (503, 200)
    assert "Retry-After" in unknown.headers


def test_the_audit_log_tells_whose_it_was_where_the_address_does_not(
    api: Api, mysql: MySql, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, audit.LOGGER)

    def told() -> tuple[Any, Any]:
        last = json.loads([each for each in caplog.records if each.name == audit.LOGGER][-1].getMessage())
        return last["user"], last["ids"]

    def verified(_user: str | None, _repair: bool) -> Iterator[dict[str, Any]]:
        yield {"report": {}}

    made = api.client.post("/v1/admin/keys", json={"kind": "user", "bound_to": user}).json()
    assert told() == (user, {"key_id": made["key_id"]})
    of_tenant = api.client.post("/v1/admin/keys", json={"kind": "tenant", "bound_to": f"t-{user}"}).json()
    assert told() == (None, {"key_id": of_tenant["key_id"], "tenant": f"t-{user}"})

    completion = {"model": "oboegaki", "messages": [{"role": "user", "content": "I drink tea"}]}
    own = {"Authorization": f"Bearer {made['key']}"}
    assert api.client.post("/v1/chat/completions", json=completion, headers=own).status_code == 200
    assert told() == (user, {})
    erasure = api.client.delete(f"/v1/users/{new_user()}").json()["erasure_id"]
    other, _ = told()
    api.client.get(f"/v1/erasures/{erasure}")
    assert told() == (other, {"erasure_id": erasure})
    assert api.client.get(f"/v1/erasures/{erasure}", headers=own).status_code == 404
    assert told() == (other, {"erasure_id": erasure})
    with serving(settings_for(mysql.api), api.database, api.store, verify=verified) as client:
        client.post("/v1/admin/verify", params={"user_id": user})
    assert told() == (user, {})

    api.client.delete(f"/v1/admin/keys/{made['key_id']}")
    assert told() == (user, {"key_id": made["key_id"]})


def test_a_tenants_flood_is_bounded_over_all_its_keys_and_an_admins_is_not(api: Api, mysql: MySql) -> None:
    tenant = f"t-{uuid4()}"
    kinds: list[dict[str, str]] = [*[{"kind": "tenant", "bound_to": tenant}] * 2, {"kind": "admin"}]
    one, other, admin = (api.client.post("/v1/admin/keys", json=each).json()["key"] for each in kinds)
    settings = settings_for(mysql.api, max_requests=8, max_requests_per_tenant=2, max_requests_per_user=1)

    async def flooded(app: FastAPI, *keys: str) -> list[int]:
        entered, go_on = asyncio.Semaphore(0), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            entered.release()
            await go_on.wait()
            yield b"{}"

        async def post(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            answer = await client.post("/v1/messages", content=slowly(), headers=headers)
            entered.release()
            return answer.status_code

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            asked = [asyncio.create_task(post(key)) for key in keys]
            for _ in keys:
                # It is under way, or refused.
                await entered.acquire()
            go_on.set()
            return sorted(await asyncio.gather(*asked))

    async def both(app: FastAPI) -> tuple[list[int], list[int]]:
        return await flooded(app, one, other, one, other), await flooded(app, admin, admin, KEY, KEY)

    with serving(settings, api.database, api.store) as client:
        assert isinstance(client.app, FastAPI)
        told, of_admins = asyncio.run(asyncio.wait_for(both(client.app), 60))

    assert told == [422, 422, 429, 429]
    assert of_admins == [422] * 4
