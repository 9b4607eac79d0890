"""What stands around the routes: rates, the audit log, headers, origins; and that no secret is logged."""

import asyncio
import json
import logging
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from chat_api.app import create_app
from chat_api.auth import audit
from chat_api.auth.audit import Thinned
from chat_api.auth.audit_file import AuditFile
from chat_api.auth.callers import Caller
from chat_api.auth.rates import Rates
from chat_api.rows.database import Database
from chat_api.settings import Account, ApiSettings
from memory_store.fake import HashEmbedder
from tests.support.api import KEY, new_store
from tests.support.deadline import eventually, wait_until
from tests.support.services import free_ports
from tests.support.tokens import AUDIENCE, ISSUER, Issuer, publish

NOWHERE = Account("127.0.0.1", 1, "chat", "oboegaki_api", SecretStr("the-password-of-mysql"))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@contextmanager
def served(issuer: Issuer, folder: Path, **settings: Any) -> Iterator[TestClient]:  # noqa: ANN401  any setting
    """The API without a database, for the users of an identity provider."""
    made = ApiSettings(
        api_key=SecretStr(KEY),
        jwt_keys=str(publish(folder / "keys.json", issuer.public())),
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
        **settings,
    )
    with closing(Database(NOWHERE, pool_size=1)) as database:
        app = create_app(made, database=database, store=new_store(), embedder=HashEmbedder())
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_who_asks_too_often_is_told_when_to_come_back_and_nobody_else_is(issuer: Issuer, tmp_path: Path) -> None:
    one, other = bearer(issuer.token()), bearer(issuer.token(sub="taro"))
    with served(issuer, tmp_path, rate_limit="2/day") as client:
        found = [client.get("/openapi.json", headers=one) for _ in range(3)]
        others = [client.get("/openapi.json", headers=each).status_code for each in (other, bearer(KEY))]

    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert 1 <= int(found[2].headers["Retry-After"]) <= 86_400
    assert found[2].json()["title"] == "Too Many Requests"
    assert others == [200, 200]


def test_the_settings_own_key_and_health_are_not_limited(issuer: Issuer, tmp_path: Path) -> None:
    with served(issuer, tmp_path, rate_limit="1/day") as client:
        keyed = [client.get("/openapi.json", headers=bearer(KEY)).status_code for _ in range(3)]
        health = [client.get("/health/live").status_code for _ in range(3)]

    assert keyed == health == [200, 200, 200]


def test_without_a_limit_nobody_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    with served(issuer, tmp_path, rate_limit="none") as client:
        assert client.get("/openapi.json", headers=bearer(issuer.token())).status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"rate_limit": "many"}, {"rate_limit_storage": "memcached://x"}, {"jwt_keys": "alone.json"}]
)
def test_a_setting_that_means_nothing_is_named_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApiSettings(api_key=SecretStr(KEY), **wrong)


def test_while_redis_is_away_each_process_counts_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def counted() -> list[int]:
        rates = Rates("2/day", "redis://:the-password-of-redis@127.0.0.1:1/0")
        try:
            return [await rates.wait_s("k") for _ in range(3)]
        finally:
            await rates.close()

    first, second, third = asyncio.run(counted())
    assert (first, second) == (0, 0)
    assert third > 0
    assert "Redis is away" in caplog.text
    assert "the-password-of-redis" not in caplog.text


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="There is no redis-server on the PATH.")
def test_processes_that_share_a_redis_count_together(tmp_path: Path) -> None:
    [port] = free_ports(1)
    command = ["redis-server", "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log) as server:
        try:
            wait_until(lambda: "Ready to accept" in (tmp_path / "log").read_text())
            assert asyncio.run(_counted_together(f"redis://127.0.0.1:{port}/0")) == [0, 0, True]
        finally:
            server.terminate()


async def _counted_together(address: str) -> list[int]:
    one, other = Rates("2/day", address), Rates("2/day", address)
    try:
        counted = [await rates.wait_s("k") for rates in (one, other, one)]
        return [*counted[:2], counted[2] > 0]
    finally:
        await one.close()
        await other.close()


def test_one_users_flood_leaves_room_for_the_others(issuer: Issuer, tmp_path: Path) -> None:
    async def flooded(app: FastAPI) -> tuple[list[httpx.Response], int]:
        go_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            await go_on.wait()
            yield b"{}"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:

            def post(key: str) -> asyncio.Task[httpx.Response]:
                return asyncio.create_task(client.post("/v1/messages", content=slowly(), headers=bearer(key)))

            # Tokens of the same user are different keys; eight requests may be under way, of one user two.
            asked = [post(issuer.token(jti=str(number))) for number in range(8)]
            await eventually(lambda: sum(each.done() for each in asked) == 6)
            other = await client.get("/openapi.json", headers=bearer(issuer.token(sub="taro")))
            go_on.set()
            return [await each for each in asked], other.status_code

    with served(issuer, tmp_path, max_requests=8) as client:
        assert isinstance(client.app, FastAPI)
        answers, other = asyncio.run(flooded(client.app))

    assert sorted(answer.status_code for answer in answers) == [422] * 2 + [429] * 6
    assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 429} == {"2"}
    assert other == 200


