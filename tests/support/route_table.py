"""Every route of the API with who may call it.

A new route needs a line here: without one `test_every_route_is_in_the_table` fails. The line is then tried with
every kind of key. Say who may call it:

- `OPEN`: everybody, without a key
- `ANY`: whoever has a key
- `NAMED`: whoever's key may name the user; put `USER` where the user's id goes, `{user_id}` in the path
- `HIDDEN`: the same, but to others it is as if it were not there
- `BOUND`: whoever's key is bound to a user, as it is about that one whoever is named; else as `NAMED`
- `ADMIN`: admins only
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

Who = Literal["open", "any", "named", "hidden", "bound", "admin"]
OPEN: Who = "open"
ANY: Who = "any"
NAMED: Who = "named"
HIDDEN: Who = "hidden"
BOUND: Who = "bound"
ADMIN: Who = "admin"

#: Stands for the id of the user that is named.
USER = "<the user's id>"


@dataclass(frozen=True)
class Entry:
    """A route, who may call it, and a call that it takes."""

    method: str
    path: str
    who: Who
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def call(self, user: str, ids: Mapping[str, object]) -> dict[str, Any]:
        """The call in a user's name, as httpx takes it; `ids` fill in what else stands in the path."""
        parts = {name: quote(str(value), safe="") for name, value in {**ids, "user_id": user}.items()}
        return {
            "method": self.method,
            "url": self.path.replace(":path}", "}").format(**parts),
            "params": _for(user, self.query),
            "json": None if self.body is None else _for(user, self.body),
            "headers": dict(self.headers),
        }


ROUTES = [
    Entry("GET", "/health/live", OPEN),
    Entry("GET", "/health/ready", OPEN),
    Entry("GET", "/openapi.json", ANY),
    Entry("POST", "/v1/messages", NAMED, body={"user_id": USER, "role": "user", "content": "hi"}),
    Entry("GET", "/v1/messages/{message_id}", NAMED, {"user_id": USER}),
    Entry("PATCH", "/v1/messages/{message_id}", NAMED, {"user_id": USER}, {"content": "I drink milk"}),
    Entry("DELETE", "/v1/messages/{message_id}", NAMED, {"user_id": USER}),
    Entry("GET", "/v1/conversations", NAMED, {"user_id": USER}),
    Entry("GET", "/v1/conversations/{conversation_id:path}/messages", NAMED, {"user_id": USER}),
    Entry("DELETE", "/v1/conversations/{conversation_id:path}", NAMED, {"user_id": USER}),
    Entry("GET", "/v1/memories", NAMED, {"user_id": USER, "query": "tea"}),
    Entry("POST", "/v1/memories", NAMED, body={"user_id": USER, "text": "I like tea", "pinned": False}),
    Entry("GET", "/v1/memories/{memory_id}", NAMED, {"user_id": USER}),
    Entry("GET", "/v1/memories/{memory_id}/why", NAMED, {"user_id": USER}),
    Entry("PATCH", "/v1/memories/{memory_id}", NAMED, {"user_id": USER}, {"metadata": {"a": "b"}}),
    Entry("DELETE", "/v1/memories/{memory_id}", NAMED, {"user_id": USER}),
    Entry("GET", "/v1/users/{user_id:path}/profile", NAMED),
    Entry("GET", "/v1/users/{user_id:path}/freshness", NAMED, {"wait_for": 1, "timeout": 0}),
    Entry("GET", "/v1/users/{user_id:path}/export", NAMED),
    Entry("GET", "/v1/users/{user_id:path}", NAMED),
    Entry("PATCH", "/v1/users/{user_id:path}", NAMED, body={"recall": "auto"}),
    Entry("DELETE", "/v1/users/{user_id:path}", NAMED),
    Entry("GET", "/v1/erasures/{erasure_id}", HIDDEN),
    Entry("POST", "/v1/chat", NAMED, body={"user_id": USER, "message": "tea?"}),
    Entry(
        "POST",
        "/v1/chat/completions",
        BOUND,
        body={"user": USER, "messages": [{"role": "user", "content": "tea?"}]},
    ),
    Entry("GET", "/v1/models", ANY),
    Entry("GET", "/v1/models/{model_id:path}", ANY),
    Entry("GET", "/metrics", ADMIN),
    Entry("GET", "/v1/admin/messages/{message_id}", ADMIN),
    Entry("POST", "/v1/admin/verify", ADMIN),
    Entry("GET", "/v1/admin/status", ADMIN),
    Entry("POST", "/v1/admin/keys", ADMIN, body={"kind": "user", "bound_to": "somebody"}),
    Entry("GET", "/v1/admin/keys", ADMIN),
    Entry("DELETE", "/v1/admin/keys/{key_id}", ADMIN),
]


def _for(user: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: user if value is USER else value for name, value in values.items()}
