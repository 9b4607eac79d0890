"""Requests are told by the template of their route, never by what stands in their address."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr

from chat_api.auth.admission import Admission
from chat_api.auth.key_ring import KeyRing
from chat_api.metering import Metered, Routed, Unmetered
from chat_api.web.gates import JsonGate, KeyGate
from tests.support.keys import KeptKeys
from tests.support.services import now

KEY = "oboegaki_test_0123456789"


class Noting(Unmetered):
    """A meter that keeps what it was told of requests."""

    def __init__(self) -> None:
        self.under_way = 0
        self.answers: list[tuple[str, str, int, float]] = []

    def came(self) -> None:
        self.under_way += 1

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.under_way -= 1
        self.answers.append((method, route, status, seconds))


@pytest.fixture
def meter() -> Noting:
    return Noting()


@pytest.fixture
def client(meter: Noting) -> TestClient:
    app = FastAPI()

    @app.get("/v1/users/{user_id:path}/profile")
    def profile(user_id: str) -> str:
        if user_id == "nobody":
            raise HTTPException(404)
        assert meter.under_way == 1
        return user_id

    ticks = iter(range(100))
    app.add_middleware(Routed)
    app.add_middleware(JsonGate)
    admission = Admission(SecretStr(KEY), KeyRing(KeptKeys(), now), now)
    app.add_middleware(KeyGate, admission=admission, open_to_all=())
    app.add_middleware(Metered, meter=meter, timer=lambda: next(ticks))
    return TestClient(app, headers={"Authorization": f"Bearer {KEY}"})


def test_a_request_is_told_once_with_its_template_status_and_duration(client: TestClient, meter: Noting) -> None:
    client.get("/v1/users/alice/home/profile")

    assert meter.answers == [("GET", "/v1/users/{user_id}/profile", 200, 1)]
    assert meter.under_way == 0


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda client: client.get("/v1/users/nobody/profile"), ("GET", "/v1/users/{user_id}/profile", 404)),
        (lambda client: client.get("/alice"), ("GET", "none", 404)),
        (lambda client: client.request("ALICE", "/alice"), ("other", "none", 404)),
        (
            lambda client: client.get("/v1/users/alice/profile", headers={"Authorization": "Bearer alice"}),
            ("GET", "none", 401),
        ),
    ],
)
def test_nothing_that_a_client_made_up_becomes_a_label(
    client: TestClient, meter: Noting, ask: Callable[[TestClient], Any], told: tuple[str, str, int]
) -> None:
    ask(client)

    assert [answer[:3] for answer in meter.answers] == [told]


def test_one_that_fails_or_whose_client_leaves_is_under_way_no_more(meter: Noting) -> None:
    async def leaves(*_: Any) -> Any:  # noqa: ANN401  what ASGI passes
        raise asyncio.CancelledError

    scope = {"type": "http", "method": "GET", "path": "/"}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Metered(leaves, meter)(scope, leaves, leaves))

    assert [answer[:3] for answer in meter.answers] == [("GET", "none", 499)]
    assert meter.under_way == 0
