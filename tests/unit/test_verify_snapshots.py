"""Which of Debezium's notifications say that all rows were read anew."""

import json

import pytest

from memory_consumer.verify.snapshots import tells_of_rows_read_anew


def notification(aggregate: str, kind: str) -> bytes:
    told = {"id": "1", "aggregate_type": aggregate, "type": kind, "additional_data": {}, "timestamp": 1}
    return json.dumps(told).encode()


@pytest.mark.parametrize("kind", ["STARTED", "COMPLETED"])
def test_a_snapshot_of_all_rows_tells_so_when_it_starts_and_when_it_is_done(kind: str) -> None:
    """Its end may never be told."""
    assert tells_of_rows_read_anew(notification("Initial Snapshot", kind))


@pytest.mark.parametrize(
    "value",
    [
        notification("Initial Snapshot", "TABLE_SCAN_COMPLETED"),
        notification("Initial Snapshot", "ABORTED"),
        notification("Initial Snapshot", "SKIPPED"),
        notification("Incremental Snapshot", "COMPLETED"),
        b"{}",
        b"no json",
        None,
    ],
)
def test_nothing_else_does(value: bytes | None) -> None:
    assert not tells_of_rows_read_anew(value)
