"""The SQL of users, conversations and messages. Each function is part of a transaction of `Database`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from chat_api.errors import Gone, Invalid, NotFound
from chat_api.messages import (
    KEEP,
    MOST_PINNED,
    MOST_PINNED_FACTS,
    NOTE_CHARACTERS,
    PINNED_CHARACTERS,
    Added,
    Change,
    Conversation,
    Edit,
    Message,
    NewMessage,
)
from chat_api.rows import cells
from chat_api.rows.posting import Plan, Posting
from chat_api.users import UserSettings

_SELECT = f"SELECT {cells.COLUMNS} FROM messages"  # noqa: S608  constants

_CONVERSATIONS = """
SELECT conversation_id, created_at,
       (SELECT COUNT(*) FROM messages m
         WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id) AS messages,
       (SELECT m.created_at FROM messages m
         WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id
         ORDER BY m.id DESC LIMIT 1) AS last_said_at
  FROM conversations c
 WHERE user_id = %s AND created_at <= %s AND (created_at < %s OR conversation_id > %s)
 ORDER BY created_at DESC, conversation_id
 LIMIT %s
"""

_CHANGES = """
SELECT id, conversation_id, role, revision, suppressed IS NOT NULL AS suppressed, created_at, updated_at
  FROM messages
 WHERE user_id = %s AND updated_at <= %s AND (updated_at < %s OR id < %s)
 ORDER BY updated_at DESC, id DESC
 LIMIT %s
