"""Change events are read whole or refused with a cause that quotes nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_consumer.errors import Invalid
from memory_consumer.records import cdc
from tests.support import events
from tests.support.events import Row

ROW = Row(7, "名古屋でパン屋をやっています。")


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_an_insert_an_update_and_a_snapshot_read_alike(op: str) -> None:
    change = cdc.decode(events.key(7), events.written(ROW, op))

    assert isinstance(change, cdc.Written)
    assert change.row.content == ROW.content
    assert change.row.said_at.isoformat() == "2026-03-02T18:07:00+09:00"


def test_a_delete_tells_its_message_by_the_key_alone() -> None:
    change = cdc.decode(events.key(7), events.removed(7))

    assert isinstance(change, cdc.Removed)
    assert change.message_id == 7


@pytest.mark.parametrize("suppressed", [None, "all", ["offline-1:" + "0" * 32]])
def test_a_json_column_arrives_as_text_and_is_read(suppressed: str | list[str] | None) -> None:
    change = cdc.decode(events.key(7), events.written(ROW.edited(suppressed=suppressed)))

    assert isinstance(change, cdc.Written)
    assert change.row.suppressed == (tuple(suppressed) if isinstance(suppressed, list) else suppressed)


def test_sweeps_and_tombstones_say_nothing() -> None:
    assert cdc.decode(b'{"sweep": 3}', b"{}") is None
    assert cdc.decode(events.key(7), None) is None


@pytest.mark.parametrize(
    "value",
    [b"\xff\xfe", b"[]", b"{}", b'{"op": "c"}', events.written(ROW.edited(id=8)), b'{"op":"x","after":{}}'],
)
def test_what_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(Invalid):
        cdc.decode(events.key(7), value)


@pytest.mark.parametrize(
    "key", [None, b"", b"x", b"7", b'{"id": "7"}', b'{"id": 0}', b'{"id": true}', b"[" * 100_000]
)
def test_a_key_without_a_message_id_is_refused(key: bytes | None) -> None:
    with pytest.raises(Invalid):
        cdc.decode(key, events.written(ROW))


NO_ROWS: list[dict[str, object]] = [
    {"id": 2**63},
    {"utc_offset_minutes": 1440},
    {"utc_offset_minutes": -1440},
    {"created_at": "9999-12-31T20:00:00Z"},
    {"created_at": "yesterday"},
    {"suppressed": "[" * 100_000},
    {"suppressed": '{"a": 1}'},
    {"revision": ""},
    {"role": "robot"},
]


@pytest.mark.parametrize("changes", NO_ROWS, ids=[str(list(each)) for each in NO_ROWS])
def test_a_row_that_could_not_be_learned_is_refused_here_and_not_later(changes: dict[str, object]) -> None:
    event = json.loads(events.written(ROW))
    event["after"] |= changes

    with pytest.raises(Invalid):
        cdc.decode(events.key(7), json.dumps(event).encode())


@pytest.mark.parametrize("source", [{"ts_ms": 10**18}, {"ts_ms": -1}, {"ts_ms": 1, "ts_us": 10**21}, {}])
def test_a_commit_at_no_possible_time_is_refused(source: dict[str, int]) -> None:
    event = json.loads(events.removed(7)) | {"source": source}

    with pytest.raises(Invalid):
        cdc.decode(events.key(7), json.dumps(event).encode())


def test_a_time_without_a_zone_is_utc() -> None:
    event = json.loads(events.written(ROW))
    event["after"]["created_at"] = "2026-03-02T09:07:00.000001"
    change = cdc.decode(events.key(7), json.dumps(event).encode())

    assert isinstance(change, cdc.Written)
    assert change.row.said_at.isoformat() == "2026-03-02T18:07:00.000001+09:00"


#: A few characters of each kind: a table of them all takes seconds to build.
TEXTS = st.text("a1 -:ÿ犬😀\0\ud800", max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(sorted(json.loads(events.written(ROW))["after"]))


@given(
    st.dictionaries(FIELDS, JSON, max_size=3), st.dictionaries(st.sampled_from(["op", "source", "after"]), JSON)
)
def test_whatever_an_event_holds_it_is_read_or_refused(row: dict[str, object], event: dict[str, object]) -> None:
    whole = json.loads(events.written(ROW))
    whole["after"] |= row
    try:
        change = cdc.decode(events.key(7), json.dumps(whole | event).encode())
    except Invalid:
        return

    assert isinstance(change, cdc.Written | cdc.Removed)


def test_a_refusal_never_quotes_the_text() -> None:
    event = json.loads(events.written(ROW))
    event["after"]["role"] = "暗証番号は1234です"

    with pytest.raises(Invalid) as refusal:
        cdc.decode(events.key(7), json.dumps(event).encode())

    assert "after.role" in str(refusal.value)
    assert "1234" not in str(refusal.value)
