"""The rows on a real MySQL: all or nothing, once per name, nobody else's, whatever races."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chat_api.erasing.parts import Erasure
from chat_api.errors import Conflict, NotFound
from chat_api.messages import Added, Edit, Message, NewMessage
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from tests.support.api import MySql, execute, lock_waits, new_user, session
from tests.support.deadline import wait_until
from tests.support.erasing import erase_conversation, erase_message, erase_user
from tests.support.races import at_once

TOKYO = timezone(timedelta(hours=9))


def said(content: str, **more: object) -> NewMessage:
    return NewMessage("user", content, **{"conversation_id": "c", **more})  # type: ignore[arg-type]


def contents(rows: Rows, user: str) -> list[str]:
    return [row.content for row in rows.messages(user, "c", limit=1000)]


def test_a_row_comes_back_as_it_was_said(rows: Rows, user: str) -> None:
    at = datetime(2026, 3, 2, 9, 0, 1, 5, tzinfo=TOKYO)
    message = NewMessage(
        "note", "覚え書き \\ ' \" % 🎏\n", "a/b", "x/1", at, ("e:2", "e:1"), {"b": [1.5, True, None]}, "agent"
    )
    [added] = rows.add_messages(user, [message])

    row = rows.get(user, added.message_id)
    assert (row.role, row.content, row.conversation_id) == ("note", message.content, "a/b")
    assert (row.external_id, row.agent_id, row.metadata) == ("x/1", "agent", message.metadata)
    assert (row.said_at, row.said_at.utcoffset()) == (at, timedelta(hours=9))
    assert row.suppressed == ("e:1", "e:2")


def test_ids_ascend_in_the_order_of_the_list(rows: Rows, user: str) -> None:
    added = rows.add_messages(user, [said(str(number)) for number in range(1000)])

    ids = [each.message_id for each in added]
    assert ids == sorted(ids)
    assert contents(rows, user) == [str(number) for number in range(1000)]


def test_messages_without_a_conversation_share_a_new_one(rows: Rows, user: str) -> None:
    added = rows.add_messages(user, [NewMessage("user", "a"), NewMessage("user", "b")])
    again = rows.add_messages(user, [NewMessage("user", "c")])

    assert added[0].conversation_id == added[1].conversation_id != again[0].conversation_id


def test_a_repeat_gives_the_id_that_is_there(rows: Rows, user: str) -> None:
    first = rows.add_messages(user, [said("a", external_id="x"), said("b", external_id="y")])
    again = rows.add_messages(
        user, [said("c"), said("b", external_id="y"), NewMessage("user", "a", external_id="x")]
    )

    assert [each.created for each in again] == [True, False, False]
    assert [each.message_id for each in again[1:]] == [first[1].message_id, first[0].message_id]
    assert again[2].conversation_id == "c"
    assert contents(rows, user) == ["a", "b", "c"]


def test_a_repeat_within_one_list_is_written_once(rows: Rows, user: str) -> None:
    added = rows.add_messages(user, [said("a", external_id="x"), said("a", external_id="x")])

    assert added[0].message_id == added[1].message_id
    assert [each.created for each in added] == [True, False]
    with pytest.raises(Conflict):
        rows.add_messages(user, [said("b", external_id="y"), said("not b", external_id="y")])


@pytest.mark.parametrize(
    "other",
    [
        said("b", external_id="x"),
        NewMessage("note", "a", "c", "x"),
        NewMessage("user", "a", "another", "x"),
        said("a", external_id="x", said_at=datetime(2026, 3, 2, tzinfo=UTC)),
        said("a", external_id="x", said_at=datetime(2026, 3, 2, 9, 0, 1, tzinfo=TOKYO)),
    ],
)
def test_another_message_under_a_taken_name_is_refused_and_nothing_written(
    rows: Rows, user: str, other: NewMessage
) -> None:
    rows.add_messages(user, [said("a", external_id="x", said_at=datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC))])

    with pytest.raises(Conflict, match="'x'"):
        rows.add_messages(user, [said("new"), other])
    assert contents(rows, user) == ["a"]


def test_two_equal_posts_at_once_write_one_row(rows: Rows, user: str) -> None:
    messages = [said(str(number), external_id=str(number)) for number in range(20)]
    results = at_once(*[lambda: rows.add_messages(user, messages)] * 8)

    answers = [each for each in results if not isinstance(each, Exception)]
    assert len(answers) == 8, results
    assert len({tuple(added.message_id for added in answer) for answer in answers}) == 1
    assert sum(added.created for answer in answers for added in answer) == 20
    assert len(contents(rows, user)) == 20


def test_two_differing_posts_at_once_under_one_name_leave_one_winner(rows: Rows, user: str) -> None:
    results = at_once(
        *(lambda text=text: rows.add_messages(user, [said(text, external_id="x")]) for text in "abcdef")
    )

    assert sorted(type(each).__name__ for each in results) == ["Conflict"] * 5 + ["list"]
    assert len(contents(rows, user)) == 1


def test_lists_in_opposite_orders_at_once_do_not_block_each_other(rows: Rows, user: str) -> None:
    def post(names: Sequence[int]) -> Callable[[], list[Added]]:
        messages = [said(str(name), external_id=str(name), conversation_id=f"c{name}") for name in names]
        return lambda: rows.add_messages(user, messages)

    results = at_once(*(post(range(30)[::step]) for step in (1, -1, 1, -1)))

    assert not [each for each in results if isinstance(each, Exception)]


def test_an_edit_and_a_delete_at_once_leave_no_row(database: Database, rows: Rows, user: str) -> None:
    for number in range(10):
        [added] = rows.add_messages(user, [said(f"{number}")])
        edited, deleted = at_once(
            lambda row=added.message_id: rows.edit(user, row, Edit(content="edited")),  # type: ignore[misc]
            lambda row=added.message_id: erase_message(database, user, row),  # type: ignore[misc]
        )
        assert isinstance(deleted, Erasure)
        assert deleted.rows == 1
        assert getattr(edited, "content", "") == "edited" or isinstance(edited, NotFound)
    assert contents(rows, user) == []


def test_a_post_into_a_conversation_that_is_being_deleted_is_gone_or_readable(
    database: Database, rows: Rows, user: str
) -> None:
    for _ in range(10):
        rows.add_messages(user, [said("before")])
        posted, _ = at_once(
            lambda: rows.add_messages(user, [said("after")]), lambda: erase_conversation(database, user, "c")
        )
        assert isinstance(posted, list)
        there = posted[0].message_id in rows.rows_by_ids(user, [posted[0].message_id])
        listed = [each.conversation_id for each in rows.conversations(user, limit=10)]
        assert listed == (["c"] if there else [])


def correction(row: Message) -> NewMessage:
    return NewMessage("note", f"Not: {row.content}", row.conversation_id, "correction", metadata=row.metadata)


@pytest.mark.parametrize("whole", [True, False])
def test_a_correction_and_an_erasure_at_once_leave_nothing(
    database: Database, rows: Rows, user: str, *, whole: bool
) -> None:
    for _ in range(20):
        [added] = rows.add_messages(user, [said("a secret", metadata={"again": "a secret"})])
        refs = {added.message_id: "e:1"}
        corrected, erased = at_once(
            lambda first=added.message_id, of=refs: rows.put_in_place(user, first, of, correction),  # type: ignore[misc]
            lambda: erase_user(database, user) if whole else erase_conversation(database, user, "c"),
        )
        assert isinstance(corrected, Added | NotFound)
        assert isinstance(erased, Erasure)
        assert (rows.recent_changes(user, limit=9), rows.conversations(user, limit=9)) == ([], [])


def test_two_corrections_that_pin_at_once_do_not_wait_for_each_other_in_a_circle(
    mysql: MySql, rows: Rows, user: str
) -> None:
    def pinned(number: int) -> Callable[[Message], NewMessage]:
        return lambda row: replace(correction(row), external_id=f"note-{number}", pinned="all")

    deadlocks = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'"
    before = execute(mysql.root, deadlocks)
    for number in range(10):
        made = rows.add_messages(user, [said("tea"), said("milk")])
        first, second = (
            lambda of=each.message_id, at=2 * number + place: rows.put_in_place(user, of, {of: "e:1"}, pinned(at))
            for place, each in enumerate(made)
        )
        assert [type(each) for each in at_once(first, second)] == [Added, Added]

    assert execute(mysql.root, deadlocks) == before


def test_a_correction_that_waits_for_an_erasure_holds_no_message(mysql: MySql, rows: Rows, user: str) -> None:
    [added] = rows.add_messages(user, [said("a secret")])
    with session(mysql.root) as forgetting, ThreadPoolExecutor(1) as thread:
        forgetting.start_transaction()
        forgetting.cmd_query(f"SELECT user_id FROM users WHERE user_id = '{user}' FOR UPDATE")  # noqa: S608
        forgetting.get_rows()
        correcting = thread.submit(
            rows.put_in_place, user, added.message_id, {added.message_id: "e:1"}, correction
        )
        wait_until(lambda: lock_waits(mysql.root) == 1 or correcting.done())
        with forgetting.cursor() as cursor:
            cursor.execute("SELECT id FROM messages WHERE user_id = %s FOR UPDATE NOWAIT", [user])
            assert len(cursor.fetchall()) == 1
            for table in ("conversations", "messages", "users"):
                cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [user])  # noqa: S608
        forgetting.commit()
        with pytest.raises(NotFound):
            correcting.result()

    assert (rows.recent_changes(user, limit=9), rows.conversations(user, limit=9)) == ([], [])


def test_edits_change_what_they_name_and_the_revision_with_it(rows: Rows, user: str) -> None:
    [added] = rows.add_messages(user, [said("a", metadata={"k": 1})])
    before = rows.get(user, added.message_id)
    edited = rows.edit(user, before.id, Edit(content="b"))
    noted = rows.edit(user, before.id, Edit(metadata={"k": True}))
    back = rows.edit(user, before.id, Edit(content="a", metadata=None))

    assert (edited.content, edited.metadata) == ("b", {"k": 1})
    assert edited.revision != before.revision
    assert edited.updated_at > before.updated_at
    assert noted.metadata == {"k": True}
    assert noted.revision == edited.revision
    assert (back.revision, back.metadata) == (before.revision, None)


def test_an_edit_that_changes_nothing_writes_nothing(rows: Rows, user: str) -> None:
    [added] = rows.add_messages(user, [said("a", suppressed=("e:1", "e:2"), metadata={"a": 1, "b": 2.5})])
    before = rows.get(user, added.message_id)
    edit = Edit(content="a", suppressed=("e:2", "e:1", "e:2"), metadata={"b": 2.5, "a": 1})

    assert rows.edit(user, added.message_id, edit) == before
    assert rows.get(user, added.message_id) == before


def test_suppressions_add_up_and_off_the_record_stays(rows: Rows, user: str) -> None:
    added = rows.add_messages(user, [said("a", suppressed=("e:2",)), said("b", suppressed="all")])
    first, second = (each.message_id for each in added)
    at_once(
        *(lambda ref=ref: rows.suppress(user, {first: ref, second: ref, 10**12: ref}) for ref in ("e:1", "e:3"))
    )

    assert rows.get(user, first).suppressed == ("e:1", "e:2", "e:3")
    assert rows.get(user, second).suppressed == "all"


def test_nothing_of_another_user_can_be_seen_or_touched(database: Database, rows: Rows, user: str) -> None:
    [added] = rows.add_messages(user, [said("a", external_id="x")])
    other, message_id = new_user(), added.message_id

    for forbidden in (
        lambda: rows.get(other, message_id),
        lambda: rows.edit(other, message_id, Edit(content="b")),
        lambda: erase_message(database, other, message_id),
        lambda: rows.messages(other, "c", limit=1),
        lambda: erase_conversation(database, other, "c"),
    ):
        with pytest.raises(NotFound):
            forbidden()
    rows.suppress(other, {message_id: "e:1"})
    assert rows.rows_by_ids(other, [message_id]) == {}
    assert rows.last_turns(other, "c", before=10**12, limit=5) == []
    assert rows.recent_changes(other, limit=5) == []
    assert rows.add_messages(other, [said("b", external_id="x")])[0].created
    assert rows.get(user, message_id).suppressed is None


def test_changes_page_back_through_every_row_once(rows: Rows, user: str) -> None:
    rows.add_messages(user, [said(str(number)) for number in range(7)])
    ids = [row.id for row in rows.messages(user, "c", limit=10)]
    rows.edit(user, ids[2], Edit(content="edited"))

    seen, before = [], None
    while page := rows.recent_changes(user, limit=3, before=before):
        seen += [change.message_id for change in page]
        before = (page[-1].updated_at, page[-1].message_id)
    assert seen == [ids[2], *(each for each in reversed(ids) if each != ids[2])]


def test_conversations_page_newest_first(rows: Rows, user: str) -> None:
    rows.add_messages(user, [said(name, conversation_id=name) for name in ("b", "a", "c")])
    rows.add_messages(user, [said("d", conversation_id="d")])

    seen, before = [], None
    while page := rows.conversations(user, limit=2, before=before):
        seen += [(each.conversation_id, each.messages) for each in page]
        before = (page[-1].created_at, page[-1].conversation_id)
    assert seen == [("d", 1), ("a", 1), ("b", 1), ("c", 1)]


def test_the_last_turns_come_oldest_first(rows: Rows, user: str) -> None:
    added = rows.add_messages(user, [said(text) for text in "abcd"])

    turns = rows.last_turns(user, "c", before=added[3].message_id, limit=2)
    assert [turn.content for turn in turns] == ["b", "c"]


def test_deleting_a_conversation_takes_its_messages_with_it(database: Database, rows: Rows, user: str) -> None:
    rows.add_messages(user, [said("a"), said("b"), said("other", conversation_id="d")])

    assert erase_conversation(database, user, "c").rows == 2
    assert [each.conversation_id for each in rows.conversations(user, limit=5)] == ["d"]


def test_a_user_without_a_time_zone_has_utc(rows: Rows, user: str) -> None:
    assert rows.user_timezone(user) == "UTC"
