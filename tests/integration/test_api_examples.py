"""The examples of docs/api.md, run as they stand there, by a shell and curl."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from chat_api.app import create_app
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from memory_store.fake import HashEmbedder
from tests.docs.api_examples import EXAMPLES, Example
from tests.docs.api_page import document, events, routes
from tests.support.api import KEY, Api, MySql, new_store, settings_for
from tests.support.live import listening

#: As the page has it, and with what is not shown there: the status and the type of the answer, after it.
_CALL = """call() { curl -s -w '\\n%{http_code} %{content_type}' -H "Authorization: Bearer $KEY" "$@"; }"""
#: A process that learns nothing answers 503 where the learning is asked.
_ELSEWHERE = {"POST /v1/admin/verify": 503}
_OPERATIONS = dict(routes())


@dataclass(frozen=True)
class Answer:
    """What a call was answered with."""

    status: int
    media: str
    body: str


@dataclass
class Shell:
    """Types what the page shows, one call after the other."""

    variables: dict[str, str]
    api: Api

    def run(self, example: Example) -> Answer:
        """The answer to an example, the ids of which later ones may use."""
        done = subprocess.run(
            ["bash", "-c", f"{_CALL}\n{example.call}"],
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        body, _, told = done.stdout.rpartition("\n")
        status, _, media = told.partition(" ")
        answer = Answer(int(status), media.partition(";")[0], body)
        if answer.status < 400:
            self._keep(example, answer)
        return answer

    def learn(self) -> None:
        """What is pending becomes memories, as the consumer would have it."""
        found = self.api.client.get("/v1/memories", params={"user_id": "hanako"}).json()
        for row in found["pending"]:
            self.api.learn("hanako", row["message_id"])

    def _keep(self, example: Example, answer: Answer) -> None:
        for variable, path in example.keeps.items():
            found: Any = reduce(_part, path.split("."), json.loads(answer.body))
            self.variables[variable] = str(found)


@pytest.fixture
def shell(mysql: MySql, database: Database, rows: Rows) -> Iterator[Shell]:
    store = new_store()
    app = create_app(settings_for(mysql.api), database=database, store=store, embedder=HashEmbedder())
    with listening(app) as url:
        headers = {"Authorization": f"Bearer {KEY}"}
        yield Shell({"URL": url, "KEY": KEY}, Api(TestClient(app, headers=headers), database, rows, store))


def test_every_example_is_answered_as_the_page_says(shell: Shell) -> None:
    for example in EXAMPLES:
        answer = shell.run(example)

        assert answer.status == _ELSEWHERE.get(example.route, example.status), f"{example}: {answer.body}"
        check(example.route, answer)
        shell.learn()


def check(route: str, answer: Answer) -> None:
    """Fails where an answer is none that the document describes."""
    described = _OPERATIONS[route]["responses"][str(answer.status)].get("content", {})
    if not described:
        assert answer.body == "", route
        return
    assert answer.media in described, f"{route} answered {answer.media}"
    if answer.media == "text/event-stream":
        check_events(route, answer.body, events(described[answer.media]))
    elif answer.media == "application/x-ndjson":
        assert all(isinstance(json.loads(line), dict) for line in answer.body.splitlines())
    elif answer.media != "text/plain":
        validate(described[answer.media]["schema"], answer.body, route)


def check_events(route: str, body: str, described: Mapping[str, Any]) -> None:
    """Fails where an event has a name or fields that the document does not tell; OpenAI's have no names."""
    names = []
    for event in body.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in event.splitlines())
        names.append(lines.get("event"))
        if names[-1] is not None:
            validate(described[names[-1]], lines["data"], route)
    assert (names[0], names[-1]) == ((None, None) if route.endswith("completions") else ("recalled", "done"))


def validate(schema: Mapping[str, Any], body: str, route: str) -> None:
    """Fails where a JSON text is not as a schema of the document says."""
    whole = {"components": document()["components"], **schema}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)

    assert [f"{route}: {error.message}" for error in validator.iter_errors(json.loads(body))] == []


def _part(value: Any, name: str) -> Any:  # noqa: ANN401  of JSON
    return value[int(name)] if isinstance(value, list) else value[name]