"""

#: What a statement's placeholder is filled with.
Cell = str | int | datetime | None


class Cursor(Protocol):
    """What statements need of a cursor that gives rows as dictionaries."""

    @property
    def rowcount(self) -> int:
        """Rows that the last statement wrote."""

    def execute(self, sql: str, values: Sequence[Cell], /) -> object:
        """Runs a statement."""

    def fetchall(self) -> list[Any]:
        """The rows that it gave."""


def ping(cursor: Cursor) -> None:
    _all(cursor, "SELECT 1")


def variables(cursor: Cursor, names: Iterable[str]) -> dict[str, str]:
    wanted = tuple(names)
    found = _all(cursor, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({_marks(wanted)})", *wanted)
    return {str(row["Variable_name"]): str(row["Value"]) for row in found}


def add(cursor: Cursor, user_id: str, messages: Sequence[NewMessage], unnamed: str, now: datetime) -> list[Added]:
    names = [m.external_id for m in messages if m.external_id is not None]
    plan = Plan(named(cursor, user_id, names), unnamed, now)
    for message in messages:
        plan.take(message)
    if not plan.fresh:
        return plan.added([])
    pins = any(posting.message.pinned is not None for posting in plan.fresh)
    if pins:
        _hold(cursor, user_id)
    _open_conversations(cursor, user_id, {posting.conversation_id for posting in plan.fresh})
    ids = _insert(cursor, user_id, plan.fresh)
    if pins:
        _check_room(cursor, user_id)
    return plan.added(ids)


def add_reply(cursor: Cursor, user_id: str, reply: NewMessage, unnamed: str, now: datetime, *, to: int) -> Added:
    """Raises Gone: a reply to what was deleted while it was made would outlive the deletion."""
    [added] = add(cursor, user_id, [reply], unnamed, now)
    # After `add`, in the order in which deletions lock: conversations first, then messages.
    if added.created and not _all(
        cursor, "SELECT id FROM messages WHERE id = %s AND user_id = %s FOR SHARE", to, user_id
    ):
        raise Gone("What was said was deleted meanwhile, so the reply was not kept.")
    return added


def named(cursor: Cursor, user_id: str, names: Sequence[str]) -> dict[str, Message]:
    if not names:
        return {}
    rows = _all(
        cursor,
        f"{_SELECT} WHERE user_id = %s AND external_id IN ({_marks(names)})",
        *(user_id, *names),
    )
    return {row["external_id"]: cells.message(row) for row in rows}


def _open_conversations(cursor: Cursor, user_id: str, conversation_ids: set[str]) -> None:
    # IGNORE only passes over those that are there, and keeps them from being deleted until the commit.
    # The user first, as an erasure does, and sorted: so that none waits for another that waits for it.
    run(cursor, "INSERT IGNORE INTO users (user_id) VALUES (%s)", user_id)
    opened = sorted(conversation_ids)
    values = ", ".join(["(%s, %s)"] * len(opened))
    run(
        cursor,
        f"INSERT IGNORE INTO conversations (user_id, conversation_id) VALUES {values}",  # noqa: S608  placeholders
        *(value for conversation_id in opened for value in (user_id, conversation_id)),
    )


def _insert(cursor: Cursor, user_id: str, postings: Sequence[Posting]) -> list[int]:
    values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"] * len(postings))
    run(
        cursor,
        "INSERT INTO messages (user_id, conversation_id, external_id, role, content, suppressed, metadata,"  # noqa: S608
        f" agent_id, created_at, utc_offset_minutes, pinned) VALUES {values}",  # placeholders
        *(value for posting in postings for value in _cells(user_id, posting)),
    )
    # One INSERT with its values written out gets its ids in one go.
    [row] = _all(cursor, "SELECT LAST_INSERT_ID() AS first, @@SESSION.auto_increment_increment AS step")
    return [row["first"] + row["step"] * number for number in range(len(postings))]


def _cells(user_id: str, posting: Posting) -> tuple[Cell, ...]:
    message = posting.message
    return (
        user_id,
        posting.conversation_id,
        message.external_id,
        message.role,
        message.content,
        cells.refs_cell(message.suppressed),
        cells.metadata_cell(message.metadata),
        message.agent_id,
        cells.stored(posting.said_at),
        cells.offset_minutes(posting.said_at),
        cells.refs_cell(message.pinned),
    )


def one(cursor: Cursor, user_id: str, message_id: int, *, lock: bool = False) -> Message:
    if lock:
        # Whose row it is comes first: to wait for another user's lock would tell that the row is there.
        one(cursor, user_id, message_id)
    rows = _all(
        cursor,
        f"{_SELECT} WHERE id = %s AND user_id = %s{' FOR UPDATE' if lock else ''}",
        *(message_id, user_id),
    )
    if not rows:
        raise no_message()
    return cells.message(rows[0])


def whoevers(cursor: Cursor, message_id: int) -> Message | None:
    rows = _all(cursor, f"{_SELECT} WHERE id = %s", message_id)
    return cells.message(rows[0]) if rows else None


def edit(cursor: Cursor, user_id: str, message_id: int, edit: Edit) -> Message:
    if edit.pinned is not KEEP and edit.pinned is not None:
        _hold(cursor, user_id)
    return _edited(cursor, one(cursor, user_id, message_id, lock=True), edit)


def _edited(cursor: Cursor, row: Message, edit: Edit) -> Message:
    if not _rewrite(cursor, row, edit):
        return row
    edited = one(cursor, row.user_id, row.id)
    if edited.pinned is not None and (row.pinned is None or row.content != edited.content):
        _check_room(cursor, row.user_id)
    return edited


def _rewrite(cursor: Cursor, row: Message, edit: Edit) -> bool:
    wanted, present = _learned_and_kept(edit.applied_to(row)), _learned_and_kept(row)
    if wanted == present:
        return False
    # What can be learned decides when a row counts as changed: the rest alone must not push others back.
    kept = ", updated_at = updated_at" if wanted[:2] == present[:2] else ""
    sets = "content = %s, suppressed = %s, metadata = %s, pinned = %s"
    run(cursor, f"UPDATE messages SET {sets}{kept} WHERE id = %s", *wanted, row.id)  # noqa: S608  constants
    return True


def _learned_and_kept(row: Message) -> tuple[str, str | None, str | None, str | None]:
    refs = cells.refs_cell
    return row.content, refs(row.suppressed), cells.metadata_cell(row.metadata), refs(row.pinned)


def suppress(cursor: Cursor, user_id: str, refs: Mapping[int, str]) -> None:
    for message_id in sorted(refs):
        try:
            row = one(cursor, user_id, message_id, lock=True)
        except NotFound:
            continue
        if row.suppressed != "all":
            _rewrite(cursor, row, Edit(suppressed=(*(row.suppressed or ()), refs[message_id])))


def mark(cursor: Cursor, user_id: str, message_id: int, edit: Edit, ref: str, *, pinned: bool) -> Message:
    if pinned:
        _hold(cursor, user_id)
    row = one(cursor, user_id, message_id, lock=True)
    refs = () if row.pinned is None or row.pinned == "all" else row.pinned
    # Another extractor's pins hold all of the message, so they go with what is unpinned.
    own = f"{ref.rpartition(':')[0]}:"
    kept = {*refs, ref} if pinned else {each for each in refs if each != ref and each.startswith(own)}
    if len(kept) > MOST_PINNED_FACTS:
        raise Invalid(
            f"pinned: at most {MOST_PINNED_FACTS} memories of one message can be pinned."
            " Unpin one of that message first."
        )
    return _edited(cursor, row, replace(edit, pinned=tuple(kept) or None))


def _hold(cursor: Cursor, user_id: str) -> None:
    """Lets nobody else pin anything of the user until the commit: two at once would not see each other's."""
    # Not IGNORE, which shares the row. As the first lock of all, as an erasure has it.
    run(cursor, "INSERT INTO users (user_id) VALUES (%s) ON DUPLICATE KEY UPDATE timezone = timezone", user_id)


