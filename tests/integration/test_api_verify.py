"""Verifying over HTTP: what the process that owns the store says, line by line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chat_api.rows.database import Database
from tests.support.api import Api, MySql, new_store, serving, settings_for

LINES: list[dict[str, Any]] = [{"progress": {"step": "rows", "done": 1}}, {"report": {"differences": {}}}]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, (None, False)),
        ({"user_id": "花子", "repair": "true"}, ("花子", True)),
    ],
)
def test_a_verification_is_told_as_it_goes_in_lines_of_json(
    mysql: MySql, database: Database, query: dict[str, str], asked: tuple[str | None, bool]
) -> None:
    given: list[tuple[str | None, bool]] = []

    def verify(user_id: str | None, repair: bool) -> Iterator[Mapping[str, Any]]:
        given.append((user_id, repair))
        yield from LINES

    with serving(settings_for(mysql.api), database, new_store(), verify=verify) as client:
        answer = client.post("/v1/admin/verify", params=query)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == LINES
    assert given == [asked]


def test_a_process_without_the_logs_says_that_it_does_not_verify(api: Api) -> None:
    answer = api.client.post("/v1/admin/verify")

    assert answer.status_code == 503
    assert "does not verify" in answer.json()["detail"]


def test_what_is_no_user_is_refused_before_anything_is_read(api: Api) -> None:
    assert api.client.post("/v1/admin/verify", params={"user_id": ""}).status_code == 422
