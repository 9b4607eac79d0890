"""What docs/api.md says, made from the app's OpenAPI document: `python -m tests.docs.api_page > docs/api.md`."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import SecretStr

from chat_api.app import create_app
from chat_api.rows.database import Database
from chat_api.settings import ApiSettings
from memory_store.fake import FakeStore, HashEmbedder
from tests.docs.api_examples import EXAMPLES

Schema = Mapping[str, Any]

_INTRODUCTION = """\
# The HTTP API

This page is made from the OpenAPI document of the API, which is at `GET /openapi.json`, by
`python -m tests.docs.api_page > docs/api.md`. Each example is run by
`test_every_example_is_answered_as_the_page_says`. They are typed in the project's folder, with

```bash
URL=http://127.0.0.1:8420
KEY=$(python3 -c 'import json; print(json.load(open(".oboegaki/secrets.json"))["api_key"])')
call() { curl -s -H "Authorization: Bearer $KEY" "$@"; echo; }
```

and `$MESSAGE`, `$MEMORY`, `$ERASURE`, `$KEY_ID` and `$MODEL` set to ids that earlier answers gave.

## Authentication

Every call but those of health needs the header `Authorization: Bearer <key>`, with the admin key of the
settings, a key that `POST /v1/admin/keys` or `oboegaki keys create` made, or a token of an identity provider
([README](../README.md#keys)). A key names one user, the users of a tenant, or everybody; whoever names
another user is answered 403, whether that user is there or not. What is below
[Administration](#administration), and the metrics unless `OBOEGAKI_METRICS_OPEN` is set, need an admin's key.

## Errors

Refusals and failures are problem documents ([`Problem`](#problem), RFC 9457). On the routes of [OpenAI's
schema](#openais-schema) they have OpenAI's shape instead ([`Refusal`](#refusal)), and 400 stands there for
422, too. Every route may answer these; what else it may answer stands with it.

| status | means |
| --- | --- |
| 400 | The body cannot be read as JSON, or the address cannot be read. |
| 401 | There is no key, or none that is known. |
| 403 | The key is not for that user, or not for that route. |
| 404 | It is not there, or it is another user's. |
| 408 | Nothing of the body came for 30 seconds. |
| 413 | The body is larger than `OBOEGAKI_MAX_BODY_BYTES`. |
| 422 | A field or a parameter is missing, unknown, or holds what it may not; `errors` names each. |
| 429 | The key asks more often than `OBOEGAKI_RATE_LIMIT`, or too much of the user's is under way (of \
deletions, 1,000 of messages, of conversations and of the user each). `Retry-After` says when to come back. |
| 500 | Something went wrong here; the log tells where. |
| 503 | A part that this call needs is away. `Retry-After` says when to try again. |

## Streaming

With `"stream": true` a reply comes as server-sent events. Those of
[`POST /v1/chat`](#say-something-and-get-a-reply) have names, and a JSON object in their one line of data:

```text
event: delta
data: {"text":"You drink "}

```

`recalled` comes first, then a `delta` for each piece, and at the end `done`, or `error` with a problem
document. Those of [`POST /v1/chat/completions`](#complete-a-chat) are OpenAI's: lines of data without a name,
the last of them `[DONE]`. Where the client leaves, a reply of `/v1/chat` is written to its end all the same, and
of a completion what was said so far.

## Pagination

A list answers with `limit` things at most, and with where the next page begins: `cursor` or `after`, to be
sent as the parameter of that name. On the last page it is null.

## Idempotency

A message or a note with an `external_id` is written once: a repeat is answered 200 and not 201, with the one
that is there and `"created": false`; one that differs is 409. A chat with the header `Idempotency-Key` is
answered once: a repeat gets the same answer, with the header `Idempotency-Replayed: true`; the key with
another request is 422, and while the first is still being answered it is 409.

## Formats

- Bodies are JSON in UTF-8. A field that is not in the tables is refused, but for OpenAI's schema. What is in
  **bold** has to be sent. A field of an answer is always there, and null where there is nothing, but for a
  problem's `errors`.
- Times are RFC 3339 with an offset, such as 2026-03-02T09:00:00+09:00. In an address `+` is `%2B`. A
  message's `created_at` is answered with the offset that it was sent with, every other time in UTC.
- Ids of users, conversations and messages' `external_id` are the client's: 1 to 255 characters,
  percent-encoded in an address, where they may hold slashes. Texts hold no NUL, and are not blank.
- What a message holds has `OBOEGAKI_MAX_CONTENT_CHARACTERS` characters at most. Metadata are an object of
  about 32,000 characters at most, with numbers of 64 bits, nested 16 deep at most.
- JSON Lines is a JSON object a line.
"""

_TAGS = {
    "messages": "Messages",
    "conversations": "Conversations",
    "memories": "Memories",
    "users": "Users",
    "erasures": "Erasures",
    "chat": "Chat",
    "openai": "OpenAI's schema",
    "administration": "Administration",
    "health": "Health and metrics",
}
#: What the introduction says of every route.
_SAID = frozenset({"400", "401", "403", "404", "408", "413", "422", "429", "503"})
_MEDIA = {
    "application/x-ndjson": "JSON Lines",
    "text/event-stream": "server-sent events",
    "text/plain": "text",
    "application/json": "JSON",
}
_REF = "#/components/schemas/"
_MANY = 2**53


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of an app with the usual settings."""
    settings = ApiSettings(
        api_key=SecretStr("that of no instance"), mysql_password=SecretStr("that of no instance")
    )
    database = Database(settings.account(), pool_size=1)
    return create_app(settings, database=database, store=FakeStore(), embedder=HashEmbedder()).openapi()


def routes() -> list[tuple[str, Schema]]:
    """Every route, such as `GET /v1/users/{user_id}`, with what the document says of it."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def fields() -> list[tuple[str, str]]:
    """Every parameter and every field of an object, with what is said of it."""
    parameters = [
        (f"{name} {told['name']}", told.get("description", ""))
        for name, operation in routes()
        for told in operation.get("parameters", ())
    ]
    schemas = document()["components"]["schemas"].items()
    return parameters + [
        (f"{name}.{field}", told.get("description", ""))
        for name, schema in schemas
        for field, told in schema["properties"].items()
    ]


def events(content: Schema) -> dict[str, Schema]:
    """The named events of a stream, with what their data are."""
    told = (each["properties"] for each in content.get("itemSchema", {}).get("oneOf", ()))
    return {each["event"]["const"]: each["data"]["contentSchema"] for each in told}


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, _index()]
    for tag, title in _TAGS.items():
        parts.append(f"## {title}\n")
        parts += [_route(name, operation) for name, operation in routes() if operation["tags"] == [tag]]
    parts.append("## Objects\n\nThose that several of the above have in them.\n")
    shared = sorted(name for name, where in _uses().items() if len(where) > 1)
    parts += [f"### `{name}`\n\n{_object(_schema(name))}" for name in shared]
    return "\n".join(parts)


def _index() -> str:
    rows = [
        f"| `{name}` | [{operation['summary']}](#{_anchor(operation['summary'])}) |"
        for tag in _TAGS
        for name, operation in routes()
        if operation["tags"] == [tag]
    ]
    return "\n".join(["## All calls", "", "| call | does |", "| --- | --- |", *rows, ""])


def _route(name: str, operation: Schema) -> str:
    parts = [f"### {operation['summary']}\n", f"`{name}`\n", f"{operation['description']}\n"]
    calls = "\n".join(example.call for example in EXAMPLES if example.route == name)
    parts.append(f"```bash\n{calls}\n```\n")
    if parameters := operation.get("parameters"):
        rows = [_parameter(each) for each in parameters]
        parts.append(_table(("parameter", "in", "type", "meaning"), rows))
    # What two answers have in them is told once.
    parts += dict.fromkeys([*_body(operation), *_answers(operation)])
    return "\n".join(parts)


def _parameter(told: Schema) -> Sequence[str]:
    return (
        _named(told["name"], required=told["required"]),
        told["in"],
        _type(told["schema"]).removesuffix(" or null"),
        _meaning({**told["schema"], "description": told.get("description", "")}),
    )


def _body(operation: Schema) -> Iterator[str]:
    if "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    yield f"Body: {_type(schema)}.\n"
    yield from _alone(schema)


def _answers(operation: Schema) -> Iterator[str]:
    told: list[str] = []
    own: list[Schema] = []
    for status, answer in sorted(operation["responses"].items()):
        if status in _SAID:
            continue
        told.append(_answer(status, answer))
        own += answer.get("content", {}).values()
    yield "\n".join(told) + "\n"
    for content in own:
        yield from _alone(content.get("schema", {}))
        for event, schema in events(content).items():
            told_once = schema["title"] in _uses()
            yield f"Event `{event}`" + (f": {_link(schema['title'])}.\n" if told_once else f". {_object(schema)}")


def _answer(status: str, answer: Schema) -> str:
    words = answer["description"]
    if words == "Successful Response":
        words = "" if "content" in answer else "Nothing."
    words = _sentence(words.rstrip("."))
    kinds = [_content(media, content.get("schema", {})) for media, content in answer.get("content", {}).items()]
    headers = [f"Header `{name}`: {header['description']}" for name, header in answer.get("headers", {}).items()]
    # A problem document is described by its model, and by its own type beside it.
    told = _sentence(" or ".join(dict.fromkeys(kinds)))
    return f"- {status}: " + " ".join(filter(None, [told, words, *headers]))


def _content(media: str, schema: Schema) -> str:
    return _type(schema) if "$ref" in str(schema) else _MEDIA[media]


def _alone(schema: Schema) -> Iterator[str]:
    """The objects that only this has in it."""
    for name in _refs(schema):
        if len(_uses()[name]) == 1:
            yield f"`{name}`. {_object(_schema(name))}"
    if "properties" in schema:
        yield _object(schema)


def _object(schema: Schema) -> str:
    needed = schema.get("required", []) if schema.get("additionalProperties") is not None else []
    rows = [
        (_named(name, required=name in needed), _type(told), _meaning(told))
        for name, told in schema["properties"].items()
    ]
    inner = dict.fromkeys(part for told in schema["properties"].values() for part in _alone(told))
    about = f"{schema['description']}\n\n" if "description" in schema else ""
    return "\n".join([about + _table(("field", "type", "meaning"), rows), *inner])


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"].removeprefix(_REF))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{json.dumps(each)}`" for each in schema.get("enum", [schema.get("const")]))
    return _plain_type(schema)


def _plain_type(schema: Schema) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'])}{_bounds(schema, 'minItems', 'maxItems')}"
        case "string":
            kind = {"date-time": "time", "uuid": "UUID"}.get(schema.get("format", ""), "text")
            return kind + _bounds(schema, "minLength", "maxLength", " characters")
        case "integer" | "number":
            return f"{schema['type']}{_bounds(schema, 'minimum', 'maximum')}"
        case "object":
            of = schema.get("additionalProperties")
            return f"object of {_type(of)}" if isinstance(of, dict) else "object"
        case None:
            return "anything"
        case other:
            return str(other)


def _bounds(schema: Schema, least: str, most: str, what: str = "") -> str:
    low, high = schema.get(least), schema.get(most)
    if high is not None and high > _MANY:
        high = None
    if low is not None and high is not None:
        return f" ({low} to {high}{what})"
    if low is not None:
        return f" ({low}{what} or more)"
    return "" if high is None else f" ({high}{what} at most)"


def _meaning(schema: Schema) -> str:
    words = schema.get("description", "")
    default = schema.get("default")
    told = "" if default in (None, "", {}) else f" Default: `{json.dumps(default)}`."
    return f"{words}{told}".strip()


def _named(name: str, *, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"


def _link(name: str) -> str:
    return f"[`{name}`](#{_anchor(name)})" if len(_uses().get(name, "")) > 1 else f"`{name}`"


def _sentence(words: str) -> str:
    return f"{words}." if words else ""


def _anchor(title: str) -> str:
    kept = (each for each in title.lower() if each.isalnum() or each in "_- ")
    return "".join(kept).replace(" ", "-")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("\n", " ").replace("|", "&#124;") for cell in line] for line in lines)
    return "\n".join([*(f"| {' | '.join(line)} |" for line in cells), ""])


def _schema(name: str) -> Schema:
    found: Schema = document()["components"]["schemas"][name]
    return found


@cache
def _uses() -> Mapping[str, Counter[str]]:
    """Which routes, events and objects have each object in them."""
    found: dict[str, Counter[str]] = {name: Counter() for name in document()["components"]["schemas"]}
    holders: dict[str, Any] = {**document()["components"]["schemas"], **dict(routes())}
    for holder, told in holders.items():
        for name in _refs(told):
            found[name][holder] += 1
    return found


def _refs(told: object) -> list[str]:
    """The objects that are named in a part of the document, each once."""
    if isinstance(told, Mapping):
        ref = told.get("$ref")
        here = [ref.removeprefix(_REF)] if isinstance(ref, str) else []
        inner = [name for value in told.values() for name in _refs(value)]
        return list(dict.fromkeys([*here, *inner]))
    if isinstance(told, list):
        return list(dict.fromkeys(name for each in told for name in _refs(each)))
    return []


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what this is for
