"""Verifying on a real MySQL and Kafka: each kind of difference is made, told, and mended."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mysql.connector import DatabaseError

from chat_api.messages import Edit
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from memory_consumer import names
from memory_consumer.partition import partition_of
from memory_consumer.settings import ConsumerSettings
from memory_consumer.verify.differences import KINDS
from memory_consumer.verify.rows import MySqlRows
from memory_store.embed import embed
from memory_store.fake import HashEmbedder
from memory_store.models import Filing, Memory, Receipt
from tests.support import events
from tests.support.api import MySql, execute, gone, new_store
from tests.support.logs import Logs
from tests.support.services import now, running_mysql, stack_settings
from tests.support.verifying import World

#: No row ever had it, and none will in these tests.
NEVER = 10_000_000
#: A transaction of another MySQL's.
FOREIGN = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"


@pytest.fixture(scope="module")
def own_mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySql]:
    """A MySQL of this module's own: what others write would differ."""
    with running_mysql(stack_settings(tmp_path_factory.mktemp("verified"))) as server:
        yield server


@pytest.fixture
def world(own_mysql: MySql, settings: ConsumerSettings, logs: Logs) -> Iterator[World]:
    execute(own_mysql.root, "DELETE FROM messages")
    with closing(Database(own_mysql.api, pool_size=2)) as database:
        yield World(settings, own_mysql, database, Rows(database, clock=now), logs, new_store())


def refiled(world: World, message_id: int, change: Callable[[Memory], list[Memory]]) -> None:
    """Files the memories of a message as they should not be, under the receipt that they have."""
    receipt = world.live.receipts([message_id])[message_id]
    memories = tuple(made for memory in world.live.filed_under([message_id]) for made in change(memory))
    filing = Filing(receipt, memories)
    world.live.apply([filing], embed([filing], HashEmbedder()))


def another(memory: Memory) -> Memory:
    """The same, under an id of its own."""
    return replace(memory, id=f"{memory.id[:-4]}0000")


def damaged(world: World) -> set[tuple[str, int]]:
    """One message that differs in each way, with its kind. All but the last three belong to a living row."""
    dead = world.insert("I have a dog.")
    world.logs.write(events.key(dead.id), b"{}", partition=partition_of("alice"))
    unfiled, twice, odd, more, edited, silent, deleted = (
        world.say(f"I have {what}.") for what in ("a cat", "a horse", "a cow", "a goat", "a hen", "a bee", "a pig")
    )
    world.settle()
    refiled(world, unfiled.id, lambda _: [])
    refiled(world, twice.id, lambda memory: [memory, another(memory)])
    refiled(world, odd.id, lambda memory: [replace(memory, text="I have a cough.")])
    refiled(world, more.id, lambda memory: [memory, replace(another(memory), hash="0" * 32, text="More")])
    world.rows.edit("alice", edited.id, Edit(content="I have two hens."))
    missing, unlearned = world.insert("I have a fish."), world.say("I have a frog.")
    world.remove(silent)
    world.delete(deleted)
    world.pass_over("messages")
    return {
        ("dead", dead.id),
        ("not projected", unfiled.id),
        ("doubled", twice.id),
        ("stale", odd.id),
        ("orphaned", more.id),
        ("stale", edited.id),
        ("missing in log", missing.id),
        ("not learned", unlearned.id),
        ("orphaned", silent.id),
        ("orphaned", deleted.id),
        ("orphaned", filed_for_nothing(world)),
    }


def filed_for_nothing(world: World) -> int:
    """A receipt of a message that neither the rows nor the logs know."""
    message = world.insert("gone")
    world.remove(message)
    filing = Filing(Receipt(message.id, "alice", message.revision, "learned", 0, now(), 3), ())
    world.live.apply([filing], embed([filing], HashEmbedder()))
    return message.id


