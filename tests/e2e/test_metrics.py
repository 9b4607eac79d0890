"""What a running instance tells Prometheus, once it has talked and learned."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import new_user
from tests.support.dashboard import ALERTS, queries
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance
from tests.support.prometheus import asked, programs
from tests.support.services import free_ports

Told = dict[tuple[str, ...], float]

LAG, OLDEST = "oboegaki_learning_lag_records", "oboegaki_learning_oldest_in_hand_seconds"

#: As deploy/prometheus/prometheus.yml, of one instance, and looking more often.
_CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{alerts}"]
scrape_configs:
  - job_name: oboegaki
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture
def port(instance: RunningInstance) -> int:
    [found] = free_ports(1)
    instance.settings["OBOEGAKI_METRICS_PORT"] = str(found)
    return found


def told(port: int) -> Told:
    """By name and the values of labels; from the port of its own, without a key."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def chat(client: httpx.Client, user: str, message: str) -> int:
    said = client.post("/v1/chat", json={"user_id": user, "message": message}).raise_for_status()
    return int(said.json()["message_id"])


def learned(client: httpx.Client, user: str, message_id: int) -> bool:
    freshness = f"/v1/users/{user}/freshness"
    answer = client.get(freshness, params={"wait_for": message_id, "timeout": 50}).raise_for_status().json()
    return bool(answer["learned"])


def test_who_talks_and_is_learned_of_moves_the_counters_of_every_step(
    instance: RunningInstance, port: int
) -> None:
    instance.serve()
    user = new_user()
    with instance.client() as client:
        wait_until(lambda: told(port)["oboegaki_learning_running",] == 1)
        assert learned(client, user, chat(client, user, "I bake bread every Sunday with my sister."))
        chat(client, user, "What do I bake?")

        looks: list[Told] = []

        def is_all_handled() -> bool:
            looks.append(told(port))
            left = [looks[-1][name] for name in looks[-1] if name[0] in (LAG, OLDEST)]
            # Of each stage twelve partitions, and the age of what it has in hand.
            return len(left) == 26 and not any(left)

        # Kafka's client tells every five seconds how far it has read.
        wait_until(is_all_handled)
        found = looks[-1]

        assert client.get("/metrics").text.count("# HELP oboegaki_") > 30

    def moved(*name: str) -> bool:
        return found[name] > 0

    assert moved("oboegaki_http_request_duration_seconds_count", "POST", "/v1/chat", "2xx")
    assert found["oboegaki_rows_written_total", "added"] == 4
    assert moved("oboegaki_recall_duration_seconds_count", "total")
    assert moved("oboegaki_embedding_texts_total", "passages")
    assert moved("oboegaki_embedding_texts_total", "questions")
    assert moved("oboegaki_embedding_cache_requests_total", "vectors", "miss")
    for stage in ("extract", "project"):
        assert moved("oboegaki_learning_records_read_total", stage)
        assert moved("oboegaki_learning_records_written_total", stage)
        assert moved("oboegaki_learning_batch_duration_seconds_count", stage)
        assert found["oboegaki_learning_partitions_owned", stage] == 12
        assert found["oboegaki_learning_partition_changes_total", "assigned", stage] == 12
        assert found["oboegaki_learning_waiting", stage] == 0
    assert moved("oboegaki_learning_facts_written_total")
    assert moved("oboegaki_learning_memories_filed_total")
    assert found["oboegaki_connector_waiting",] == 0
    assert moved("process_resident_memory_bytes")


#: What has nothing to show here: no model is set, nothing has failed and nothing was refused.
SILENT = (
    "oboegaki_llm_",
    "oboegaki_learning_failures_total",
    "oboegaki_learning_rewinds_total",
    "oboegaki_http_refusals",
)


def test_prometheus_answers_every_query_of_the_dashboard_and_the_rules_from_what_is_told(
    instance: RunningInstance, port: int, tmp_path: Path
) -> None:
    found = programs()
    instance.serve()
    user = new_user()
    config = _CONFIG.format(alerts=ALERTS, port=port)
    with instance.client() as client, found.scraping(config, tmp_path) as prometheus:
        # Rates are of two looks: of what happened after the first one, too.
        wait_until(lambda: asked(prometheus, "oboegaki_learning_running == 1"))
        for said in ("I bake bread every Sunday.", "My sister has a dog."):
            assert learned(client, user, chat(client, user, said))

        wait_until(lambda: _unanswered(prometheus) == [])
        for query in queries("10s"):
            asked(prometheus, query)
        rules = prometheus.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]

    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def _unanswered(prometheus: httpx.Client) -> list[str]:
    told = [query for query in queries("10s") if not any(name in query for name in SILENT)]
    return [query for query in told if not asked(prometheus, query)]
