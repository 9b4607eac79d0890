"""What docs/metrics.md says, made from the metrics: `python -m tests.docs.metrics_table > docs/metrics.md`."""

from oboegaki.metrics import SECTIONS, Described

_INTRODUCTION = """\
# Metrics

What each process tells Prometheus, under `GET /metrics`. This page is made from `oboegaki/metrics.py`:
`python -m tests.docs.metrics_table > docs/metrics.md`.

The API answers it at its own port to whoever sends the admin key, or to everybody with `OBOEGAKI_METRICS_OPEN`;
what `oboegaki serve` tells there is of the API and of learning. Where `OBOEGAKI_METRICS_PORT` is set,
`oboegaki serve`, `api` and `consume` also answer it at that port, without a key, on loopback unless
`OBOEGAKI_METRICS_HOST` says otherwise. [Operations](operations.md#metrics-and-alerts) tells how to look at them
and what to do about each alert.

Counters begin at 0 with the process. Units are seconds and bytes. No label holds a user, a message or an address.
Beside these there are those of the process itself, such as `process_resident_memory_bytes`.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for title, metrics in SECTIONS:
        head = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |"
        parts.append("\n".join([f"## {title}", "", head, *map(_row, metrics), ""]))
    return "\n".join(parts)


def _row(metric: Described) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what this is for
