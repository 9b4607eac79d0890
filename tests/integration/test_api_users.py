"""Users whose names look alike are different users, on every route (design, rule 12)."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.support.api import Api

ALIKE = [
    ("alice", "bob"),
    ("alice", "Alice"),
    ("ハハ", "パパ"),
    ("は", "ハ"),
    ("ア", "ｱ"),
    ("a", "ａ"),
    ("\u00e9", "e"),
    ("\u00e9", "e\u0301"),
    ("alice", "alice "),
    ("alice", "alice\t"),
]


@dataclass(frozen=True)
class Route:
    """A call in another user's name, and the status or the fields that show nothing of the first user."""

    method: str
    address: str
    expected: int | dict[str, Any]
    body: dict[str, Any] | None = None
    #: The body's field that names the user.
    named_by: str = "user_id"

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


NO_ERASURE = "00000000-0000-4000-8000-000000000000"

ROUTES = [
    Route("GET", "/v1/messages/{message_id}?user_id={user_id}", 404),
    Route("PATCH", "/v1/messages/{message_id}?user_id={user_id}", 404, {"content": "taken over"}),
    Route("DELETE", "/v1/messages/{message_id}?user_id={user_id}", 404),
    Route("GET", "/v1/conversations?user_id={user_id}", {"conversations": []}),
    Route("GET", "/v1/conversations/{conversation_id}/messages?user_id={user_id}", 404),
    Route("DELETE", "/v1/conversations/{conversation_id}?user_id={user_id}", 404),
    Route("GET", "/v1/memories?user_id={user_id}&query=tea", {"memories": [], "pending": []}),
    Route("GET", "/v1/memories?user_id={user_id}", {"memories": [], "pending": []}),
    Route("GET", "/v1/memories/{memory_id}?user_id={user_id}", 404),
    Route("GET", "/v1/memories/{memory_id}/why?user_id={user_id}", 404),
    Route("PATCH", "/v1/memories/{memory_id}?user_id={user_id}", 404, {"text": "taken over", "pinned": True}),
    Route("DELETE", "/v1/memories/{memory_id}?user_id={user_id}", 404),
    Route("POST", "/v1/memories", {"created": True}, {"text": "hi", "external_id": "x", "pinned": True}),
    Route("GET", "/v1/users/{user_id}", {"persona": None}),
    Route("PATCH", "/v1/users/{user_id}", {"persona": "Rude."}, {"persona": "Rude."}),
    Route("GET", "/v1/users/{user_id}/export", {"type": "end", "messages": 0, "memories": 0}),
    Route("GET", "/v1/users/{user_id}/profile", {"lines": [], "updated_at": None}),
    Route("GET", "/v1/users/{user_id}/freshness?wait_for={message_id}&timeout=0", 404),
    Route("GET", "/v1/users/{user_id}/freshness", {"unlearned": 0}),
    Route("DELETE", "/v1/users/{user_id}", {}),
    Route("GET", "/v1/erasures/{erasure_id}", 404),
    Route("POST", "/v1/messages", {"created": True}, {"role": "user", "content": "hi", "external_id": "x"}),
    Route(
        "POST",
        "/v1/chat",
        {"recalled": [], "pending": [], "profile": []},
        {"message": "tea?", "conversation_id": "c"},
    ),
    Route(
        "POST",
        "/v1/chat/completions",
        {"object": "chat.completion"},
        {"messages": [{"role": "user", "content": "tea?"}]},
        named_by="user",
    ),
]
#: What is about no user.
NOBODYS = ("/health", "/metrics", "/v1/admin", "/v1/models")


@dataclass(frozen=True)
class Known:
    """What the first user has."""

    message: int
    memory: str
    state: tuple[object, ...]


def known(api: Api, user: str) -> Known:
    message = api.say(user, "I drink tea", conversation_id="c", external_id="x")
    [memory] = api.learn(user, message)
    api.know(user, ("I drink tea", [message]))
    api.say(user, "I own a cat", conversation_id="c")
    return Known(message, memory, state(api, user))


def state(api: Api, user: str) -> tuple[object, ...]:
    """Everything the user can see."""
    found = api.recall(user, "tea")
    listed = api.client.get("/v1/conversations/c/messages", params={"user_id": user})
    address = f"/v1/users/{quote(user, safe='')}"
    told = [api.client.get(each).json() for each in (f"{address}/profile", address)]
    return found["memories"], found["pending"], listed.json(), *told


@pytest.mark.parametrize("route", ROUTES, ids=str)
@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_user_sees_and_touches_nothing_of_another_whose_name_looks_alike(
    api: Api, user: str, one: str, other: str, route: Route
) -> None:
    mine, theirs = f"{user}{one}", f"{user}{other}"
    before = known(api, mine)
    names: dict[str, object] = {"message_id": before.message, "memory_id": before.memory, "conversation_id": "c"}
    names["erasure_id"] = NO_ERASURE
    address = route.address.format(user_id=quote(theirs, safe=""), **names)
    body = {route.named_by: theirs, **(route.body or {})} if route.method == "POST" else route.body
    answer = api.client.request(route.method, address, json=body)

    # An export is a line of JSON for each thing that there is.
    shown = json.loads(answer.text.splitlines()[-1])
    wanted = {"status": route.expected} if isinstance(route.expected, int) else route.expected
    assert {field: shown[field] for field in wanted} == wanted
    assert "I drink tea" not in answer.text
    assert state(api, mine) == before.state


@pytest.mark.parametrize("word", ["export", "profile", "freshness", "exp%6Frt"])
def test_an_id_that_ends_like_a_route_is_an_id_and_not_another_users_route(api: Api, user: str, word: str) -> None:
    known(api, user)
    answer = api.client.get(f"/v1/users/{user}%2F{word}")
    own = api.client.get(f"/v1/users/{user}%2F{word}/export")

    assert answer.json()["user_id"] == f"{user}/{unquote(word)}"
    assert "I drink tea" not in answer.text + own.text
    assert json.loads(own.text.splitlines()[0])["user_id"] == f"{user}/{unquote(word)}"


def test_no_route_is_left_out(api: Api) -> None:
    described = api.client.get("/openapi.json").json()["paths"]
    there = {f"{method.upper()} {path}" for path, operations in described.items() for method in operations}
    tried = {str(route).partition("?")[0] for route in ROUTES}

    assert {each for each in there if not any(path in each for path in NOBODYS)} == tried