def test_a_difference_is_told_by_its_kind_and_message_and_mended(world: World) -> None:
    expected = damaged(world)

    told = world.verify()
    assert set(told.found()) == expected
    assert {kind for kind, _ in expected} == set(told.report["differences"]) == set(KINDS)

    mended = world.verify_beside_learning()
    assert set(mended.found()) == expected
    assert (mended.report["differences"], world.verify().report["differences"]) == ({}, {})
    animals = ("a dog", "a cat", "a horse", "a cow", "a goat", "two hens", "a fish", "a frog")
    assert dict(world.texts()) == {f"I have {each}.": 1 for each in animals}


def test_where_all_agrees_nothing_is_told_and_every_place_is_counted(world: World) -> None:
    world.say("I like tea.")
    world.edit(world.say("I live in Oslo."), "I live in Lisbon.")
    world.delete(world.say("I have a cat."))
    world.say("I like coffee.", "bob")
    world.settle()

    told = world.verify()

    assert (told.found(), told.report["differences"], told.report["under_way"]) == ([], {}, 0)
    assert told.report["counts"] == {
        "rows": 3, "messages": 3, "learned": 3, "receipts": 3, "pending": 0, "facts": 3, "memories": 3,
    }  # fmt: skip


def test_mending_what_agrees_writes_nothing(world: World) -> None:
    world.say("I like tea.")
    world.settle()
    before = [
        len(world.logs.read(topic, range(names.PARTITIONS))) for topic in (names.MESSAGES, names.facts_log("v1"))
    ]

    world.verify(repair=KINDS)

    after = [
        len(world.logs.read(topic, range(names.PARTITIONS))) for topic in (names.MESSAGES, names.facts_log("v1"))
    ]
    assert after == before


def test_what_waits_where_nothing_learns_makes_it_unsure(world: World) -> None:
    first = world.say("I like tea.")
    world.settle()
    world.edit(first, "I like coffee.")
    world.say("I have a cat.")

    assert "2 messages wait for an oboegaki that runs" in world.verify().unsure


def test_with_a_stage_that_stands_still_it_cannot_be_told(world: World) -> None:
    world.say("I like tea.")

    told = world.verify(learns=True, patience_s=0)

    assert "the stage extract has not got past offset 0" in told.unsure


def test_what_changes_while_it_is_looked_at_is_not_taken_for_lost(world: World) -> None:
    edited, deleted = world.say("I like tea."), world.say("I have a cat.")
    world.settle()
    world.meanwhile = [
        lambda: world.edit(edited, "I like coffee."),
        lambda: world.delete(deleted),
        lambda: world.say("I live in Oslo."),
    ]

    told = world.verify_beside_learning(repair=())

    assert (told.found(), told.report["differences"]) == ([], {})


def test_a_learning_that_runs_is_waited_for(world: World) -> None:
    world.say("I like tea.")

    told = world.verify_beside_learning(repair=())

    assert (told.found(), told.found(under_way=True)) == ([], [])


def test_only_one_user_is_looked_at_where_one_is_named(world: World) -> None:
    world.say("I like tea.", "bob")
    world.settle()
    lost = world.insert("I live in Oslo.", "bob")
    world.insert("I have a cat.", "alice")

    assert world.verify("bob").found() == [("missing in log", lost.id)]
    assert world.verify("bob").report["counts"]["rows"] == 2
    assert world.verify("carol").report["counts"]["rows"] == 0


def test_a_message_that_lives_in_two_partitions_is_told(world: World) -> None:
    message = world.say("I like tea.")
    world.event(message, partition=(partition_of("alice") + 1) % names.PARTITIONS)
    world.settle()

    assert ("doubled", message.id) in world.verify().found()


