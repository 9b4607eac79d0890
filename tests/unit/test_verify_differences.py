"""What is told to differ, for whatever the places may hold: the joins agree with a model in plain Python."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_consumer.errors import Transient
from memory_consumer.filing.filings import filing
from memory_consumer.verify.differences import Kind, Place
from memory_consumer.verify.tables import Counts, Logged, Row, Tables, work_file
from memory_store.models import Memory, Receipt
from tests.support import events
from tests.support.events import START

USER, OTHER = "alice", "bob"

Told = tuple[Kind, Place, int, bool]
EventState = Literal["written", "removed", "unreadable"]
RecordState = Literal["learned", "pending", "deleted", "dead", "unreadable"]
ReceiptState = Literal["learned", "pending", "deleted", "dead"]


@dataclass(frozen=True)
class Held:
    """What the places hold of one message. Positions below 10 have been passed by the stage after the log."""

    row: str | None = None
    event: tuple[EventState, str, int] | None = None
    record: tuple[RecordState, str, int, tuple[str, ...]] | None = None
    receipt: tuple[ReceiptState, str, int, int] | None = None
    points: tuple[str, ...] = ()
    #: Facts whose memory says something else than the facts record.
    altered: tuple[str, ...] = ()
    #: Facts that are filed once more, under an id of their own.
    twice: tuple[str, ...] = ()


def memories(message: int, texts: tuple[str, ...]) -> tuple[Memory, ...]:
    """The memories that these facts of a message become."""
    return filing(events.learned(events.Row(message, "said"), *texts), 0).memories if texts else ()


def filed(message: int, held: Held) -> Iterator[Memory]:
    """The memories in the store."""
    for memory in memories(message, held.points):
        yield replace(memory, text="altered") if memory.text in held.altered else memory
        if memory.text in held.twice:
            yield replace(memory, id=str(memory.id)[:-4] + "0000")


def filled(tables: Tables, world: dict[int, Held]) -> None:
    tables.put_passed("messages", {0: 10})
    tables.put_passed("facts", {0: 10})
    for message, held in world.items():
        if held.row is not None:
            tables.put_rows([Row(message, USER, held.row)])
        if held.event is not None:
            state, revision, position = held.event
            user = USER if state == "written" else ""
            tables.put_events([Logged(message, 0, position, state, user, revision)])
        if held.record is not None:
            told, revision, position, facts = held.record
            listed = memories(message, facts) if told in ("learned", "pending") else ()
            tables.put_records([Logged(message, 0, position, told, USER, revision, len(facts), listed)])
        if held.receipt is not None:
            of, revision, position, number = held.receipt
            tables.put_receipts([Receipt(message, USER, revision, of, number, START, position)])
        tables.put_points(filed(message, held))


def found(world: dict[int, Held], path: Path) -> set[Told]:
    with closing(Tables(path)) as tables:
        filled(tables, world)
        tables.find()
        return {(each.kind, each.place, each.message_id, each.under_way) for each in tables.differences()}


def expected(message: int, held: Held) -> Iterator[Told]:
    """What is wrong with a message, told the long way."""
    yield from _of_the_messages_log(message, held)
    yield from _of_the_facts_log(message, held)
    yield from _of_the_store(message, held)


def _of_the_messages_log(message: int, held: Held) -> Iterator[Told]:
    lives = held.event is not None and held.event[0] != "removed"
    if held.row is not None and not lives:
        yield "missing in log", "messages log", message, False
    if held.row is None and lives:
        yield "orphaned", "messages log", message, False
    if (
        held.row is not None
        and held.event is not None
        and held.event[0] == "written"
        and held.event[1] != held.row
    ):
        yield "stale", "messages log", message, False


def _of_the_facts_log(message: int, held: Held) -> Iterator[Told]:
    state, revision, position = held.event or ("removed", "", 0)
    waits, record = position >= 10, held.record
    if held.row is not None and state != "removed":
        if record is None or record[0] == "deleted":
            yield "not learned", "facts log", message, waits
        elif record[0] in ("dead", "unreadable"):
            yield "dead", "facts log", message, waits
        elif state == "unreadable" or revision != record[1]:
            yield "stale", "facts log", message, waits
    if held.row is None and state == "removed" and record is not None and record[0] != "deleted":
        yield "orphaned", "facts log", message, waits


def _of_the_store(message: int, held: Held) -> Iterator[Told]:
    if held.record is None:
        if held.points or (held.receipt is not None and held.receipt[0] != "deleted"):
            yield "orphaned", "store", message, False
        return
    state, revision, position, facts = held.record
    waits, receipt = position >= 10, held.receipt
    if state != "unreadable":
        if receipt is None or receipt[2] < position:
            yield "not projected", "store", message, waits
        elif receipt[2] > position or (receipt[0], receipt[1], receipt[3]) != (state, revision, len(facts)):
            yield "stale", "store", message, waits
    if receipt is not None and receipt[2] == position:
        listed = set(facts) if state in ("learned", "pending") else set()
        yield from _of_its_memories(message, held, listed, waits=waits)


def _of_its_memories(message: int, held: Held, listed: set[str], *, waits: bool) -> Iterator[Told]:
    if listed - set(held.points):
        yield "not projected", "store", message, waits
    if listed & set(held.points) & set(held.altered):
        yield "stale", "store", message, waits
    if listed & set(held.points) & set(held.twice):
        yield "doubled", "store", message, waits
    if set(held.points) - listed:
        yield "orphaned", "store", message, waits


revisions = st.sampled_from(["r1", "r2"])
positions = st.sampled_from([5, 6, 10])
texts = st.lists(st.sampled_from(["I like tea.", "I live in Oslo."]), unique=True).map(tuple)
worlds = st.dictionaries(
    st.integers(1, 4),
    st.builds(
        Held,
        row=st.none() | revisions,
        event=st.none() | st.tuples(st.sampled_from(get_args(EventState)), revisions, positions),
        record=st.none() | st.tuples(st.sampled_from(get_args(RecordState)), revisions, positions, texts),
        receipt=st.none()
        | st.tuples(st.sampled_from(get_args(ReceiptState)), revisions, positions, st.integers(0, 2)),
        points=texts,
        altered=texts,
        twice=texts,
    ),
    max_size=4,
)


@given(worlds)
def test_whatever_the_places_hold_what_differs_is_told_as_a_plain_comparison_tells_it(
    world: dict[int, Held],
) -> None:
    with TemporaryDirectory() as folder:
        told = found(world, Path(folder) / "work.db")

    assert told == {each for message, held in world.items() for each in expected(message, held)}


SOUND = Held(
    row="r1",
    event=("written", "r1", 5),
    record=("learned", "r1", 5, ("I like tea.",)),
    receipt=("learned", "r1", 5, 1),
    points=("I like tea.",),
)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (SOUND, set()),
        (replace(SOUND, event=None), {("missing in log", "messages log", 7, False)}),
        (replace(SOUND, record=None, receipt=None, points=()), {("not learned", "facts log", 7, False)}),
        (replace(SOUND, receipt=None, points=()), {("not projected", "store", 7, False)}),
        (replace(SOUND, twice=SOUND.points), {("doubled", "store", 7, False)}),
        (replace(SOUND, row="r2"), {("stale", "messages log", 7, False)}),
        (replace(SOUND, row=None), {("orphaned", "messages log", 7, False)}),
        (
            replace(SOUND, record=("dead", "", 5, ()), receipt=("dead", "", 5, 0), points=()),
            {("dead", "facts log", 7, False)},
        ),
        (
            replace(SOUND, event=("written", "r1", 10), record=None, receipt=None, points=()),
            {("not learned", "facts log", 7, True)},
        ),
    ],
)
def test_a_break_is_told_once_where_it_is_and_by_its_kind(held: Held, told: set[Told], tmp_path: Path) -> None:
    assert found({7: held}, tmp_path / "work.db") == told


def test_a_message_that_lives_in_two_partitions_is_doubled(tmp_path: Path) -> None:
    with closing(Tables(tmp_path / "work.db")) as tables:
        filled(tables, {7: SOUND})
        tables.put_events([Logged(7, 1, 0, "written", USER, "r1")])
        tables.put_records([Logged(7, 1, 0, "learned", USER, "r1")])
        tables.find()
        told = {(each.kind, each.place) for each in tables.differences()}

    assert told >= {("doubled", "messages log"), ("doubled", "facts log")}


def test_what_moved_while_it_was_looked_at_again_is_under_way(tmp_path: Path) -> None:
    with closing(Tables(tmp_path / "work.db")) as tables:
        filled(tables, {7: replace(SOUND, event=None), 8: SOUND})
        assert tables.find() == 1
        tables.suspect()
        filled(tables, {7: replace(SOUND, event=None)})
        tables.note_moved([7])
        tables.find()
        [told] = tables.differences()

    assert (told.message_id, told.under_way) == (7, True)


def test_only_the_user_that_was_asked_for_is_told_and_counted(tmp_path: Path) -> None:
    with closing(Tables(tmp_path / "work.db", OTHER)) as tables:
        filled(tables, {7: replace(SOUND, event=None), 8: SOUND})
        tables.put_rows([Row(9, OTHER, "r1")])
        tables.find()
        told, counts = [each.message_id for each in tables.differences()], tables.counts()

    assert told == [9]
    assert counts == Counts(rows=1, messages=0, learned=0, receipts=0, pending=0, facts=0, memories=0)


def test_a_killed_verification_leaves_nothing_behind(tmp_path: Path) -> None:
    """What it gathers has no name while it is at work; one that is killed closes nothing."""
    with work_file(tmp_path) as path:
        assert path is not None
        with closing(Tables(path)) as tables:
            filled(tables, {7: replace(SOUND, altered=SOUND.points)})
            tables.find()
            left = [each.name for each in path.parent.iterdir()]

    assert left == ["lock"]


def test_what_was_said_is_not_gathered(tmp_path: Path) -> None:
    with closing(Tables(tmp_path / "work.db")) as tables:
        filled(tables, {7: replace(SOUND, altered=SOUND.points)})
        tables.find()
        names = [name for (name,) in tables.rows_of("SELECT name FROM sqlite_master WHERE type = 'table'")]
        gathered = repr([list(tables.rows_of(f"SELECT * FROM {name}")) for name in names])  # noqa: S608

    assert USER in gathered
    assert "tea" not in gathered


@pytest.mark.parametrize("wrong", ["verify", "verify/lock", "verify/work.db"])
def test_a_folder_that_cannot_be_used_is_a_refusal(tmp_path: Path, wrong: str) -> None:
    inside = tmp_path / wrong
    if wrong == "verify":
        inside.write_bytes(b"")
    else:
        inside.mkdir(parents=True)

    with pytest.raises(Transient, match="own file"), work_file(tmp_path):
        pass


def test_a_file_that_cannot_be_opened_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="own file"):
        Tables(tmp_path / "nowhere" / "work.db")


def test_what_a_killed_verification_left_is_removed_by_the_next_and_only_one_runs_at_a_time(
    tmp_path: Path,
) -> None:
    (tmp_path / "verify").mkdir()
    (tmp_path / "verify" / "work.db").write_bytes(b"left")
    with work_file(tmp_path) as first, work_file(tmp_path) as second:
        assert first is not None
        assert not first.exists()
        assert second is None
    with work_file(tmp_path) as third:
        assert third is not None
