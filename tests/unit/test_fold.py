"""What a change makes of what has been learned (design rules 1, 3 and 4)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_consumer.extractors.offline import EXTRACTOR
from memory_consumer.learning import fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.records import cdc
from memory_consumer.records.facts import FactsRecord, fact_hash
from tests.support import events
from tests.support.events import Row

NOW = datetime(2026, 3, 3, tzinfo=UTC)


class Partition:
    """One partition's learning over a real ledger."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path, log_id="log")
        self._offset = 0

    def write(self, row: Row, op: str = "c") -> list[FactsRecord]:
        return self._fold(row.id, events.written(row, op))

    def remove(self, message_id: int) -> list[FactsRecord]:
        return self._fold(message_id, events.removed(message_id))

    def garble(self, message_id: int) -> list[FactsRecord]:
        self._offset += 1
        return fold.set_aside(message_id, self._offset, self.ledger, EXTRACTOR, NOW)

    def _fold(self, message_id: int, value: bytes) -> list[FactsRecord]:
        change = cdc.decode(events.key(message_id), value)
        assert change is not None
        self._offset += 1
        return fold.fold(fold.Event(change, self._offset), self.ledger, EXTRACTOR, NOW)


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    made = Partition(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def texts(record: FactsRecord) -> list[str]:
    return [fact.text for fact in record.facts]


BREAD = Row(1, "パン屋をやっています。")
YEARS = Row(2, "今年で8年目です。")
DOG = Row(3, "犬のモカと暮らしています。")


def test_a_message_becomes_one_record_with_the_turn_before_as_context(partition: Partition) -> None:
    partition.write(BREAD)
    (record,) = partition.write(YEARS)

    assert texts(record) == [YEARS.content]
    assert record.context is not None
    assert (record.context.message_id, record.context.text) == (1, BREAD.content)


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_an_unchanged_row_is_never_learned_twice_whatever_its_op(partition: Partition, op: str) -> None:
    partition.write(BREAD)

    assert partition.write(BREAD, op) == []


def test_an_edit_back_to_what_was_said_before_is_learned_again(partition: Partition) -> None:
    partition.write(BREAD)
    partition.write(BREAD.edited(content="花屋をやっています。"), "u")
    (record,) = partition.write(BREAD, "u")

    assert texts(record) == [BREAD.content]
    assert record.revision == BREAD.revision


def test_an_edit_rewrites_the_record_that_holds_the_old_text(partition: Partition) -> None:
    partition.write(BREAD)
    partition.write(YEARS)
    own, citing = partition.write(BREAD.edited(content="花屋をやっています。"), "u")

    assert texts(own) == ["花屋をやっています。"]
    assert citing.message_id == 2
    assert citing.context is not None
    assert citing.context.text == "花屋をやっています。"


def test_a_delete_empties_the_record_and_leaves_its_text_nowhere(partition: Partition) -> None:
    partition.write(BREAD)
    partition.write(YEARS)
    partition.write(DOG)
    gone, rewritten = partition.remove(2)

    assert (gone.state, gone.facts, gone.said, gone.user_id) == ("deleted", (), "", "alice")
    assert rewritten.context is not None
    assert rewritten.context.text == BREAD.content
    assert all(YEARS.content not in record.model_dump_json() for record in (gone, rewritten))


def test_deleting_twice_or_what_was_never_seen_writes_nothing(partition: Partition) -> None:
    partition.write(BREAD)
    partition.remove(1)

    assert partition.remove(1) == []
    assert partition.remove(99) == []


def test_a_suppressed_fact_is_left_out_and_its_message_is_no_context(partition: Partition) -> None:
    (learned,) = partition.write(BREAD)
    ref = f"{EXTRACTOR.version}:{learned.facts[0].hash}"
    (record,) = partition.write(BREAD.edited(suppressed=[ref]), "u")
    (after,) = partition.write(YEARS)

    assert (record.state, record.facts, record.said) == ("learned", (), "")
    assert after.context is None


def test_a_message_off_the_record_is_learned_as_nothing(partition: Partition) -> None:
    (record,) = partition.write(BREAD.edited(suppressed="all"))

    assert (record.state, record.facts, record.said) == ("learned", (), "")


def test_a_suppression_made_under_another_extractor_keeps_the_whole_message_out(partition: Partition) -> None:
    (record,) = partition.write(BREAD.edited(suppressed=["mem0-3:" + "0" * 32]))

    assert record.facts == ()


def test_an_assistants_turn_is_context_but_no_memory(partition: Partition) -> None:
    (reply,) = partition.write(Row(1, "お店は長いんですか？", role="assistant"))
    (answer,) = partition.write(Row(2, "8年目です。"))

    assert reply.facts == ()
    assert answer.context is not None
    assert answer.context.message_id == 1


def test_conversations_and_users_give_each_other_no_context(partition: Partition) -> None:
    partition.write(BREAD)
    (elsewhere,) = partition.write(YEARS.edited(conversation_id="c2"))
    (other,) = partition.write(DOG.edited(user_id="Alice"))

    assert elsewhere.context is None
    assert other.context is None


def test_an_unreadable_event_leaves_the_message_dead_until_it_can_be_read(partition: Partition) -> None:
    partition.write(BREAD)
    partition.write(YEARS)
    dead, rewritten = partition.garble(1)

    assert (dead.state, dead.facts, dead.user_id) == ("dead", (), "alice")
    assert rewritten.context is None
    assert [texts(record) for record in partition.write(BREAD, "u")] == [[BREAD.content], [YEARS.content]]


TEXTS = ("I bake bread.", "I have a dog.", "thanks!", "My car is red.")
REFUSED = f"{EXTRACTOR.version}:{fact_hash('I have a dog.')}"
ROWS = st.builds(
    Row,
    id=st.integers(1, 6),
    content=st.sampled_from(TEXTS),
    conversation_id=st.just("c1"),
    role=st.sampled_from(["user", "assistant", "note"]),
    suppressed=st.sampled_from([None, None, None, "all", [REFUSED]]),
)


def expected(rows: dict[int, Row]) -> dict[int, tuple[list[str], str]]:
    """Every living message's facts and context, from the rows alone."""
    found = {}
    for message in sorted(rows):
        row = rows[message]
        refused = row.suppressed == "all" or (row.suppressed is not None and row.content == "I have a dog.")
        tells = row.content != "thanks!" or row.role == "note"
        usable = not refused and row.role != "assistant" and tells
        before = [
            rows[other].content for other in sorted(rows) if other < message and rows[other].suppressed is None
        ]
        found[message] = (
            [row.content] if usable else [],
            before[-1] if usable and before and row.role != "note" else "",
        )
    return found


@given(st.lists(st.one_of(ROWS, st.integers(1, 6)), max_size=25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_whatever_happened_the_records_are_a_function_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[Row | int]
) -> None:
    partition = Partition(tmp_path_factory.mktemp("ledger") / "ledger.db")
    rows: dict[int, Row] = {}
    for happening in history:
        if isinstance(happening, int):
            partition.remove(happening)
            rows.pop(happening, None)
        else:
            partition.write(happening)
            rows[happening.id] = happening
    records = {message: partition.ledger.record(message) for message in range(1, 7)}
    partition.ledger.close()

    assert {
        message: (texts(record), record.context.text if record.context else "")
        for message, record in records.items()
        if record is not None and record.state == "learned"
    } == expected(rows)
