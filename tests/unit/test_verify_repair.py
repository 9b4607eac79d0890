"""What mending does, and above all what it leaves alone."""

import json
from pathlib import Path

import pytest

from memory_consumer.filing.filings import filing
from memory_consumer.verify.differences import KINDS, Kind
from memory_consumer.verify.look import Line
from tests.support import events
from tests.support.events import Row
from tests.support.places import Held

HEALED: tuple[Kind, ...] = ("orphaned",)
TEA, CAT = Row(1, "I like tea."), Row(2, "I have a cat.")
GTID = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"


@pytest.fixture
def held(tmp_path: Path) -> Held:
    """One message that is learned and filed."""
    made = Held(tmp_path)
    made.say(TEA)
    made.learn(TEA)
    return made


def orphan(held: Held, gtid: str | None = GTID, op: str = "c") -> None:
    """A message that is learned and filed, and whose row is gone."""
    value = json.loads(events.written(CAT, op))
    value["source"]["gtid"] = gtid
    held.event(CAT, json.dumps(value).encode())
    held.learn(CAT)


def deletes(held: Held) -> set[bytes]:
    return {key for _, key, value in held.logs["messages"] if json.loads(value)["op"] == "d"}


def unsure(lines: list[Line]) -> str:
    return str(lines[-1]["unsure"])


def test_what_is_gone_is_deleted_in_the_log(held: Held) -> None:
    orphan(held)

    held.verify(repair=KINDS)

    assert deletes(held) == {events.key(CAT.id)}


def test_a_row_that_stands_again_when_its_delete_would_be_written_is_left_alone(held: Held) -> None:
    orphan(held)
    # Two looks find it gone, and so does the proof that nothing was lost.
    held.before_snapshot = [None, None, None, lambda: held.rows.update({CAT.id: CAT})]

    held.verify(repair=KINDS)

    assert deletes(held) == set()


def test_what_mysql_never_executed_was_lost_and_not_deleted(held: Held) -> None:
    orphan(held)
    held.executed = lambda wanted: GTID not in wanted

    assert "a transaction that MySQL has never had" in unsure(held.verify(repair=KINDS))
    assert deletes(held) == set()


def test_of_many_that_are_gone_none_is_deleted_where_a_single_one_was_lost(held: Held) -> None:
    for number in range(2, 602):
        held.event(Row(number, "I have a cat."), events.written(Row(number, "I have a cat."), "r"))
        held.learn(Row(number, "I have a cat."))
    lost = json.loads(events.written(Row(602, "I have a cow."), "c"))
    lost["source"]["gtid"] = GTID
    held.event(Row(602, "I have a cow."), json.dumps(lost).encode())
    held.executed = lambda wanted: GTID not in wanted

    assert "a transaction that MySQL has never had" in unsure(held.verify(repair=KINDS))
    assert deletes(held) == set()


@pytest.mark.parametrize(("gtid", "op"), [(None, "c"), ("not one", "c"), (GTID, "r")])
def test_an_event_that_names_no_transaction_of_the_rows_is_guarded_by_the_ids(
    held: Held, gtid: str | None, op: str
) -> None:
    orphan(held, gtid, op)
    held.executed = lambda _: False
    held.following = CAT.id

    assert "MySQL has never had one after" in unsure(held.verify(repair=KINDS))
    held.following = CAT.id + 1
    held.verify(repair=KINDS)

    assert deletes(held) == {events.key(CAT.id)}


def test_once_rows_were_lost_nothing_is_mended_unattended_until_somebody_has_mended(held: Held) -> None:
    orphan(held)
    held.executed = lambda wanted: GTID not in wanted
    [*_, refused] = held.verify(repair=HEALED, unattended=True)
    assert "a transaction that MySQL has never had" in refused["held"]

    held.executed = lambda _: True
    assert held.verify(repair=HEALED, unattended=True) == [refused]
    assert held.verify()[-1]["report"]["held"] == refused["held"]
    assert held.verify(repair=HEALED, unattended=True) == [refused]
    assert deletes(held) == set()

    held.verify(repair=KINDS)
    assert deletes(held) == {events.key(CAT.id)}
    assert held.verify(repair=HEALED, unattended=True)[-1]["report"]["held"] is None


def test_what_was_filed_by_a_record_that_the_log_lost_is_filed_anew_by_the_one_that_it_has(held: Held) -> None:
    held.say(CAT)
    held.learn(CAT)
    held.file(filing(events.learned(CAT, "I have a cow."), 57))

    before, *_, after = held.verify(repair=KINDS)

    assert (before["difference"]["kind"], after["report"]["differences"]) == ("stale", {})
    assert [memory.text for memory in held.live.filed_under([CAT.id])] == [CAT.content]


def test_what_a_living_message_has_filed_stays_while_it_is_learned_again(held: Held) -> None:
    held.say(CAT)
    held.file(filing(events.learned(CAT), 57))

    held.verify(repair=KINDS)

    assert held.live.receipts([CAT.id])[CAT.id].state == "learned"
    assert held.reread[0] == [CAT.id]


def test_what_is_filed_for_a_row_that_stands_again_is_left_alone(held: Held) -> None:
    held.file(filing(events.learned(CAT), 57))
    held.before_snapshot = [None, None, lambda: held.rows.update({CAT.id: CAT})]

    held.verify(repair=KINDS)

    assert [memory.text for memory in held.live.filed_under([CAT.id])] == [CAT.content]


def test_what_is_filed_for_nothing_is_taken_out(held: Held) -> None:
    held.file(filing(events.learned(CAT), 57))

    assert held.verify(repair=KINDS)[-1]["report"]["differences"] == {}
    assert held.live.filed_under([CAT.id]) == []


def test_the_connector_starts_again_where_reading_rows_again_came_to_nothing_and_is_asked_once_more(
    held: Held,
) -> None:
    held.rows[CAT.id] = CAT

    held.verify(repair=KINDS)

    assert (held.reread, held.restarts) == ([[CAT.id], [CAT.id]], 1)


def test_the_connector_goes_on_where_what_cannot_be_mended_is_none_of_its(held: Held) -> None:
    orphan(held)

    assert held.verify(repair=KINDS)[-1]["report"]["differences"] == {"orphaned": 1}
    assert held.restarts == 0