def test_what_lives_in_two_partitions_is_removed_from_the_one_that_is_not_its_users(world: World) -> None:
    message, home = world.say("I like tea."), partition_of("alice")
    other = (home + 1) % names.PARTITIONS
    world.event(message, partition=other)
    world.settle()

    mended = world.verify_beside_learning()

    assert ("doubled", message.id) in mended.found()
    assert mended.report["differences"] == {}
    assert dict(world.texts()) == {"I like tea.": 1}
    for log, removed in ((names.MESSAGES, '"d"'), (names.facts_log("v1"), '"deleted"')):
        assert removed not in last(world, log, home, message.id)
        assert removed in last(world, log, other, message.id)


def last(world: World, log: str, partition: int, message_id: int) -> str:
    """The last record of a message in a partition."""
    values = [each.value() for each in world.logs.read(log, [partition]) if each.key() == events.key(message_id)]
    return (values[-1] or b"").decode()


def test_nothing_is_erased_where_mysql_has_lost_its_rows(world: World) -> None:
    world.logs.change(events.Row(NEVER, "I like tea."))
    world.settle()

    told = world.verify(repair=KINDS)

    assert "MySQL has never had one after" in told.unsure
    assert dict(world.texts()) == {"I like tea.": 1}


def test_what_another_mysql_executed_was_lost_and_what_this_one_did_was_deleted(world: World) -> None:
    ours, theirs = world.insert("I like tea."), world.insert("I live in Oslo.")
    world.event(theirs, gtid=FOREIGN)
    world.event(ours, gtid=world.last_gtid())
    world.settle()
    world.remove(theirs)
    assert "a transaction that MySQL has never had" in world.verify(repair=KINDS).unsure
    world.event(theirs, gtid=world.last_gtid())
    world.remove(ours)

    mended = world.verify_beside_learning()

    assert (mended.report["differences"], dict(world.texts())) == ({}, {})


def test_it_cannot_be_told_while_mysql_is_away(world: World) -> None:
    away = replace(world, mysql=replace(world.mysql, readonly=gone(world.mysql.readonly)))

    assert "MySQL cannot be read" in away.verify().unsure


def test_it_cannot_be_told_while_the_connector_is_behind(world: World) -> None:
    world.insert("I like tea.")

    assert "has not read all that MySQL has" in replace(world, captured="").verify(patience_s=0).unsure
    assert "does not answer" in replace(world, captured=None).verify(patience_s=0).unsure


def test_it_cannot_be_told_while_kafka_is_away(world: World, tmp_path: Path) -> None:
    nowhere = ConsumerSettings(kafka="127.0.0.1:1", home=tmp_path)

    assert "Kafka" in replace(world, settings=nowhere).verify(patience_s=0).unsure


def test_rows_are_read_as_they_were_at_one_moment_and_by_pages(world: World) -> None:
    first, second = world.insert("I like tea."), world.insert("I like coffee.", "bob")
    with read(world).snapshot() as moment:
        world.remove(first)
        third = world.insert("I have a cat.")

        assert [[row.message_id for row in page] for page in moment.all(None)] == [[first.id, second.id]]
        assert [[row.message_id for row in page] for page in moment.all("bob")] == [[second.id]]
        assert [row.revision for row in moment.among([first.id, third.id])] == [first.revision]


def test_the_next_id_is_higher_than_any_that_was_ever_given(world: World) -> None:
    last = world.insert("I like tea.")
    world.remove(last)

    with read(world).snapshot() as moment:
        assert moment.next_id() == last.id + 1


def test_a_history_covers_what_came_before_it_and_not_what_came_after(world: World) -> None:
    rows = read(world)
    with rows.snapshot() as moment:
        before = moment.history()
    world.insert("I like tea.")
    with rows.snapshot() as moment:
        after = moment.history()

    assert (rows.covers(after, before), rows.covers(before, after), rows.covers("", before)) == (
        True,
        False,
        False,
    )


def test_the_account_that_rows_are_read_with_can_change_nothing(world: World) -> None:
    with pytest.raises(DatabaseError, match="denied"):
        execute(world.mysql.readonly, "DELETE FROM messages")


def read(world: World) -> MySqlRows:
    return MySqlRows(world.reader())
