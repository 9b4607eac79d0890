"""`/metrics` is for whoever has the admin key, or for everybody where that is set; it tells what the API did."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from oboegaki.metrics import Metrics
from tests.support.api import Api, AwayEmbedder, MySql, new_store, serving, settings_for
from tests.support.llm_server import LlmServer, Reply, fails, llm_server, says, streams
from tests.support.services import now


@contextmanager
def metered(mysql: MySql, *, metrics_open: bool = False, away: bool = False) -> Iterator[Api]:
    metrics, store = Metrics("1.2.3"), new_store()
    settings = settings_for(mysql.api, metrics_open=metrics_open)
    embedder = AwayEmbedder() if away else None
    with (
        closing(Database(mysql.api, pool_size=2)) as database,
        serving(settings, database, store, embedder, meter=metrics, exposition=metrics.text) as client,
    ):
        metrics.watch_pool(lambda: database.lent, 2)
        yield Api(client, database, Rows(database, clock=now), store)


def samples(api: Api) -> dict[tuple[str, ...], float]:
    """What is told, by name and the values of its labels."""
    answer = api.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize(("metrics_open", "status"), [(False, 401), (True, 200)])
def test_without_the_key_it_is_open_only_where_that_is_set(
    mysql: MySql, *, metrics_open: bool, status: int
) -> None:
    with metered(mysql, metrics_open=metrics_open) as api:
        answer = api.client.get("/metrics", headers={"Authorization": "Bearer another"})
        assert answer.status_code == status
        assert api.client.get("/metrics").status_code == 200
        # Nothing else is opened by it.
        assert api.client.get("/v1/admin/status", headers={"Authorization": ""}).status_code == 401


def test_what_was_written_recalled_and_refused_is_counted_and_names_nobody(mysql: MySql, user: str) -> None:
    with metered(mysql) as api:
        first = api.say(user, "I bake bread.", external_id="a")
        api.client.post(
            "/v1/messages", json={"user_id": user, "role": "user", "content": "I bake bread.", "external_id": "a"}
        )
        api.client.patch(f"/v1/messages/{first}", params={"user_id": user}, json={"content": "I sell bread."})
        api.learn(user, first)
        api.recall(user, "bread")
        api.client.get("/v1/memories", params={"user_id": user, "limit": 0})
        api.client.delete(f"/v1/messages/{first}", params={"user_id": user})
        told = samples(api)
        text = api.client.get("/metrics").text

    rows = "oboegaki_rows_written_total"
    assert [told[rows, change] for change in ("added", "edited", "deleted")] == [1, 1, 1]
    requests = "oboegaki_http_request_duration_seconds_count"
    assert told[requests, "POST", "/v1/messages", "2xx"] == 2
    assert told[requests, "PATCH", "/v1/messages/{message_id}", "2xx"] == 1
    assert told["oboegaki_http_refusals_total", "422"] == 1
    assert told["oboegaki_recall_duration_seconds_count", "total"] == 1
    assert told["oboegaki_recalls_degraded_total",] == 0
    # The one that asks.
    assert told["oboegaki_http_requests_in_flight",] == 1
    # Whoever looks after what was erased may have one just now.
    assert told["oboegaki_mysql_connections_in_use",] <= 1
    assert told["oboegaki_mysql_connections_max",] == 2
    assert user not in text
    assert "bread" not in text


def test_a_recall_without_the_embedder_is_told_as_degraded(mysql: MySql, user: str) -> None:
    with metered(mysql, away=True) as api:
        api.recall(user, "bread")

        assert samples(api)["oboegaki_recalls_degraded_total",] == 1


def counting(asked: dict[str, Any]) -> Reply:
    """Tells what a streamed answer cost, where that is asked for."""
    return streams("Bre", "ad.", costs=asked.get("stream_options") == {"include_usage": True})


def strict(asked: dict[str, Any]) -> Reply:
    """Takes no field that it does not know."""
    return fails(400, "stream_options: not permitted") if "stream_options" in asked else streams("Bread.")


@contextmanager
def tokens_counted(
    mysql: MySql, script: Callable[[dict[str, Any]], Reply]
) -> Iterator[tuple[TestClient, LlmServer, Callable[[], list[float | None]]]]:
    """A client, the model's server, and what is counted: answers, tokens of prompts, tokens of answers."""
    metrics = Metrics("1.2.3")

    def told() -> list[float | None]:
        get, purpose = metrics.registry.get_sample_value, {"purpose": "reply"}
        return [
            get("oboegaki_llm_call_duration_seconds_count", {**purpose, "outcome": "answered"}),
            *(
                get("oboegaki_llm_tokens_total", {**purpose, "direction": direction})
                for direction in ("prompt", "answer")
            ),
        ]

    with (
        llm_server(script=script) as model,
        closing(Database(mysql.api, pool_size=2)) as database,
        serving(settings_for(mysql.api, llm_url=model.url), database, new_store(), meter=metrics) as client,
    ):
        yield client, model, told


