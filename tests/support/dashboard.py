"""The files for Prometheus and Grafana, as the tests read them."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "oboegaki.json"

_METRIC = re.compile(r"\b((?:oboegaki|process)_[a-z_]+)\b")
_SERIES = re.compile(r"_(bucket|count|sum)$")


def dashboard() -> Mapping[str, Any]:
    """The dashboard."""
    found: Mapping[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> Sequence[Mapping[str, Any]]:
    """Those of its panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries(interval: str) -> list[str]:
    """All that its panels ask, over that interval."""
    targets = chain.from_iterable(panel["targets"] for panel in panels())
    return [target["expr"].replace("$__rate_interval", interval) for target in targets]


def metrics_in(query: str) -> set[str]:
    """The metrics that are named in it, without what a histogram adds to its name."""
    known = _METRIC.findall(query)
    return {_SERIES.sub("", name) if not name.endswith("_batch_records") else name for name in known}
