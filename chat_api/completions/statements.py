"""The SQL of turns that clients send: found, written with their messages. Part of a transaction of `Database`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chat_api.completions import prefixes
from chat_api.completions.prefixes import BRANCHES_FROM, Digests, Found, SentTurn, StoredTurn
from chat_api.messages import REPLY_TO, Added, Metadata, NewMessage, with_ours
from chat_api.rows import statements
from chat_api.rows.statements import Cursor

_SELECT = "SELECT prefix_digest, tail_digest, message_id, conversation_id FROM turns"


@dataclass(frozen=True, slots=True)
class History:
    """A history that was sent, with the ids that may be needed to store it."""

    sent: Sequence[SentTurn]
    #: As the client names it; None has it found.
    conversation_id: str | None
    #: For a conversation that begins or branches.
    unnamed: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a history stands: its last turn, what was asked, and where the reply goes."""

    history: History
    last: StoredTurn
    #: The user's last turn.
    asked_id: int | None
    conversation_id: str
    #: Of every turn that is known, so that none is told as a memory besides.
    ids: tuple[int, ...]
    #: Whether what was asked has a reply already.
    regenerated: bool
    #: How many turns were stored now.
    written: int


def take(cursor: Cursor, user_id: str, history: History, now: datetime) -> Place:
    """Stores what of a history is not stored yet."""
    of = prefixes.digests(history.sent, history.conversation_id)
    found = _found(cursor, user_id, of)
    at = prefixes.matched(of, found)
    branches = _branches(cursor, user_id, history, at.last)
    conversation = _conversation(history, at.last, branches=branches)
    new = _write(cursor, user_id, history, at, conversation, branches=branches, now=now)
    stored = [*_known(of, at, found), *new]
    ids = tuple(turn.message_id for turn in stored if turn is not None)
    last = stored[-1]
    assert last is not None  # noqa: S101  a history has a turn, which is known or new
    return Place(history, last, _asked(history.sent, stored), conversation, ids, branches and not new, len(new))


def take_reply(cursor: Cursor, user_id: str, place: Place, reply: NewMessage, now: datetime) -> Added:
    """Stores a reply, unless the same one is there. Raises Gone where what was asked is deleted."""
    turn, history = SentTurn("assistant", reply.content), place.history
    prefix = prefixes.following(place.last.prefix, turn)
    rows = statements.rows(cursor, f"{_SELECT} WHERE user_id = %s AND prefix_digest = %s", user_id, prefix)
    if rows:
        return Added(rows[0]["message_id"], rows[0]["conversation_id"], None, created=False)
    to = place.last.message_id if place.asked_id is None else place.asked_id
    added = statements.add_reply(cursor, user_id, reply, history.unnamed, now, to=to)
    tail = prefixes.tail(history.sent[-1], turn, history.conversation_id)
    stored = StoredTurn(prefix, added.message_id, added.conversation_id)
    _insert(cursor, user_id, [(stored, tail, place.last.message_id)])
    return added


def _found(cursor: Cursor, user_id: str, of: Sequence[Digests]) -> Found:
    prefix = _in(cursor, user_id, "prefix_digest", [each.prefix for each in of])
    tails = [] if prefix else _in(cursor, user_id, "tail_digest", [each.tail for each in of if each.tail])
    return Found(
        {row["prefix_digest"]: _stored(row) for row in prefix}, {row["tail_digest"]: _stored(row) for row in tails}
    )


def _in(cursor: Cursor, user_id: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    if not values:
        return []
    marks = ", ".join(["%s"] * len(values))
    # Later messages overwrite earlier ones where a tail is that of several.
    sql = f"{_SELECT} WHERE user_id = %s AND {column} IN ({marks}) ORDER BY message_id"
    return statements.rows(cursor, sql, user_id, *values)


def _branches(cursor: Cursor, user_id: str, history: History, last: StoredTurn | None) -> bool:
    """Whether something follows the last known turn already."""
    if last is not None:
        sql = "SELECT 1 FROM turns WHERE user_id = %s AND follows = %s LIMIT 1"
        return bool(statements.rows(cursor, sql, user_id, last.message_id))
    if history.conversation_id is None:
        return False
    sql = "SELECT 1 FROM turns WHERE user_id = %s AND conversation_id = %s AND follows IS NULL LIMIT 1"
    return bool(statements.rows(cursor, sql, user_id, history.conversation_id))


def _conversation(history: History, last: StoredTurn | None, *, branches: bool) -> str:
    if history.conversation_id is not None:
        return history.conversation_id
    return history.unnamed if last is None or branches else last.conversation_id


def _write(
    cursor: Cursor,
    user_id: str,
    history: History,
    at: prefixes.Matched,
    conversation: str,
    *,
    branches: bool,
    now: datetime,
) -> list[StoredTurn]:
    turns = history.sent[at.count :]
    if not turns:
        return []
    before = at.last.message_id if at.last else None
    marked = with_ours(None, {BRANCHES_FROM: before}) if branches else None
    messages = [
        NewMessage(turn.role, turn.text, conversation, metadata=None if number else marked)
        for number, turn in enumerate(turns)
    ]
    added = statements.add(cursor, user_id, messages, conversation, now)
    prefix = at.last.prefix if at.last else prefixes.beginning(history.conversation_id)
    written: list[tuple[StoredTurn, str | None, int | None]] = []
    for number, (turn, row) in enumerate(zip(turns, added, strict=True), at.count):
        prefix = prefixes.following(prefix, turn)
        tail = prefixes.tail(history.sent[number - 1], turn, history.conversation_id) if number else None
        written.append((StoredTurn(prefix, row.message_id, row.conversation_id), tail, before))
        before = row.message_id
    _insert(cursor, user_id, written)
    return [stored for stored, _, _ in written]


def _insert(cursor: Cursor, user_id: str, turns: Sequence[tuple[StoredTurn, str | None, int | None]]) -> None:
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(turns))
    cursor.execute(
        "INSERT INTO turns (user_id, prefix_digest, tail_digest, message_id, conversation_id, follows)"  # noqa: S608
        f" VALUES {values}",  # placeholders
        [
            cell
            for stored, tail, follows in turns
            for cell in (user_id, stored.prefix, tail, stored.message_id, stored.conversation_id, follows)
        ],
    )


def _known(of: Sequence[Digests], at: prefixes.Matched, found: Found) -> list[StoredTurn | None]:
    """The turns that were known, in their places; of those before a tail it is not known which they are."""
    before = [found.by_prefix.get(each.prefix) for each in of[: max(at.count - 1, 0)]]
    return [*before, at.last] if at.count else []


def _asked(sent: Sequence[SentTurn], stored: Sequence[StoredTurn | None]) -> int | None:
    for turn, row in zip(reversed(sent), reversed(stored), strict=True):
        if turn.role == "user":
            return row.message_id if row else None
    return None


def reply_metadata(place: Place, *, cut: bool) -> Metadata:
    """What a reply's row says of its place, and that it is not whole where the client left."""
    told: dict[str, object] = {"cut": True} if cut else {}
    if place.asked_id is not None:
        told[REPLY_TO] = place.asked_id
    if place.regenerated:
        told[BRANCHES_FROM] = place.last.message_id
    return with_ours(None, told)


def _stored(row: dict[str, Any]) -> StoredTurn:
    return StoredTurn(row["prefix_digest"], row["message_id"], row["conversation_id"])
