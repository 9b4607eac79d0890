"""The examples of docs/api.md, in an order in which they can be run one after the other.

A new route needs one here: without it `test_every_route_has_an_example` fails.
`test_every_example_is_answered_as_the_page_says` runs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """A call as it is typed, and how it is answered."""

    #: As the OpenAPI document has it.
    route: str
    call: str
    status: int = 200
    #: Variables of the shell for later examples, each with where the answer has it.
    keeps: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.route} {self.status}"


EXAMPLES = [
    Example("GET /health/live", "call $URL/health/live"),
    Example("GET /health/ready", "call $URL/health/ready"),
    Example(
        "POST /v1/messages",
        'call $URL/v1/messages -d \'{"user_id": "hanako", "role": "user", "content": "I drink tea.", '
        '"conversation_id": "diary", "external_id": "diary-1", "created_at": "2026-03-02T09:00:00+09:00"}\'',
        201,
        {"MESSAGE": "message_id"},
    ),
    Example(
        "POST /v1/messages",
        'call $URL/v1/messages -d \'{"user_id": "hanako", "messages": ['
        '{"role": "user", "content": "I have a dog.", "metadata": {"topic": "pets"}}, '
        '{"role": "assistant", "content": "What is its name?"}]}\'',
        201,
    ),
    Example("GET /v1/messages/{message_id}", 'call "$URL/v1/messages/$MESSAGE?user_id=hanako"'),
    Example(
        "PATCH /v1/messages/{message_id}",
        'call -X PATCH "$URL/v1/messages/$MESSAGE?user_id=hanako" -d \'{"content": "I drink green tea."}\'',
    ),
    Example(
        "GET /v1/users/{user_id}/freshness",
        'call "$URL/v1/users/hanako/freshness?wait_for=$MESSAGE&timeout=30"',
    ),
    Example("GET /v1/conversations", 'call "$URL/v1/conversations?user_id=hanako&limit=20"'),
    Example(
        "GET /v1/conversations/{conversation_id}/messages",
        'call "$URL/v1/conversations/diary/messages?user_id=hanako"',
    ),
    Example(
        "GET /v1/memories",
        "call -G $URL/v1/memories -d user_id=hanako -d limit=5 --data-urlencode 'query=green tea?'",
        keeps={"MEMORY": "memories.0.id"},
    ),
    Example(
        "GET /v1/memories",
        'call "$URL/v1/memories?user_id=hanako&since=2026-03-01T00:00:00Z&metadata.topic=pets"',
    ),
    Example(
        "POST /v1/memories",
        'call $URL/v1/memories -d \'{"user_id": "hanako", "text": "I am allergic to nuts.", "pinned": true}\'',
        201,
    ),
    Example("GET /v1/memories/{memory_id}", 'call "$URL/v1/memories/$MEMORY?user_id=hanako"'),
    Example("GET /v1/memories/{memory_id}/why", 'call "$URL/v1/memories/$MEMORY/why?user_id=hanako"'),
    Example(
        "PATCH /v1/memories/{memory_id}",
        'call -X PATCH "$URL/v1/memories/$MEMORY?user_id=hanako" -d \'{"pinned": true}\'',
    ),
    Example(
        "PATCH /v1/memories/{memory_id}",
        'call -X PATCH "$URL/v1/memories/$MEMORY?user_id=hanako" -d \'{"text": "I drink black tea."}\'',
        keeps={"MEMORY": "id"},
    ),
    Example("GET /v1/users/{user_id}/profile", "call $URL/v1/users/hanako/profile"),
    Example("GET /v1/users/{user_id}", "call $URL/v1/users/hanako"),
    Example(
        "PATCH /v1/users/{user_id}",
        'call -X PATCH $URL/v1/users/hanako -d \'{"timezone": "Asia/Tokyo", "recall": "always", '
        '"persona": "Answer in one sentence."}\'',
    ),
    Example(
        "POST /v1/chat",
        'call $URL/v1/chat -H \'Idempotency-Key: 7f1c\' -d \'{"user_id": "hanako", "message": '
        '"What do I drink?", "conversation_id": "diary"}\'',
    ),
    Example(
        "POST /v1/chat",
        'call -N $URL/v1/chat -d \'{"user_id": "hanako", "message": "What do I drink?", "stream": true}\'',
    ),
    Example(
        "POST /v1/chat/completions",
        'call $URL/v1/chat/completions -d \'{"user": "hanako", "messages": ['
        '{"role": "user", "content": "What do I drink?"}]}\'',
    ),
    Example(
        "POST /v1/chat/completions",
        'call -N $URL/v1/chat/completions -H \'X-Oboegaki-Conversation: diary\' -d \'{"user": "hanako", '
        '"stream": true, "messages": [{"role": "user", "content": "What do I drink?"}]}\'',
    ),
    Example("GET /v1/models", "call $URL/v1/models", keeps={"MODEL": "data.0.id"}),
    Example("GET /v1/models/{model_id}", "call $URL/v1/models/$MODEL"),
    Example("GET /v1/users/{user_id}/export", "call $URL/v1/users/hanako/export"),
    Example("GET /v1/admin/messages/{message_id}", "call $URL/v1/admin/messages/$MESSAGE"),
    Example("POST /v1/admin/verify", 'call -X POST "$URL/v1/admin/verify?user_id=hanako"'),
    Example("GET /v1/admin/status", "call $URL/v1/admin/status"),
    Example(
        "POST /v1/admin/keys",
        'call $URL/v1/admin/keys -d \'{"kind": "user", "bound_to": "hanako", "label": "the phone"}\'',
        201,
        {"KEY_ID": "key_id"},
    ),
    Example("GET /v1/admin/keys", "call $URL/v1/admin/keys"),
    Example("DELETE /v1/admin/keys/{key_id}", "call -X DELETE $URL/v1/admin/keys/$KEY_ID"),
    Example("GET /metrics", "call $URL/metrics"),
    Example("DELETE /v1/memories/{memory_id}", 'call -X DELETE "$URL/v1/memories/$MEMORY?user_id=hanako"', 204),
    Example("DELETE /v1/messages/{message_id}", 'call -X DELETE "$URL/v1/messages/$MESSAGE?user_id=hanako"', 204),
    Example(
        "DELETE /v1/conversations/{conversation_id}",
        'call -X DELETE "$URL/v1/conversations/diary?user_id=hanako"',
        keeps={"ERASURE": "erasure_id"},
    ),
    Example("GET /v1/erasures/{erasure_id}", "call $URL/v1/erasures/$ERASURE"),
    Example("DELETE /v1/users/{user_id}", "call -X DELETE $URL/v1/users/hanako", 202),
]