def test_too_much_at_once_of_one_user_is_told_in_openais_shape_on_openais_path(
    issuer: Issuer, tmp_path: Path
) -> None:
    async def flooded(app: FastAPI) -> httpx.Response:
        go_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            await go_on.wait()
            yield b"{}"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            headers = bearer(issuer.token())
            asked = [
                asyncio.create_task(client.post("/v1/chat/completions", content=slowly(), headers=headers))
                for _ in range(2)
            ]
            await eventually(lambda: any(each.done() for each in asked))
            go_on.set()
            return next(each for each in await asyncio.gather(*asked) if each.status_code == 429)

    with served(issuer, tmp_path, max_requests_per_user=1) as client:
        assert isinstance(client.app, FastAPI)
        refused = asyncio.run(flooded(client.app))

    assert (refused.headers["Retry-After"], refused.headers["Content-Type"]) == ("2", "application/json")
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["message"].startswith("Too many requests of this user are under way.")


@pytest.mark.parametrize(
    ("settings", "requests", "replies"),
    [
        ({}, (500, 1500), (250, 750)),
        ({"max_requests": 1, "max_replies": 1}, (1, 1), (1, 1)),
        ({"max_requests_per_user": 1000, "max_requests_per_tenant": 9000}, (1000, 2000), (500, 1000)),
        ({"max_requests": 100, "max_requests_per_user": 1, "max_replies": 10}, (1, 75), (1, 8)),
    ],
)
def test_a_share_is_a_part_of_what_may_be_under_way_in_all(
    settings: dict[str, Any], requests: tuple[int, int], replies: tuple[int, int]
) -> None:
    made = ApiSettings(api_key=SecretStr(KEY), **settings)

    for most, shares in ((made.max_requests, requests), (made.max_replies, replies)):
        assert (made.of_user(most), made.of_tenant(most)) == shares


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The calls that the audit log tells."""
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == audit.LOGGER]


def test_each_call_is_told_with_who_what_whose_and_how_it_ended(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with served(issuer, tmp_path) as client:
        client.get("/v1/messages/7?user_id=hanako", headers=bearer(issuer.token()))
        client.get("/v1/messages/7?user_id=taro", headers=bearer(issuer.token()))
        client.get("/v1/admin/status", headers=bearer(KEY))
        client.get("/v1/nothing/4711", headers=bearer(KEY))
        client.get("/v1/messages/7?user_id=hanako")
        client.get("/health/live")

    keys = ["jwt:hanako", "jwt:hanako", "admin", "admin", None]
    routes = ["/v1/messages/{message_id}", "/v1/messages/{message_id}", "/v1/admin/status", None, None]
    users = ["hanako", "taro", None, None, None]
    assert [each["key"] for each in told(caplog)] == keys
    assert [each["route"] for each in told(caplog)] == routes
    assert [each["user"] for each in told(caplog)] == users
    assert [each["status"] for each in told(caplog)] == [503, 403, 200, 404, 401]
    assert {(each["method"], each["address"]) for each in told(caplog)} == {("GET", "testclient")}


def test_neither_keys_nor_passwords_nor_what_was_said_is_in_any_log(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token, unknown = issuer.token(), "oboegaki_" + "x" * 43
    with served(issuer, tmp_path, llm_api_key=SecretStr("the-key-of-the-model")) as client:
        for key in (KEY, token, unknown, token[:-4] + "AAAA", "nonsense-of-a-key"):
            body = {"user_id": "hanako", "role": "user", "content": "The safe opens with 4711."}
            client.post("/v1/messages", json=body, headers=bearer(key))
            client.post("/v1/messages", json={**body, "more": "4711"}, headers=bearer(key))
            client.get("/v1/memories?user_id=hanako&query=4711", headers=bearer(key))
            client.post("/v1/admin/keys", json={"kind": "admin"}, headers=bearer(key))

    assert len(told(caplog)) == 20
    # The test's own client tells the addresses that it calls.
    ours = "\n".join(each.getMessage() for each in caplog.records if not each.name.startswith("httpx"))
    for secret in (
        KEY,
        token,
        unknown,
        "nonsense-of-a-key",
        "the-password-of-mysql",
        "the-key-of-the-model",
        "4711",
    ):
        assert secret not in ours


def test_who_has_no_key_cannot_push_the_others_out_of_the_audit_log(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with served(issuer, tmp_path) as client:
        for _ in range(200):
            client.get("/v1/messages/7?user_id=hanako")

    lines = told(caplog)
    # A minute may end meanwhile.
    assert 60 <= len([each for each in lines if "more" not in each]) <= 120
    assert sum(each.get("more", 1) for each in lines) == 200


def test_a_key_that_asks_too_often_cannot_push_the_others_out_of_the_audit_log(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with served(issuer, tmp_path, rate_limit="2/day") as client:
        for _ in range(50):
            client.get("/openapi.json", headers=bearer(issuer.token()))

    refused = [each for each in told(caplog) if each["status"] == 429]
    # One in each minute, of which another may begin meanwhile; what is counted last is told at the end.
    assert 1 <= len([each for each in refused if "more" not in each]) <= 2
    assert sum(each.get("more", 1) for each in refused) == 48
    assert {each["key"] for each in refused} == {"jwt:hanako"}


def test_what_is_but_counted_of_a_minute_is_told_by_the_first_call_of_another() -> None:
    seconds = 30.0
    one, other = Caller("k", "admin"), Caller("j", "admin")
    thinned = Thinned(lambda: seconds)
    list(thinned.over())
    assert [thinned.tells(one, 429) for _ in range(3)] == [True, False, False]
    assert [thinned.tells(caller, status) for caller, status in ((one, 200), (other, 429))] == [True, True]
    assert list(thinned.over()) == []

    seconds = 61.0
    assert list(thinned.over()) == [{"key": "k", "status": 429, "more": 2}]
    assert list(thinned.over()) == []
    assert thinned.tells(one, 429)


def test_the_audit_log_tells_what_a_call_was_about_by_its_ids(
    issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    paths = {
        "/v1/messages/7?user_id=hanako": {"message_id": "7"},
        "/v1/conversations/a%1B%22%E8%8C%B6/messages?user_id=hanako": {"conversation_id": 'a\x1b"茶'},
        "/v1/users/shop%2Fhanako/profile": {"user_id": "shop/hanako"},
        f"/v1/models/{'x' * 1000}": {"model_id": "x" * 255 + "…"},
        # No id, and no route: whatever somebody typed.
        "/v1/messages/tea?user_id=hanako": {},
        "/v1/nothing/tea": {},
        # Somebody took the key for its id.
        f"/v1/models/oboegaki_{'x' * 43}": {"model_id": "(a key)"},
        f"/v1/models/{KEY}": {"model_id": "(a key)"},
    }
    with served(issuer, tmp_path) as client:
        for path in paths:
            client.get(path, headers=bearer(KEY))

    assert [each["ids"] for each in told(caplog)] == list(paths.values())
    lines = [record.getMessage() for record in caplog.records if record.name == audit.LOGGER]
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_the_audit_log_is_lines_of_json_in_a_file_of_its_own(tmp_path: Path) -> None:
    with closing(AuditFile(tmp_path / "logs" / "audit.log")):
        logging.getLogger(audit.LOGGER).info("%s", json.dumps({"key": "k"}))

    assert (tmp_path / "logs" / "audit.log").read_text() == '{"key": "k"}\n'


def test_a_disk_that_takes_nothing_holds_no_call_up_and_what_is_lost_by_it_is_told(tmp_path: Path) -> None:
    log, path = logging.getLogger(audit.LOGGER), tmp_path / "audit.log"
    # Opening it waits until somebody reads.
    os.mkfifo(path)
    written = AuditFile(path, most_waiting=2)
    for number in range(10):
        log.info("%s", json.dumps({"number": number}))
    with path.open() as disk:
        written.close()
        lines = [json.loads(line) for line in disk]

    kept = [each["number"] for each in lines if "number" in each]
    assert kept == list(range(len(kept)))
    # One may be taken from those that wait before the disk is.
    assert len(kept) in (2, 3)
    assert sum(each.get("dropped", 1) for each in lines) == 10


@pytest.mark.parametrize(("path", "status"), [("/health/live", 200), ("/openapi.json", 401), ("/health/no", 401)])
def test_every_answer_tells_browsers_to_make_nothing_of_it(
    issuer: Issuer, tmp_path: Path, path: str, status: int
) -> None:
    with served(issuer, tmp_path) as client:
        answer = client.get(path)

    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("set_to", "origin", "allowed"),
    [
        ("", "https://chat.example", False),
        ("https://chat.example, https://other.example/", "https://other.example", True),
        ("https://chat.example", "https://evil.example", False),
    ],
)
def test_no_page_of_another_origin_may_call_unless_it_is_set(
    issuer: Issuer, tmp_path: Path, set_to: str, origin: str, allowed: bool
) -> None:
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    with served(issuer, tmp_path, cors_origins=set_to) as client:
        before = client.options(
            "/v1/messages", headers={**asks, "Access-Control-Request-Headers": "authorization"}
        )
        refused = client.get("/v1/messages/7?user_id=hanako", headers={"Origin": origin})

    for answer in (before, refused):
        assert ("Access-Control-Allow-Origin" in answer.headers) == allowed
    assert refused.status_code == 401
    assert "Access-Control-Allow-Credentials" not in refused.headers
    exposed = refused.headers.get("Access-Control-Expose-Headers", "").split(", ")
    told = {"Erasure-Id", "Idempotency-Replayed", "Retry-After", "X-Oboegaki-Conversation", "X-Oboegaki-Message"}
    assert (set(exposed) == told) == bool(set_to)
