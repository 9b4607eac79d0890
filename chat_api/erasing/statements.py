"""The SQL of erasures. Each function is part of a transaction that `Database` begins and ends."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chat_api.erasing.parts import Erasure, Part, as_json, from_json
from chat_api.errors import NotFound, TooMany
from chat_api.rows import cells, statements
from chat_api.rows.statements import Cell, Cursor

_COLUMNS = "id, user_id, conversation_id, scope, up_to, asked_at, deadline, parts, done_at"

#: Every further table that holds what a user said or set.
OF_A_USER = ("users", "turns")
#: Erasures of each scope that may be under way for a user: each of them is looked at again and again.
MOST_OPEN = 1_000
#: Erasures that are read at a time.
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """An erasure that is asked for: its id is drawn by the caller, and its other parts looked at before."""

    id: str
    at: datetime
    deadline: datetime
    parts: tuple[Part, ...] = ()


def erase_user(cursor: Cursor, user_id: str, asked: Asked) -> Erasure:
    """Removes all rows of a user; one who is not there is erased, too. Raises TooMany.

    Where nothing is there any more since an erasure of theirs that is not done, that one is answered.
    """
    # Whoever says something holds the user, before anything else, until their rows are there to be deleted.
    statements.rows(cursor, "SELECT user_id FROM users WHERE user_id = %s FOR UPDATE", user_id)
    went = statements.run(cursor, "DELETE FROM conversations WHERE user_id = %s", user_id)
    up_to, rows = _delete_messages(cursor, "user_id = %s", user_id)
    for table in OF_A_USER:
        went += statements.run(cursor, f"DELETE FROM {table} WHERE user_id = %s", user_id)  # noqa: S608  constants
    # Whoever holds a key of theirs reads and writes in their name no more. Ids stay in the keys' table.
    revoke = "UPDATE api_keys SET revoked_at = %s WHERE kind = 'user' AND bound_to = %s AND revoked_at IS NULL"
    statements.run(cursor, revoke, cells.stored(asked.at), user_id)
    if not went + rows and (standing := _open_of_all(cursor, user_id)):
        return standing
    return _noted(
        cursor, Erasure(asked.id, user_id, "user", None, up_to, asked.at, asked.deadline, asked.parts), rows
    )


def erase_conversation(cursor: Cursor, user_id: str, conversation_id: str, asked: Asked) -> Erasure:
    """Removes a conversation. Raises NotFound and TooMany."""
    # The conversation first: whoever posts into it holds it until their rows are there to be deleted.
    where = "user_id = %s AND conversation_id = %s"
    if not statements.run(cursor, f"DELETE FROM conversations WHERE {where}", user_id, conversation_id):  # noqa: S608  constants
        raise statements.no_conversation()
    up_to, rows = _delete_messages(cursor, where, user_id, conversation_id)
    erasure = Erasure(
        asked.id, user_id, "conversation", conversation_id, up_to, asked.at, asked.deadline, asked.parts
    )
    return _noted(cursor, erasure, rows)


def erase_message(cursor: Cursor, user_id: str, message_id: int, asked: Asked) -> Erasure:
    """Removes a message. Raises NotFound and TooMany."""
    _delete_message(cursor, user_id, message_id)
    erasure = Erasure(asked.id, user_id, "message", None, message_id, asked.at, asked.deadline, asked.parts)
    return _noted(cursor, erasure, 1)


def one(cursor: Cursor, erasure_id: str) -> Erasure:
    """An erasure, whoever's it is. Raises NotFound."""
    rows = statements.rows(cursor, f"SELECT {_COLUMNS} FROM erasures WHERE id = %s", erasure_id)  # noqa: S608  constants
    if not rows:
        raise no_erasure()
    return _erasure(rows[0])


def under_way(cursor: Cursor, after: Erasure | None = None) -> list[Erasure]:
    """A page of those that are not done, the first asked for first, after that one; empty after the last."""
    where, values = "done_at IS NULL", tuple[Cell, ...]()
    if after is not None:
        asked_at = cells.stored(after.asked_at)
        where += " AND asked_at >= %s AND (asked_at > %s OR id > %s)"
        values = (asked_at, asked_at, after.id)
    sql = f"SELECT {_COLUMNS} FROM erasures WHERE {where} ORDER BY asked_at, id LIMIT %s"  # noqa: S608  constants
    return [_erasure(row) for row in statements.rows(cursor, sql, *values, _AT_ONCE)]


