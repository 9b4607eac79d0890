"""Metrics: named and described in one place, each of them told, and nothing of any user."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from oboegaki.metrics import SECTIONS, Described, Metrics
from tests.support.services import free_ports, now

EVERY = tuple(chain.from_iterable(metrics for _, metrics in SECTIONS))
every_metric = pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)

EXTRACT = {"name": "extract", "events": 7, "written": 5, "dead": 1, "owned": 12, "waiting_for": None}
STAGES: tuple[Mapping[str, Any], ...] = (
    {**EXTRACT, "stopped": False},
    {**EXTRACT, "name": "project", "waiting_for": "The store is away.", "stopped": True},
    {"name": "healing", "waiting_for": None},
    {"name": "connector", "restarts": 2, "waiting_for": "the connector, which is FAILED: secret"},
)


def told(metrics: Metrics) -> dict[str, Metric]:
    """The families, as a client of Prometheus's own reads them."""
    return {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample."""
    return metrics.registry.get_sample_value(name, labels)


def all_told(stages: Sequence[Mapping[str, Any]] = STAGES) -> Metrics:
    """Metrics of a process in which everything has happened once."""
    made = Metrics("1.2.3")
    made.watch_pool(lambda: 3, 8)
    old = now() - timedelta(seconds=90)
    made.watch_learning(lambda: stages, lambda: {("extract", 4): 6}, lambda: {"extract": old, "project": None})
    made.came()
    made.came()
    made.answered("GET", "/v1/memories", 503, 0.2)
    made.wrote("added", 4)
    made.recalled({"pending": 0.1, "search": 0.2, "total": 0.3}, degraded=True)
    made.asked_for_reply(2.0, answered=True, prompt_tokens=100, answer_tokens=20)
    made.asked_to_learn(3.0, answered=False, prompt_tokens=None, answer_tokens=None)
    made.embedded("passages", 32, 0.5)
    made.looked_up("vectors", hits=2, misses=3)
    made.handled("extract", 7, 0.1)
    made.failed("extract", "Transient")
    made.rewound("extract")
    made.owns("extract", assigned=12)
    made.learned(5)
    made.filed(6)
    return made


@every_metric
def test_a_name_says_whose_it_is_and_in_what_unit_and_the_help_is_a_sentence(metric: Described) -> None:
    assert re.fullmatch(r"oboegaki_[a-z_]+[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert (metric.kind == "histogram") == (
        metric.name.endswith(("_seconds", "_batch_records"))
    ) or metric.kind == "gauge"
    assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|mib)(_|$)", metric.name)
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert metric.help.endswith(".")
    assert set(metric.labels) & {"user", "user_id", "message", "message_id", "conversation"} == set()


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in EVERY}) == len(EVERY)


@every_metric
def test_every_metric_that_is_described_is_told_with_its_help_and_labels(metric: Described) -> None:
    family = told(all_told())[metric.name.removesuffix("_total")]

    assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert family.samples
    assert {label for sample in family.samples for label in sample.labels} - {"le"} == set(metric.labels)


def test_nothing_is_told_that_is_not_described_but_the_process_s_own() -> None:
    described = {metric.name.removesuffix("_total") for metric in EVERY}

    assert {name for name in told(all_told()) if not name.startswith("process_")} == described


def test_what_has_been_said_is_in_none_of_them() -> None:
    assert b"secret" not in all_told().text()


def test_a_request_is_counted_once_it_is_answered() -> None:
    metrics = all_told()

    assert value(metrics, "oboegaki_http_requests_in_flight") == 1
    labels = {"method": "GET", "route": "/v1/memories", "status": "5xx"}
    assert value(metrics, "oboegaki_http_request_duration_seconds_count", **labels) == 1
    assert value(metrics, "oboegaki_http_refusals_total", status="503") == 1


def test_what_the_stages_report_is_told_as_it_is_at_that_moment() -> None:
    stages: list[Mapping[str, Any]] = [{"name": "learning", "waiting_for": "Kafka is away."}]
    metrics = all_told(stages)
    before = value(metrics, "oboegaki_learning_running")
    stages[:] = STAGES

    assert (before, value(metrics, "oboegaki_learning_running")) == (0, 1)
    assert value(metrics, "oboegaki_learning_records_read_total", stage="extract") == 7
    assert value(metrics, "oboegaki_learning_waiting", stage="extract") == 0
    assert value(metrics, "oboegaki_learning_waiting", stage="project") == 1
    assert value(metrics, "oboegaki_learning_stopped", stage="project") == 1
    assert value(metrics, "oboegaki_learning_lag_records", stage="extract", partition="4") == 6
    assert value(metrics, "oboegaki_connector_restarts_total") == 2


def test_the_oldest_record_in_hand_has_its_age_and_none_is_no_age() -> None:
    metrics = all_told()
    oldest = value(metrics, "oboegaki_learning_oldest_in_hand_seconds", stage="extract")

    assert oldest is not None
    assert 90 <= oldest < 150
    assert value(metrics, "oboegaki_learning_oldest_in_hand_seconds", stage="project") == 0


@pytest.mark.parametrize("tokens", [-1, 10**400])
def test_a_server_that_tells_nonsense_of_its_tokens_costs_no_reply(tokens: int) -> None:
    metrics = Metrics("0")
    metrics.asked_for_reply(1.0, answered=True, prompt_tokens=tokens, answer_tokens=7)

    assert value(metrics, "oboegaki_llm_tokens_total", purpose="reply", direction="answer") == 7


def test_at_a_port_of_their_own_they_are_told_without_a_key_and_a_taken_one_is_an_error() -> None:
    [port] = free_ports(1)
    metrics = all_told()
    with metrics.answering("127.0.0.1", port):
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        with pytest.raises(OSError, match="in use"), metrics.answering("127.0.0.1", port):
            pass

    assert "oboegaki_build_info" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
