"""Change events are read whole or refused with a cause that quotes nothing."""

import json

import pytest

from memory_consumer import cdc
from memory_consumer.errors import Invalid
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


@pytest.mark.parametrize("key", [None, b"", b"x", b"7", b'{"id": "7"}', b'{"id": 0}', b'{"id": true}'])
def test_a_key_without_a_message_id_is_refused(key: bytes | None) -> None:
    with pytest.raises(Invalid):
        cdc.decode(key, events.written(ROW))


def test_a_refusal_never_quotes_the_text() -> None:
    event = json.loads(events.written(ROW))
    event["after"]["role"] = "暗証番号は1234です"

    with pytest.raises(Invalid) as refusal:
        cdc.decode(events.key(7), json.dumps(event).encode())

    assert "after.role" in str(refusal.value)
    assert "1234" not in str(refusal.value)