def _check_room(cursor: Cursor, user_id: str) -> None:
    sql = "SELECT id FROM messages WHERE user_id = %s AND pinned IS NOT NULL LIMIT %s"
    if len(_all(cursor, sql, user_id, MOST_PINNED + 1)) > MOST_PINNED:
        raise Invalid(
            f"pinned: something can be pinned of at most {MOST_PINNED} messages of a user."
            " Unpin or delete what is of less use first."
        )
    # Notes are remembered in their own words; how long other memories are the rows do not tell.
    notes = "SELECT content FROM messages WHERE user_id = %s AND pinned IS NOT NULL AND role = 'note'"
    lengths = (len(row["content"].strip()) for row in _all(cursor, notes, user_id))
    if sum(each for each in lengths if each <= NOTE_CHARACTERS) > PINNED_CHARACTERS:
        raise Invalid(
            f"pinned: all that is pinned must not come to more than {PINNED_CHARACTERS} characters."
            " Unpin something first."
        )


def put_in_place(
    cursor: Cursor,
    user_id: str,
    message_id: int,
    refs: Mapping[int, str],
    note: Callable[[Message], NewMessage],
    *,
    now: datetime,
) -> Added:
    """Raises NotFound: of what was deleted while it was corrected nothing may come back with the correction."""
    conversation_id = one(cursor, user_id, message_id).conversation_id
    # In the order in which deletions lock: the user, conversations, then messages by id. The user for itself from
    # the start, as a note that is pinned wants it: two corrections that shared it would wait for each other.
    _hold(cursor, user_id)
    _open_conversations(cursor, user_id, {conversation_id})
    suppress(cursor, user_id, refs)
    row = one(cursor, user_id, message_id, lock=True)
    [added] = add(cursor, user_id, [note(row)], conversation_id, now)
    return added


def with_pins(cursor: Cursor, user_id: str) -> list[Message]:
    sql = f"{_SELECT} WHERE user_id = %s AND pinned IS NOT NULL ORDER BY id DESC LIMIT %s"
    return [cells.message(row) for row in reversed(_all(cursor, sql, user_id, MOST_PINNED))]


