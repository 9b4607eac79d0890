"""What is made for Prometheus and Grafana, by the programs that read it, as far as Debian has them."""

import re

import pytest

from oboegaki.metrics import SECTIONS
from tests.docs.pages import ROOT, Page
from tests.support.dashboard import ALERTS, CONFIG, DASHBOARD, DEPLOY, dashboard, metrics_in, panels, queries
from tests.support.prometheus import Programs, programs
from tests.unit.test_metrics import all_told

DESCRIBED = {metric.name for _, metrics in SECTIONS for metric in metrics}
RUNBOOK = Page(ROOT / "docs/operations.md")


@pytest.fixture(scope="session")
def prometheus() -> Programs:
    return programs()


def test_prometheus_takes_the_configuration_and_the_rules(prometheus: Programs) -> None:
    assert "is valid prometheus config file syntax" in prometheus.told("check", "config", str(CONFIG))
    assert "SUCCESS" in prometheus.told("check", "rules", "--lint-fatal", str(ALERTS))


def test_prometheus_finds_nothing_to_mend_in_names_help_and_units(prometheus: Programs) -> None:
    assert prometheus.told("check", "metrics", said=all_told().text().decode()) == ""


def test_an_alert_is_raised_by_what_it_is_for_and_by_nothing_else(prometheus: Programs) -> None:
    assert "SUCCESS" in prometheus.told("test", "rules", str(ROOT / "tests/data/alerts_test.yml"))


def test_every_alert_has_a_test() -> None:
    tested = re.findall(r"alertname: (\w+)", (ROOT / "tests/data/alerts_test.yml").read_text())

    assert set(tested) == set(_alerts())


def test_every_alert_has_a_paragraph_that_says_what_to_do() -> None:
    told = dict(zip(_alerts(), re.findall(r"runbook_url: (\S+)", ALERTS.read_text()), strict=True))

    assert told == {name: f"docs/operations.md#{name.lower()}" for name in _alerts()}
    assert {f"### {name}" for name in told} <= set(RUNBOOK.headings())


@pytest.mark.parametrize(
    "query", [*queries("1m"), *re.findall(r"expr: .*|^ {10}.*", ALERTS.read_text(), re.MULTILINE)]
)
def test_a_query_names_metrics_that_there_are(query: str) -> None:
    assert {name for name in metrics_in(query) if name.startswith("oboegaki_")} <= DESCRIBED


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    shown = metrics_in(" ".join([*queries("1m"), ALERTS.read_text()]))

    assert DESCRIBED - shown == set()


def test_the_dashboard_is_one_that_grafana_loads_from_a_file() -> None:
    found = dashboard()
    provider = (DEPLOY / "grafana/provisioning/dashboards/oboegaki.yml").read_text()
    source = (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()

    assert "id" not in found
    assert (found["uid"], found["title"]) == ("oboegaki", "oboegaki")
    # As docker-compose.yml mounts it.
    assert f"path: /etc/grafana/{DASHBOARD.parent.name}" in provider
    [uid] = re.findall(r"uid: (\w+)", source)
    assert {each["datasource"]["uid"] for each in panels()} == {uid}
    assert "url: http://prometheus:9090" in source


def test_no_panel_lies_on_another_or_has_the_same_number() -> None:
    found = dashboard()["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in found)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} <= set(range(24))
    assert len({panel["id"] for panel in found}) == len(found)
    assert all(panel["title"] for panel in found)


def _alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text())
