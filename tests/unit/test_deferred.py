"""What is learned in windows: pending until its window closes, and rewritten with what it rests on."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from memory_consumer.asking import open_windows
from memory_consumer.asking.open_windows import OpenWindow
from memory_consumer.asking.windows import Found
from memory_consumer.extractors import offline
from memory_consumer.filing.filings import filing
from memory_consumer.learning import deferred
from memory_consumer.learning.deferred import Deferred
from memory_consumer.learning.extractor import Extractor
from memory_consumer.learning.fold import Event, fold
from memory_consumer.learning.ledger import Ledger
from memory_consumer.records.cdc import decode
from memory_consumer.records.facts import FactsRecord, fact_hash
from memory_store.models import point_id, text_hash
from tests.support import events
from tests.support.events import START, Row

MODEL = Deferred("mem0-1", offline.EXTRACTOR)

BREAD = Row(1, "I bake bread.")
YEARS = Row(2, "I have done so for 8 years.")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "l.db", log_id="a")


def happens(ledger: Ledger, row: Row, *, removed: bool = False) -> list[FactsRecord]:
    change = decode(events.key(row.id), events.removed(row.id) if removed else events.written(row))
    assert change is not None
    return fold(Event(change, row.id), ledger, MODEL, START)


def window(ledger: Ledger, *, messages: int = 10, tokens: int = 2000) -> OpenWindow:
    found = open_windows.opened(ledger, "alice", messages=messages, tokens=tokens)
    assert found is not None
    return found


def learned(ledger: Ledger, *found: Found) -> dict[int, FactsRecord]:
    opened = open_windows.with_known(window(ledger), ledger, [])
    records = deferred.settled(opened.given, found, START, partial(open_windows.also, opened))
    for record in records:
        ledger.put(record)
    return {record.message_id: record for record in records}


def fact(text: str, *sources: int, supersedes: Sequence[str] = ()) -> Found:
    return Found(text, tuple(sources), "en", supersedes=tuple(supersedes))


def texts(record: FactsRecord | None) -> list[str]:
    return [] if record is None else [each.text for each in record.facts]


def ref(text: str) -> str:
    return f"mem0-1:{fact_hash(text)}"


def test_a_message_is_pending_until_its_window_closes(ledger: Ledger) -> None:
    [record] = happens(ledger, BREAD)

    assert (record.state, record.facts, record.text) == ("pending", (), "I bake bread.")
    assert [(each.user_id, each.messages) for each in ledger.waiting()] == [("alice", 1)]


def test_a_message_that_is_delivered_again_while_it_is_pending_changes_nothing(ledger: Ledger) -> None:
    happens(ledger, BREAD)

    assert happens(ledger, BREAD) == []


def test_a_note_is_learned_at_once_in_its_own_words_and_no_model_is_asked(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    [record] = happens(ledger, Row(2, " I like tea.\nLots of it. ", role="note"))

    assert (record.state, texts(record), record.context) == ("learned", ["I like tea.\nLots of it."], None)
    assert record.extractor == "mem0-1"
    assert window(ledger).learns == (1,)


@pytest.mark.parametrize("extractor", [MODEL, offline.EXTRACTOR])
def test_the_id_of_a_notes_memory_follows_from_its_row_and_words_whatever_learns_it(
    ledger: Ledger, extractor: Deferred | Extractor
) -> None:
    change = decode(events.key(7), events.written(Row(7, " I like tea. ", role="note")))
    assert change is not None
    [record] = fold(Event(change, 7), ledger, extractor, START)

    assert [each.id for each in filing(record, 7).memories] == [point_id(7, text_hash("I like tea."))]


@pytest.mark.parametrize("suppressed", ["all", [f"mem0-1:{fact_hash('I like tea.')}"], ["offline-2:abc"]])
def test_a_suppressed_note_is_learned_as_nothing(ledger: Ledger, suppressed: str | list[str]) -> None:
    note = Row(1, "I like tea.", role="note")
    happens(ledger, note)
    [record] = happens(ledger, note.edited(suppressed=suppressed))

    assert (record.state, record.facts) == ("learned", ())


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_what_a_user_says_or_notes_is_learned(ledger: Ledger, role: str) -> None:
    [record] = happens(ledger, Row(1, "You bake bread.", role=role))

    assert (record.state, record.text, ledger.waiting()) == ("learned", "", [])


def test_what_is_off_the_record_is_never_shown_to_a_model(ledger: Ledger) -> None:
    happens(ledger, Row(1, "I bake bread.", suppressed="all"))
    happens(ledger, YEARS)

    assert [turn.text for turn in window(ledger).window.turns] == ["I have done so for 8 years."]
    assert window(ledger).window.before == ()


def test_a_fact_is_filed_under_the_latest_message_it_rests_on(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    records = learned(ledger, fact("Alice has baked bread for 8 years.", 1, 2), fact("Alice bakes.", 1))

    assert {message: texts(record) for message, record in records.items()} == {
        1: ["Alice bakes."],
        2: ["Alice has baked bread for 8 years."],
    }
    assert records[2].cites == {1}
    assert records[2].window == (1, 2)


def test_a_fact_is_dated_by_its_message_with_the_speakers_offset(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    [record] = learned(ledger, fact("Alice bakes.", 1)).values()

    said_at = record.facts[0].said_at
    assert said_at == START + timedelta(minutes=1)
    assert said_at.utcoffset() == timedelta(hours=9)


def test_a_fact_that_rests_on_no_message_of_its_window_is_not_kept(ledger: Ledger) -> None:
    happens(ledger, BREAD)

    assert texts(learned(ledger, fact("Bob bakes.", 7))[1]) == []


def test_the_assistants_answers_between_are_shown_and_not_learned(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, Row(2, "Since when?", role="assistant"))
    happens(ledger, Row(3, "Since 2018."))

    opened = window(ledger)
    assert [(turn.message_id, turn.role) for turn in opened.window.turns] == [
        (1, "user"),
        (2, "assistant"),
        (3, "user"),
    ]
    assert opened.learns == (1, 3)


def test_what_was_said_before_a_window_is_shown_apart(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    learned(ledger)
    happens(ledger, YEARS)
    happens(ledger, Row(3, "Where do I live?", conversation_id="c2"))

    opened = window(ledger).window
    assert [turn.message_id for turn in opened.before] == [1]
    assert [turn.message_id for turn in opened.turns] == [2, 3]


@pytest.mark.parametrize(("messages", "tokens", "learns"), [(2, 2000, (1, 2)), (10, 15, (1, 2)), (10, 1, (1,))])
def test_a_window_is_bounded_in_messages_and_tokens_and_holds_at_least_one(
    ledger: Ledger, messages: int, tokens: int, learns: tuple[int, ...]
) -> None:
    for row in (BREAD, YEARS, Row(3, "I live in Kyoto, near the station.")):
        happens(ledger, row)

    assert window(ledger, messages=messages, tokens=tokens).learns == learns


@pytest.mark.parametrize("removed", [False, True])
def test_a_fact_goes_with_a_message_it_rests_on_and_the_others_are_read_again(
    ledger: Ledger, removed: bool
) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    learned(ledger, fact("Alice has baked bread for 8 years.", 1, 2), fact("Alice is patient.", 2))
    own, rewritten = happens(ledger, BREAD.edited(content="I bake pizza."), removed=removed)

    assert own.state == ("deleted" if removed else "pending")
    assert (rewritten.message_id, rewritten.state) == (2, "pending")
    assert texts(rewritten) == ["Alice is patient."]


def test_a_memory_that_is_forgotten_goes_without_asking_a_model_again(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    learned(ledger, fact("Alice has baked for 8 years.", 1, 2), fact("Alice is patient.", 2), fact("Bread!", 1))
    refused = [ref("Alice has baked for 8 years.")]
    happens(ledger, BREAD.edited(suppressed=refused))
    after_the_first_source = texts(ledger.record(2))
    happens(ledger, YEARS.edited(suppressed=refused))

    assert after_the_first_source == ["Alice is patient."]
    assert texts(ledger.record(1)) == ["Bread!"]
    assert texts(ledger.record(2)) == ["Alice is patient."]
    assert ledger.waiting() == []


def test_a_fact_that_rests_on_a_message_with_other_suppressions_stands_at_its_new_revision(
    ledger: Ledger,
) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    learned(ledger, fact("Alice has baked for 8 years.", 1, 2), fact("Bread!", 1))
    bread = BREAD.edited(suppressed=[ref("Bread!")])
    happens(ledger, bread)

    record = ledger.record(2)
    assert texts(record) == ["Alice has baked for 8 years."]
    assert record is not None
    assert {source.revision for source in record.facts[0].sources} == {bread.revision, YEARS.revision}
    assert record.state == "learned"


def test_words_that_changed_under_a_suppression_are_not_given_to_a_model_again(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    learned(ledger, fact("Bread!", 1))
    [record] = happens(ledger, BREAD.edited(content="I bake cakes.", suppressed=[ref("Bread!")]))

    assert (record.state, record.facts, record.text, record.said) == ("learned", (), "", "")


def test_a_suppression_by_another_extractors_words_forbids_all(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    learned(ledger, fact("Bread!", 1))
    happens(ledger, BREAD.edited(suppressed=["offline-1:abc"]))

    assert texts(ledger.record(1)) == []


def test_a_window_that_changed_while_the_model_read_it_does_not_stand(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    opened = window(ledger)
    assert open_windows.stands(opened, ledger)
    happens(ledger, BREAD, removed=True)

    assert not open_windows.stands(opened, ledger)


def test_a_window_does_not_stand_once_a_memory_it_was_shown_is_gone(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    learned(ledger, fact("Alice bakes.", 1))
    happens(ledger, YEARS)
    opened = open_windows.with_known(window(ledger), ledger, [])
    assert [known.text for known in opened.window.known] == ["Alice bakes."]
    happens(ledger, BREAD.edited(suppressed=[ref("Alice bakes.")]))

    assert not open_windows.stands(opened, ledger)


def test_what_a_fact_supersedes_is_kept_with_it(ledger: Ledger) -> None:
    old = point_id(1, fact_hash("Alice bakes."))
    happens(ledger, YEARS)
    [record] = learned(ledger, fact("Alice stopped baking.", 2, supersedes=[old])).values()

    assert record.facts[0].supersedes == (old,)


MOVED = "Alice moved from Leeds to York."


def test_a_message_that_is_read_again_is_not_shown_what_was_learned_from_it(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    learned(ledger, fact("Alice has baked bread for 8 years.", 1, 2), fact("Alice is patient.", 2))
    happens(ledger, BREAD, removed=True)

    assert open_windows.with_known(window(ledger), ledger, []).window.known == ()


def test_a_fact_goes_with_the_memory_it_supersedes_since_it_may_tell_of_it(ledger: Ledger) -> None:
    happens(ledger, Row(1, "I live in Leeds."))
    learned(ledger, fact("Alice lives in Leeds.", 1))
    happens(ledger, Row(2, "I moved to York."))
    learned(ledger, fact(MOVED, 2, supersedes=[point_id(1, fact_hash("Alice lives in Leeds."))]))
    happens(ledger, Row(1, "I live in Leeds."), removed=True)

    record = ledger.record(2)
    assert record is not None
    assert (texts(record), record.state) == ([], "pending")


def test_a_fact_goes_with_whatever_a_word_of_it_is_from_cited_or_not(ledger: Ledger) -> None:
    happens(ledger, Row(1, "Leeds is where I live.", role="assistant"))
    happens(ledger, Row(2, "I moved to York."))
    learned(ledger, fact(MOVED, 2))
    happens(ledger, Row(1, "Leeds is where I live.", role="assistant"), removed=True)

    assert texts(ledger.record(2)) == []


def test_a_fact_that_says_only_what_it_cites_rests_on_nothing_else(ledger: Ledger) -> None:
    happens(ledger, Row(1, "I live in Leeds."))
    happens(ledger, Row(2, "I moved to York."))
    records = learned(ledger, fact("User moved to York.", 2))

    assert records[2].cites == frozenset()


def test_who_moves_back_home_is_not_shown_as_living_there_already(ledger: Ledger) -> None:
    happens(ledger, Row(1, "I live in Leeds."))
    learned(ledger, fact("Alice lives in Leeds.", 1))
    happens(ledger, Row(2, "I moved to York."))
    learned(ledger, fact("Alice lives in York.", 2, supersedes=[point_id(1, fact_hash("Alice lives in Leeds."))]))
    happens(ledger, Row(3, "I live in Leeds again."))

    known = open_windows.with_known(window(ledger), ledger, []).window.known
    assert [each.text for each in known] == ["Alice lives in York."]


def test_forgetting_one_memory_of_a_message_that_is_read_again_keeps_the_others(ledger: Ledger) -> None:
    happens(ledger, BREAD)
    happens(ledger, YEARS)
    learned(ledger, fact("Both.", 1, 2), fact("Alice is patient.", 2), fact("Alice is old.", 2))
    happens(ledger, BREAD, removed=True)
    happens(ledger, YEARS.edited(suppressed=[ref("Alice is old.")]))

    assert texts(ledger.record(2)) == ["Alice is patient."]