def messages(cursor: Cursor, user_id: str, conversation_id: str, *, limit: int, after: int) -> list[Message]:
    there = "SELECT 1 FROM conversations WHERE user_id = %s AND conversation_id = %s"
    if not _all(cursor, there, user_id, conversation_id):
        raise no_conversation()
    rows = _all(
        cursor,
        f"{_SELECT} WHERE user_id = %s AND conversation_id = %s AND id > %s ORDER BY id LIMIT %s",
        *(user_id, conversation_id, after, limit),
    )
    return [cells.message(row) for row in rows]


def conversations(
    cursor: Cursor, user_id: str, *, limit: int, before: tuple[datetime, str] | None
) -> list[Conversation]:
    at, last = before or (cells.LATEST, "")
    rows = _all(cursor, _CONVERSATIONS, user_id, cells.stored(at), cells.stored(at), last, limit)
    return [cells.conversation(row) for row in rows]


def last_turns(cursor: Cursor, user_id: str, conversation_id: str, *, before: int, limit: int) -> list[Message]:
    rows = _all(
        cursor,
        f"{_SELECT} WHERE user_id = %s AND conversation_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
        *(user_id, conversation_id, before, limit),
    )
    return [cells.message(row) for row in reversed(rows)]


def rows_by_ids(cursor: Cursor, user_id: str, message_ids: Iterable[int]) -> dict[int, Message]:
    ids = sorted(set(message_ids))
    if not ids:
        return {}
    rows = _all(cursor, f"{_SELECT} WHERE id IN ({_marks(ids)}) AND user_id = %s", *ids, user_id)
    return {row["id"]: cells.message(row) for row in rows}


def recent_changes(
    cursor: Cursor, user_id: str, *, limit: int, before: tuple[datetime, int] | None
) -> list[Change]:
    at, last = before or (cells.LATEST, 0)
    rows = _all(cursor, _CHANGES, user_id, cells.stored(at), cells.stored(at), last, limit)
    return [cells.change(row) for row in rows]


def conversations_after(cursor: Cursor, user_id: str, after: str, *, limit: int) -> list[tuple[str, datetime]]:
    rows = _all(
        cursor,
        "SELECT conversation_id, created_at FROM conversations WHERE user_id = %s AND conversation_id > %s"
        " ORDER BY conversation_id LIMIT %s",
        *(user_id, after, limit),
    )
    return [(row["conversation_id"], cells.utc(row["created_at"])) for row in rows]


def user_settings(cursor: Cursor, user_id: str) -> UserSettings:
    rows = _all(cursor, "SELECT timezone, recall, persona FROM users WHERE user_id = %s", user_id)
    return UserSettings(**rows[0]) if rows else UserSettings()


def set_user(cursor: Cursor, user_id: str, changes: Mapping[str, str | None]) -> UserSettings:
    run(cursor, "INSERT IGNORE INTO users (user_id) VALUES (%s)", user_id)
    for column in (each for each in ("timezone", "recall", "persona") if each in changes):
        sql = f"UPDATE users SET {column} = %s WHERE user_id = %s"  # noqa: S608  one of three names
        run(cursor, sql, changes[column], user_id)
    return user_settings(cursor, user_id)


def user_timezone(cursor: Cursor, user_id: str) -> str:
    rows = _all(cursor, "SELECT timezone FROM users WHERE user_id = %s", user_id)
    return str(rows[0]["timezone"]) if rows else "UTC"


def rows(cursor: Cursor, sql: str, *values: Cell) -> list[dict[str, Any]]:
    """What a query gives, for the statements of a part of its own."""
    return _all(cursor, sql, *values)


def run(cursor: Cursor, sql: str, *values: Cell) -> int:
    """How many rows a statement wrote, for those of a part of its own, too."""
    cursor.execute(sql, values)
    return cursor.rowcount


def _all(cursor: Cursor, sql: str, *values: Cell) -> list[dict[str, Any]]:
    cursor.execute(sql, values)
    return cursor.fetchall()


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def no_message() -> NotFound:
    """The refusal for one that is not there, or somebody else's."""
    return NotFound("This user has no such message.")


def no_conversation() -> NotFound:
    """The refusal for one that is not there, or somebody else's."""
    return NotFound("This user has no such conversation.")
