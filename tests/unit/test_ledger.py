"""The ledger is a cache that can be thrown away, and keeps no erased text."""

import sqlite3
from pathlib import Path

import pytest

from memory_consumer.cdc import decode
from memory_consumer.facts import FactsRecord
from memory_consumer.fold import Event, fold
from memory_consumer.ledger import Ledger
from memory_consumer.offline import EXTRACTOR
from tests.support import events
from tests.support.events import START, Row


def record_of(ledger: Ledger, message_id: int, value: bytes) -> list[FactsRecord]:
    change = decode(events.key(message_id), value)
    assert change is not None
    return fold(Event(change, message_id), ledger, EXTRACTOR, START)


def test_what_is_put_in_a_batch_is_there_after_reopening(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(Row(1, "I bake bread.")))
        ledger.advance(5)
    ledger.close()
    reopened = Ledger(tmp_path / "l.db", log_id="a")

    assert reopened.position == 5
    assert reopened.record(1) is not None
    reopened.close()


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")

    def fail() -> None:
        with ledger.batch():
            record_of(ledger, 1, events.written(Row(1, "I bake bread.")))
            ledger.advance(5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert (ledger.record(1), ledger.position) == (None, 0)
    ledger.close()


def test_a_ledger_of_another_log_is_thrown_away(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(Row(1, "I bake bread.")))
        ledger.advance(5)
    ledger.close()
    other = Ledger(tmp_path / "l.db", log_id="made again")

    assert (other.record(1), other.position) == (None, 0)
    other.close()


def test_deleted_text_is_in_no_file_of_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(Row(1, "The safe opens with 4711.")))
        record_of(ledger, 2, events.written(Row(2, "I bake bread.")))
    with ledger.batch():
        record_of(ledger, 1, events.removed(1))
    ledger.forget_traces()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    ledger.close()

    assert b"I bake bread." in held
    assert b"4711" not in held


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_bytes(b"this is not a database" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        Ledger(tmp_path / "l.db", log_id="a")
