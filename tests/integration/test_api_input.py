"""Bad input: the right status, a sentence that does not quote it, and no row half written."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.api import KEY, Api, MySql, serving, settings_for

SECRET = "a secret that nobody may see in an answer"


def post(api: Api, body: bytes) -> tuple[int, dict[str, Any], str]:
    answer = api.client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json(), answer.text


def message(user: str, **changes: object) -> dict[str, object]:
    return {"user_id": user, "role": "user", "content": SECRET, "conversation_id": "c", **changes}


def assert_nothing_written(api: Api, user: str) -> None:
    assert api.client.get("/v1/conversations", params={"user_id": user}).json()["conversations"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": " \t\n　"}, "content"),
        ({"content": f"{SECRET}\0"}, "content"),
        ({"content": 5}, "content"),
        ({"content": None}, "content"),
        ({"content": [SECRET]}, "content"),
        ({"content": "x" * 100_001}, "content"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"user_id": "x" * 256}, "user_id"),
        ({"user_id": "x\0"}, "user_id"),
        ({"conversation_id": "x\0"}, "conversation_id"),
        ({"external_id": ""}, "external_id"),
        ({"agent_id": "\0"}, "agent_id"),
        ({"role": SECRET}, "role"),
        ({"created_at": "2026-03-02T09:00:00"}, "created_at"),
        ({"created_at": "2026-03-02"}, "created_at"),
        ({"created_at": "2026-02-30T09:00:00Z"}, "created_at"),
        ({"created_at": "1969-12-31T23:59:59Z"}, "created_at"),
        ({"created_at": "2038-01-19T03:14:08Z"}, "created_at"),
        ({"created_at": "0001-01-01T00:00:00+23:59"}, "created_at"),
        ({"created_at": "2026-03-02T09:00:00+24:00"}, "created_at"),
        ({"created_at": "1772000000"}, "created_at"),
        ({"created_at": 1772000000}, "created_at"),
        ({"suppressed": SECRET}, "suppressed"),
        ({"suppressed": ["no reference"]}, "suppressed"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": {"k": 2**64}}, "metadata"),
        ({"metadata": {"k": "\0"}}, "metadata"),
        ({"metadata": {"k\0": 1}}, "metadata"),
        ({"metadata": {"k": SECRET * 1000}}, "metadata"),
        ({"unknown": SECRET}, "unknown"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_written(
    api: Api, user: str, change: dict[str, object], field: str
) -> None:
    one = message(user, **change)
    status, problem, text = post(api, json.dumps(one).encode())
    many = {"user_id": user, "messages": [{"role": "user", "content": "fine"}, one]}
    many_status, _, many_text = post(api, json.dumps(many).encode())

    assert (status, many_status) == (422, 422)
    assert problem["detail"].startswith(field)
    assert SECRET not in text + many_text
    assert_nothing_written(api, user)


@pytest.mark.parametrize(
    "raw",
    [
        '"content":"\\ud800"',
        '"metadata":{"k":"\\udfff"}',
        '"metadata":{"\\ud800":1}',
        '"metadata":{"k":1e400}',
        '"metadata":{"k":NaN}',
        '"metadata":{"k":' + "[" * 50 + "]" * 50 + "}",
        '"external_id":"\\ud800"',
        '"\\ud800":1',
        f'"{SECRET}":1',
    ],
)
def test_json_that_python_reads_but_the_pipeline_does_not_is_refused(api: Api, user: str, raw: str) -> None:
    fields = '"role":"user","conversation_id":"c"' + ("" if '"content"' in raw else ',"content":"a"')
    status, _, text = post(api, f'{{"user_id":"{user}",{fields},{raw}}}'.encode())

    assert status == 422
    assert SECRET not in text
    assert_nothing_written(api, user)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"no", b'{"user_id": "\xff"}', b"[" * 200_000, b'{"n": ' + b"9" * 5000 + b"}"]
)
def test_what_is_not_json_is_400_or_422(api: Api, body: bytes) -> None:
    status, _, _ = post(api, body)

    assert status in ((422,) if body == b"" else (400,))


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"a"', b'{"user_id":"a","messages":[]}'])
def test_json_that_is_no_message_is_422(api: Api, body: bytes) -> None:
    assert post(api, body)[0] == 422


def test_a_thousand_messages_are_taken_and_one_more_is_not(api: Api, user: str) -> None:
    def posted(count: int) -> int:
        messages = [{"role": "user", "content": "a"}] * count
        return api.client.post("/v1/messages", json={"user_id": user, "messages": messages}).status_code

    assert posted(1001) == 422
    assert_nothing_written(api, user)
    assert posted(1000) == 201


def test_the_sentence_about_a_long_content_holds_the_limit(api: Api, user: str) -> None:
    _, problem, _ = post(api, json.dumps(message(user, content="x" * 100_001)).encode())

    assert "100000 characters" in problem["detail"]
    assert api.say(user, "🎏" * 100_000)


def test_a_body_over_the_limit_is_413_declared_or_not(api: Api, mysql: MySql) -> None:
    settings = settings_for(mysql.api, max_body_bytes=1024)
    with serving(settings, api.database, api.store) as client:
        declared = client.post("/v1/messages", content=b" " * 1025)
        streamed = client.post("/v1/messages", content=iter([b" " * 600] * 2))
        fitting = client.post("/v1/messages", content=b" " * 1024)

    assert (declared.status_code, streamed.status_code, fitting.status_code) == (413, 413, 400)
    assert "1024 bytes" in declared.json()["detail"]


@pytest.mark.parametrize(
    ("number", "status"),
    [("0", 422), ("-1", 422), ("x", 422), (str(2**63), 422), ("9" * 5000, 422), (str(2**63 - 1), 404)],
)
def test_numbers_that_are_no_message_are_refused(api: Api, user: str, number: str, status: int) -> None:
    params = {"user_id": user}
    answers = [
        api.client.get(f"/v1/messages/{number}", params=params),
        api.client.patch(f"/v1/messages/{number}", params=params, json={"content": "a"}),
        api.client.delete(f"/v1/messages/{number}", params=params),
        api.client.get(f"/v1/users/{user}/freshness", params={"wait_for": number, "timeout": 0}),
    ]

    assert [answer.status_code for answer in answers] == [status] * 4


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=1e400",
        "min_score=nan",
        "since=2026-03-02",
        "query=",
        "query=%00",
        "lmit=5",
        "query=a&cursor=b",
        "conversation_id=",
    ],
)
def test_a_recall_that_is_wrong_is_422(api: Api, user: str, query: str) -> None:
    assert api.client.get(f"/v1/memories?user_id={user}&{query}").status_code == 422


@pytest.mark.parametrize("cursor", ["x", "eA==", "W10=", "WzEsMl0=", "日本", "WyIyMDI2LTAzLTAyIiwgImEiXQ=="])
def test_a_cursor_that_no_page_gave_is_422(api: Api, user: str, cursor: str) -> None:
    answer = api.client.get("/v1/conversations", params={"user_id": user, "cursor": cursor})

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/v1/messages/1?user_id=%FF", "/v1/users/%ED%A0%80/freshness"])
def test_an_address_that_is_not_utf8_is_400(api: Api, path: str) -> None:
    assert api.client.get(path).status_code == 400


@pytest.mark.parametrize("path", ["/v1/memories/x", "/v1/memories/1"])
def test_a_memory_id_that_is_none_is_422(api: Api, user: str, path: str) -> None:
    assert api.client.get(path, params={"user_id": user}).status_code == 422


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer é"]
)
@pytest.mark.parametrize("path", ["/v1/messages/1?user_id=a", "/v1/nothing", "/openapi.json"])
def test_without_the_key_nothing_is_told(api: Api, header: str | None, path: str) -> None:
    client = TestClient(api.client.app)
    answer = client.get(path, headers={} if header is None else {b"Authorization": header.encode()})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["title"] == "Unauthorized"


def test_health_needs_no_key(api: Api) -> None:
    client = TestClient(api.client.app)

    assert client.get("/health/live").json()["status"] == "ok"
    assert client.get("/health/ready").json()["status"] == "ok"


def test_addresses_and_methods_that_are_not_there_are_problems_too(api: Api) -> None:
    nowhere, method = api.client.get("/v1/nothing"), api.client.put("/v1/messages")

    assert (nowhere.status_code, method.status_code) == (404, 405)
    assert {each.headers["Content-Type"] for each in (nowhere, method)} == {"application/problem+json"}
