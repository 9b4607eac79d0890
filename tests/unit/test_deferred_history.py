"""Whatever happens to messages while a model reads them, nothing is remembered of words that are gone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_consumer.asking import open_windows
from memory_consumer.asking.open_windows import OpenWindow
from memory_consumer.asking.windows import Found
from memory_consumer.extractors import offline
from memory_consumer.learning import deferred
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.fold import Event, fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.records.cdc import decode
from memory_consumer.records.facts import FactsRecord
from tests.support import events
from tests.support.events import START, Row

MODEL = Deferred("mem0-1", offline.EXTRACTOR)
IDS = range(1, 6)


@dataclass(frozen=True)
class Says:
    """A message is written, or edited to new words."""

    id: int
    role: str


@dataclass(frozen=True)
class Forgets:
    """A message is taken off the record, or all that was learned from it is suppressed."""

    id: int
    all: bool


@dataclass(frozen=True)
class Removes:
    """A message is deleted."""

    id: int


@dataclass(frozen=True)
class Opens:
    """A model is given a window of so many messages."""

    messages: int


@dataclass(frozen=True)
class Answers:
    """The answer to the window comes, each fact resting on some of what was shown."""

    together: bool


Happening = Says | Forgets | Removes | Opens | Answers

HAPPENINGS = st.one_of(
    st.builds(Says, st.sampled_from(IDS), st.sampled_from(["user", "user", "note", "assistant"])),
    st.builds(Forgets, st.sampled_from(IDS), st.booleans()),
    st.builds(Removes, st.sampled_from(IDS)),
    st.builds(Opens, st.sampled_from([1, 2, 10])),
    st.builds(Answers, st.booleans()),
)


class History:
    """A partition's rows and learning; every wording of a message is a word of its own."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path, log_id="log")
        self.rows: dict[int, Row] = {}
        self._words = 0
        self._offset = 0
        self._window: OpenWindow | None = None

    def happens(self, happening: Happening) -> None:
        match happening:
            case Says(message, role):
                self._words += 1
                self._write(Row(message, f"word{self._words}.", role=role))
            case Forgets(message, all=everything) if message in self.rows:
                known = self.ledger.record(message)
                refs = [f"mem0-1:{fact.hash}" for fact in known.facts] if known else []
                self._write(self.rows[message].edited(suppressed="all" if everything else refs or None))
            case Removes(message) if self.rows.pop(message, None):
                self._fold(message, events.removed(message))
            case Opens(messages):
                window = open_windows.opened(self.ledger, "alice", messages=messages, tokens=2000)
                self._window = open_windows.with_known(window, self.ledger, []) if window else None
            case Answers(together):
                self._answer(together=together)
            case _:
                pass

    def learn_the_rest(self) -> None:
        for _ in IDS:
            self.happens(Opens(10))
            self.happens(Answers(together=False))

    def records(self) -> dict[int, FactsRecord]:
        found = {message: self.ledger.record(message) for message in IDS}
        return {message: record for message, record in found.items() if record is not None}

    def _answer(self, *, together: bool) -> None:
        window, self._window = self._window, None
        if window is None or not open_windows.stands(window, self.ledger):
            return
        also = partial(open_windows.also, window)
        for record in deferred.settled(window.given, _found(window, together=together), START, also):
            self.ledger.put(record)

    def _write(self, row: Row) -> None:
        self.rows[row.id] = row
        self._fold(row.id, events.written(row))

    def _fold(self, message: int, value: bytes) -> None:
        change = decode(events.key(message), value)
        assert change is not None
        self._offset += 1
        fold(Event(change, self._offset), self.ledger, MODEL, START)


def _found(window: OpenWindow, *, together: bool) -> Sequence[Found]:
    turns = window.window.turns
    each = [Found(turn.text, (turn.message_id,), "en") for turn in turns]
    whole = Found(" ".join(turn.text for turn in turns), tuple(turn.message_id for turn in turns), "en")
    return [*each, whole] if together else each


def words(record: FactsRecord) -> set[str]:
    return set(re.findall(r"word\d+\.", record.model_dump_json()))


def allowed(rows: Mapping[int, Row]) -> set[str]:
    return {row.content for row in rows.values() if row.suppressed != "all"}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HAPPENINGS, max_size=25))
def test_whatever_happened_nothing_is_remembered_of_words_that_are_gone(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[Happening]
) -> None:
    history = History(tmp_path_factory.mktemp("ledger") / "l.db")
    for happening in happenings:
        history.happens(happening)
        for record in history.records().values():
            assert words(record) <= allowed(history.rows)
    history.ledger.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HAPPENINGS, max_size=25))
def test_whatever_happened_every_fact_rests_on_what_its_sources_say_now_and_all_is_learned_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[Happening]
) -> None:
    history = History(tmp_path_factory.mktemp("ledger") / "l.db")
    for happening in happenings:
        history.happens(happening)
    history.learn_the_rest()

    assert history.ledger.waiting() == []
    for message, record in history.records().items():
        assert record.state == ("learned" if message in history.rows else "deleted")
        for fact in record.facts:
            for source in fact.sources:
                row = history.rows[source.message_id]
                assert source.revision == row.revision
                assert f"mem0-1:{fact.hash}" not in (row.suppressed or ())
    remembered = {fact.text for record in history.records().values() for fact in record.facts}
    plain = {row.content for row in history.rows.values() if row.suppressed is None and row.role != "assistant"}
    assert plain <= remembered
    history.ledger.close()