def test_the_tokens_of_a_streamed_reply_are_counted(mysql: MySql, user: str) -> None:
    with tokens_counted(mysql, counting) as (client, _, told):
        answer = client.post("/v1/chat", json={"user_id": user, "message": "What do I bake?", "stream": True})

        assert "event: done" in answer.text
        assert told() == [1, 700, 50]


@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_usage": True}])
def test_the_tokens_of_a_streamed_completion_are_counted_and_told_to_who_asks_for_them(
    mysql: MySql, user: str, options: dict[str, bool] | None
) -> None:
    asked = {"user": user, "messages": [{"role": "user", "content": "What do I bake?"}], "stream": True}
    wants = options == {"include_usage": True}
    with tokens_counted(mysql, counting) as (client, _, told):
        answer = client.post(
            "/v1/chat/completions", json=asked if options is None else {**asked, "stream_options": options}
        )

        # To the byte as the model's server answers who asks the same.
        assert answer.content == b"".join(streams("Bre", "ad.", costs=wants).pieces)
        assert told() == [1, 700, 50]


def test_a_server_that_does_not_tell_costs_is_asked_once_and_answers_as_ever(mysql: MySql, user: str) -> None:
    said = {"user_id": user, "message": "What do I bake?", "stream": True}
    with tokens_counted(mysql, strict) as (client, model, told):
        answers = [client.post("/v1/chat", json=said).text for _ in range(2)]

        assert all("event: done" in answer for answer in answers)
        assert ["stream_options" in each for each in model.asked] == [True, False, False]
        assert told()[0] == 2
        assert not any(told()[1:])


def test_what_is_refused_for_another_reason_is_refused_and_costs_are_asked_for_the_next_time(
    mysql: MySql, user: str
) -> None:
    asked = {"user": user, "messages": [{"role": "user", "content": "What do I bake?"}], "stream": True}
    with tokens_counted(mysql, lambda _asked: fails(400, "too long")) as (client, model, told):
        refused = client.post("/v1/chat/completions", json=asked)
        model.script = counting
        client.post("/v1/chat/completions", json=asked)

        assert (refused.status_code, refused.json()["error"]["message"]) == (400, "too long")
        assert told() == [1, 700, 50]


def test_a_reply_of_a_model_is_told_with_its_tokens_and_one_that_failed_as_that(mysql: MySql, user: str) -> None:
    metrics = Metrics("1.2.3")
    with (
        llm_server(says("Bread."), fails(500)) as model,
        closing(Database(mysql.api, pool_size=2)) as database,
        serving(settings_for(mysql.api, llm_url=model.url), database, new_store(), meter=metrics) as client,
    ):
        asked = [client.post("/v1/chat", json={"user_id": user, "message": "What do I bake?"}) for _ in range(2)]

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"oboegaki_llm_{name}", {"purpose": "reply", **labels})

    assert [answer.status_code for answer in asked] == [200, 502]
    assert told("call_duration_seconds_count", outcome="answered") == 1
    assert told("call_duration_seconds_count", outcome="failed") == 1
    assert (told("tokens_total", direction="prompt"), told("tokens_total", direction="answer")) == (700, 50)