def note(cursor: Cursor, erasure_id: str, seen: Sequence[Part], whole: datetime | None) -> Erasure | None:
    """Adds what a look saw to what others saw meanwhile; None where it is done already, or gone.

    `whole` is the time of a look that missed nothing; only by such a one an erasure gets done.
    """
    sql = f"SELECT {_COLUMNS} FROM erasures WHERE id = %s AND done_at IS NULL FOR UPDATE"  # noqa: S608  constants
    rows = statements.rows(cursor, sql, erasure_id)
    if not rows:
        return None
    before = _erasure(rows[0])
    after = before.after(seen, whole)
    if after != before:
        done_at = None if after.done_at is None else cells.stored(after.done_at)
        sql = "UPDATE erasures SET parts = %s, done_at = %s WHERE id = %s"
        statements.run(cursor, sql, json.dumps(as_json(after.parts)), done_at, erasure_id)
    return after


def forget(cursor: Cursor, erasure_id: str) -> None:
    """Removes an erasure, done or not."""
    statements.run(cursor, "DELETE FROM erasures WHERE id = %s", erasure_id)


def forget_done(cursor: Cursor, before: datetime) -> int:
    """Removes erasures that were done before then: they hold whose it was. Answers how many."""
    return statements.run(cursor, "DELETE FROM erasures WHERE done_at < %s", cells.stored(before))


def no_erasure() -> NotFound:
    """The refusal for one that is not there, or somebody else's."""
    return NotFound("There is no such erasure.")


def _delete_message(cursor: Cursor, user_id: str, message_id: int) -> None:
    # Whose row it is comes first: to wait for another user's lock would tell that the row is there.
    statements.one(cursor, user_id, message_id)
    if not statements.run(cursor, "DELETE FROM messages WHERE id = %s AND user_id = %s", message_id, user_id):
        raise statements.no_message()


def _delete_messages(cursor: Cursor, where: str, *values: Cell) -> tuple[int, int]:
    """The last id and the number of what was deleted."""
    [row] = statements.rows(cursor, f"SELECT MAX(id) AS last FROM messages WHERE {where}", *values)  # noqa: S608  constants
    # By id, so that whoever has heard of the last one's deletion has heard of all.
    rows = statements.run(cursor, f"DELETE FROM messages WHERE {where} ORDER BY id", *values)  # noqa: S608  constants
    return row["last"] or 0, rows


def _open_of_all(cursor: Cursor, user_id: str) -> Erasure | None:
    """The latest erasure of a whole user that is not done."""
    where = "user_id = %s AND scope = 'user' AND done_at IS NULL ORDER BY asked_at DESC LIMIT 1"
    rows = statements.rows(cursor, f"SELECT {_COLUMNS} FROM erasures WHERE {where}", user_id)  # noqa: S608  constants
    return _erasure(rows[0]) if rows else None


def _check_few_open(cursor: Cursor, erasure: Erasure) -> None:
    # What is overdue was not piled up, but has no process that could tell.
    where = "user_id = %s AND scope = %s AND done_at IS NULL AND deadline > %s"
    values = (erasure.user_id, erasure.scope, cells.stored(erasure.asked_at))
    [row] = statements.rows(cursor, f"SELECT COUNT(*) AS many FROM erasures WHERE {where}", *values)  # noqa: S608  constants
    if row["many"] >= MOST_OPEN:
        raise TooMany(
            f"{MOST_OPEN:,} deletions of this kind are under way for this user, so nothing was deleted."
            " Try again once some of them are done."
        )


def _noted(cursor: Cursor, erasure: Erasure, rows: int) -> Erasure:
    # At the end: raised here, it takes back what went.
    _check_few_open(cursor, erasure)
    parts = (Part("rows", "messages", found=rows, left=0, done=True), *erasure.parts)
    statements.run(
        cursor,
        f"INSERT INTO erasures ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL)",  # noqa: S608  constants
        *(erasure.id, erasure.user_id, erasure.conversation_id, erasure.scope, erasure.up_to),
        *(cells.stored(erasure.asked_at), cells.stored(erasure.deadline), json.dumps(as_json(parts))),
    )
    return replace(erasure, parts=parts)


def _erasure(row: dict[str, Any]) -> Erasure:
    return Erasure(
        id=row["id"],
        user_id=row["user_id"],
        scope=row["scope"],
        conversation_id=row["conversation_id"],
        up_to=row["up_to"],
        asked_at=cells.utc(row["asked_at"]),
        deadline=cells.utc(row["deadline"]),
        parts=from_json(json.loads(row["parts"])),
        done_at=cells.utc_if_any(row["done_at"]),
    )
