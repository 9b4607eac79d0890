"""What is left in the logs of messages that were erased: every record with words counts, also a replaced one."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from memory_consumer import names
from memory_consumer.erasing.traces import Traces
from memory_consumer.extractors import offline
from memory_consumer.learning.fold import Event, fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.profiles import record as profile
from memory_consumer.profiles import upkeep
from memory_consumer.records import cdc, facts
from memory_store.models import Extent
from tests.support import events
from tests.support.events import START, Row

TEA, CAT = Row(1, "I drink tea.", conversation_id="a"), Row(2, "I own a cat.", conversation_id="b")
THEIRS = Row(3, "It rains.", user_id="bob", conversation_id="a")
ALL = Extent("alice", 9)


class Logs:
    """Both logs as learning writes them, nothing compacted."""

    def __init__(self, folder: Path) -> None:
        self._ledger = Ledger(folder / "ledger.db", log_id="log")
        self.messages: list[tuple[bytes, bytes]] = []
        self.facts: list[tuple[bytes, bytes]] = []

    def happen(self, row: Row, op: str = "c") -> None:
        """An event, and what is learned from it."""
        value = events.removed(row.id) if op == "d" else events.written(row, op)
        self.messages.append((events.key(row.id), value))
        change = cdc.decode(*self.messages[-1])
        assert change is not None
        with self._ledger.batch():
            records = fold(Event(change, len(self.messages)), self._ledger, offline.EXTRACTOR, START)
            profiles = upkeep.changed(self._ledger, self._ledger.touched, START)
            for each in profiles:
                self._ledger.put_profile(each)
        self.facts += [facts.encode(each) for each in records] + [profile.encode(each) for each in profiles]

    def compacted(self) -> None:
        """Of each key the latest record only."""
        self.messages = list(dict(self.messages).items())
        self.facts = list(dict(self.facts).items())

    def all_left(self, extents: Sequence[Extent]) -> list[tuple[int, int, bool | None]]:
        """What is told of each of them by one pass over both logs."""
        traces = Traces(extents)
        for record in self.messages:
            traces.take_message(record)
        for record in self.facts:
            traces.take_facts("facts", record)
        counts = traces.counts()
        return [(counts[names.MESSAGES, each], counts["facts", each], traces.is_deleted(each)) for each in extents]

    def left(self, extent: Extent) -> tuple[int, int, bool | None]:
        """What is told of them."""
        [found] = self.all_left([extent])
        return found


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_what_was_said_and_edited_is_left_until_both_logs_are_compacted(logs: Logs) -> None:
    logs.happen(TEA)
    logs.happen(TEA.edited(content="I drink coffee."), "u")
    # Each with the profile that tells it.
    assert logs.left(Extent("alice", 1, alone=True)) == (2, 4, False)
    logs.happen(TEA, "d")
    assert logs.left(Extent("alice", 1, alone=True)) == (2, 4, True)

    logs.compacted()

    assert logs.left(Extent("alice", 1, alone=True)) == (0, 0, True)


def test_words_that_others_hold_as_their_context_or_in_a_profile_are_left_too(logs: Logs) -> None:
    logs.happen(TEA)
    logs.happen(Row(4, "I own a dog.", conversation_id="a"))
    logs.compacted()
    # The record of the other holds it as the turn before it, and the profile tells both.
    assert logs.left(Extent("alice", 1, alone=True)) == (1, 3, False)

    logs.happen(TEA, "d")
    logs.compacted()

    assert logs.left(Extent("alice", 1, alone=True)) == (0, 0, True)
    assert logs.left(Extent("alice", 4, alone=True))[:2] == (1, 2)


def test_only_a_users_own_up_to_a_message_and_of_a_conversation_are_meant(logs: Logs) -> None:
    for row in (TEA, CAT, THEIRS, Row(4, "I live in Oslo.", conversation_id="b")):
        logs.happen(row)

    assert [logs.left(Extent("alice", up_to))[0] for up_to in (1, 2, 3, 4)] == [1, 2, 2, 3]
    assert [logs.left(Extent("alice", up_to, "b"))[0] for up_to in (1, 2, 9)] == [0, 1, 2]
    assert logs.left(Extent("bob", 9))[0] == 1


@pytest.mark.parametrize("compacted", [False, True])
def test_extents_that_are_asked_about_together_are_told_as_each_by_itself(logs: Logs, *, compacted: bool) -> None:
    for row in (TEA, CAT, THEIRS, Row(4, "I live in Oslo.", conversation_id="b"), TEA.edited(content="Coffee.")):
        logs.happen(row)
    for row in (CAT, THEIRS):
        logs.happen(row, "d")
    if compacted:
        logs.compacted()
    extents = [
        Extent(user, up_to, **more)
        for user in ("alice", "bob", "nobody")
        for up_to in range(6)
        for more in ({}, {"alone": True}, {"conversation_id": "a"}, {"conversation_id": "b"})
    ]

    assert logs.all_left(extents) == [logs.left(each) for each in extents]


def test_of_which_conversation_a_cited_message_is_may_be_told_after_the_record_that_cites_it(logs: Logs) -> None:
    logs.happen(TEA)
    logs.happen(Row(4, "I own a dog.", conversation_id="a"))
    # As compaction leaves it, where the earlier message was written again.
    logs.facts.reverse()
    logs.messages.clear()

    assert logs.left(Extent("alice", 1, "a")) == (0, 4, None)
    assert logs.left(Extent("alice", 4, "b"))[:2] == (0, 0)


def test_of_a_last_message_that_no_log_has_it_cannot_be_told(logs: Logs) -> None:
    logs.happen(TEA)

    assert logs.left(ALL)[2] is None
    assert logs.left(Extent("nobody", 0)) == (0, 0, True)


@pytest.mark.parametrize(
    "record",
    [(b"no key", b"{}"), (b'{"id":1}', b"no event"), (b'{"sweep":1}', b"{}"), (b'{"id":1}', b""), (None, None)],
)
def test_what_cannot_be_read_is_passed_over_where_nothing_tells_whose_it_is(
    record: tuple[bytes | None, bytes | None],
) -> None:
    traces = Traces([ALL])
    traces.take_message(record)
    traces.take_facts("facts", record)

    assert traces.counts().total() == 0


def unread(row: Row) -> tuple[bytes, bytes]:
    """A record that has the words of a message and is none."""
    return events.key(row.id), f'{{"content": "{row.content}"}}'.encode()


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("garbled", [[names.MESSAGES], ["facts"], [names.MESSAGES, "facts"]])
def test_what_cannot_be_read_is_left_of_whoever_a_readable_record_says_said_it(
    logs: Logs, garbled: list[str], *, removed: bool
) -> None:
    for row in (TEA, CAT, THEIRS):
        logs.happen(row)
        if removed:
            logs.happen(row, "d")
    logs.compacted()
    extents = [ALL, Extent("alice", 1, alone=True), Extent("alice", 9, "a"), Extent("alice", 1), Extent("bob", 9)]
    before = logs.all_left(extents)
    # They stand before what tells whose they are: in a segment that Kafka cleans later.
    logs.messages[:0] = [unread(row) for row in (TEA, CAT, THEIRS) if names.MESSAGES in garbled]
    logs.facts[:0] = [unread(row) for row in (TEA, CAT, THEIRS) if "facts" in garbled]
    more = [
        (after[0] - was[0], after[1] - was[1]) for was, after in zip(before, logs.all_left(extents), strict=True)
    ]

    told = [(number * (names.MESSAGES in garbled), number * ("facts" in garbled)) for number in (2, 1, 1, 1, 1)]
    assert more == told


def test_what_cannot_be_read_is_left_of_whoever_a_letter_says_said_it() -> None:
    traces = Traces([ALL, Extent("bob", 9)])
    for row in (TEA, CAT):
        traces.take_message(unread(row))
        traces.take_message((events.key(row.id), events.removed(row.id)))
    traces.take_letter("alice", TEA.id)
    traces.take_letter(None, CAT.id)

    counts = traces.counts()
    assert (counts[names.MESSAGES, ALL], counts[names.MESSAGES, Extent("bob", 9)]) == (1, 0)


def test_of_a_message_that_was_erased_alone_its_key_tells_enough() -> None:
    alone = Extent("alice", TEA.id, alone=True)
    traces = Traces([alone])
    traces.take_message(unread(TEA))
    traces.take_message(unread(CAT))
    traces.take_facts("facts", unread(TEA))

    assert [traces.counts()[log, alone] for log in (names.MESSAGES, "facts")] == [1, 1]


def test_letters_are_counted_by_the_messages_they_are_about() -> None:
    some, conversation = Extent("alice", 2), Extent("alice", 9, "a")
    traces = Traces([some, conversation])
    for row in (TEA, CAT):
        traces.take_message((events.key(row.id), events.written(row)))
    for user_id, message_id in (("alice", 1), ("alice", 2), ("alice", 3), ("bob", 1), (None, 1), ("alice", None)):
        traces.take_letter(user_id, message_id)

    assert [traces.counts()[names.DEAD_LETTERS, each] for each in (some, conversation)] == [2, 1]
