"""The ledger is a cache that can be thrown away, and keeps no erased text."""

import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory_consumer.errors import Transient
from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.learning.fold import Event, fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.profiles.record import Cited, ProfileRecord, Told, line
from memory_consumer.records.cdc import decode
from memory_consumer.records.facts import FactsRecord
from memory_store.models import Extent
from tests.support import events
from tests.support.events import START, Row


def record_of(ledger: Ledger, message_id: int, value: bytes) -> list[FactsRecord]:
    change = decode(events.key(message_id), value)
    assert change is not None
    return fold(Event(change, message_id), ledger, EXTRACTOR, START)


def bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


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


SAFE = Row(1, "The safe opens with 4711.")


@pytest.mark.parametrize(
    "erasing",
    [
        events.removed(1),
        events.written(SAFE.edited(content="The safe is gone."), "u"),
        events.written(SAFE.edited(suppressed="all"), "u"),
    ],
    ids=["deleted", "edited", "suppressed"],
)
def test_erased_text_is_in_no_file_of_the_ledger(tmp_path: Path, erasing: bytes) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(SAFE))
        record_of(ledger, 2, events.written(Row(2, "I bake bread.")))
    before = bytes_under(tmp_path)
    with ledger.batch():
        record_of(ledger, 1, erasing)
    after = bytes_under(tmp_path)
    ledger.close()

    assert b"4711" in before
    assert b"4711" not in after
    assert b"I bake bread." in after


def test_traces_that_a_kill_left_behind_are_gone_after_the_next_start(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(SAFE))
    reader = sqlite3.connect(tmp_path / "l.db")
    reader.execute("BEGIN").execute("SELECT * FROM records").fetchone()
    with ledger.batch():
        record_of(ledger, 1, events.removed(1))
    held_up = bytes_under(tmp_path)
    reader.close()
    started_again = Ledger(tmp_path / "l.db", log_id="a")

    assert b"4711" in held_up
    assert b"4711" not in bytes_under(tmp_path)
    ledger.close()
    started_again.close()


@pytest.mark.parametrize("kept_bytes", [0, 5000])
def test_a_damaged_file_is_thrown_away_and_read_again_from_the_log(tmp_path: Path, kept_bytes: int) -> None:
    path = tmp_path / "l.db"
    ledger = Ledger(path, log_id="a")
    with ledger.batch():
        for number in range(1, 200):
            record_of(ledger, number, events.written(Row(number, "I bake bread.")))
        ledger.advance(199)
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:kept_bytes] + b"this is no database" * 4000)
    reopened = Ledger(path, log_id="a")

    assert (reopened.position, reopened.record(1)) == (0, None)
    reopened.close()


def test_a_disk_that_refuses_is_a_part_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "l.db").mkdir()

    with pytest.raises(Transient):
        Ledger(tmp_path / "l.db", log_id="a")


@pytest.fixture
def full() -> Iterator[Callable[[], None]]:
    """Makes the disk full: no file of this process can grow any more, until the test is over."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_a_part_that_is_away_and_costs_nothing(tmp_path: Path, full: Callable[[], None]) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(Row(1, "I bake bread.")))
        ledger.advance(5)
    full()

    def learn() -> None:
        with ledger.batch():
            for number in range(2, 1000):
                record_of(ledger, number, events.written(Row(number, "I have a dog. " * 50)))

    with pytest.raises(Transient, match="The ledger cannot be used"):
        learn()

    assert (ledger.position, ledger.record(1) is not None, ledger.record(2)) == (5, True, None)
    ledger.close()


def test_the_latest_profile_of_a_user_is_kept_and_what_it_no_longer_tells_is_in_no_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    fact = Told(Cited(message_id=1, extractor="e", hash="h"), "Code 4711.", (), START)
    told = ProfileRecord(user_id="alice", author="a", lines=(line("Code 4711.", [fact]),), learned_at=START)
    with ledger.batch():
        ledger.put_profile(told)
        ledger.put_profile(told.model_copy(update={"user_id": "bob", "lines": ()}))
    before = (ledger.profile("alice"), ledger.profile("Alice"))
    with ledger.batch():
        ledger.put_profile(told.model_copy(update={"lines": ()}))
    ledger.close()

    assert before == (told, None)
    assert b"4711" not in bytes_under(tmp_path)


def test_only_users_whose_facts_changed_in_this_batch_are_touched(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    with ledger.batch():
        record_of(ledger, 1, events.written(SAFE))
        record_of(ledger, 2, events.written(Row(2, "thanks!", user_id="bob")))
        first = ledger.touched
    with ledger.batch():
        nobody = ledger.touched
        record_of(ledger, 1, events.removed(1))
        second = ledger.touched
    ledger.close()

    assert [sorted(each) for each in (first, nobody, second)] == [[SAFE.user_id], [], [SAFE.user_id]]


def test_the_messages_of_an_extent_that_are_not_deleted_are_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db", log_id="a")
    rows = [Row(1, "tea"), Row(2, "cat", conversation_id="c2"), Row(3, "dog"), Row(4, "rain", user_id="bob")]
    with ledger.batch():
        for row in rows:
            record_of(ledger, row.id, events.written(row))
        record_of(ledger, 1, events.removed(1))

    told = [Extent("alice", 9), Extent("alice", 2), Extent("alice", 9, "c2"), Extent("alice", 3, alone=True)]
    assert [ledger.with_words(each, 10) for each in told] == [[2, 3], [2], [2], [3]]
    assert ledger.with_words(Extent("alice", 9), 1) == [2]
