"""The SQL of keys. Each function is part of a transaction that `Database` begins and ends."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chat_api.auth.keys import ApiKey, NewKey
from chat_api.errors import NotFound
from chat_api.rows import cells
from chat_api.rows.statements import Cursor

_SELECT = (
    "SELECT key_id, kind, bound_to, label, trusts_user_header, created_at, last_used_at, expires_at, revoked_at"
    " FROM api_keys"
)
#: A key that is used all the time is written once in so long.
_NOTED = timedelta(minutes=1)


def add(cursor: Cursor, key_id: str, digest: str, new: NewKey) -> ApiKey:
    cursor.execute(
        "INSERT INTO api_keys (key_id, hash, kind, bound_to, label, trusts_user_header, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            *(key_id, digest, new.kind, new.bound_to, new.label, int(new.trusts_user_header)),
            None if new.expires_at is None else cells.stored(new.expires_at),
        ),
    )
    return _one(cursor, key_id)


def used(cursor: Cursor, digest: str, now: datetime) -> ApiKey | None:
    cursor.execute(f"{_SELECT} WHERE hash = %s", (digest,))
    rows = cursor.fetchall()
    if not rows:
        return None
    found = _key(rows[0])
    lately = found.last_used_at is not None and found.last_used_at > now - _NOTED
    if not lately and found.revoked_at is None:
        cursor.execute(
            "UPDATE api_keys SET last_used_at = %s WHERE key_id = %s", (cells.stored(now), found.key_id)
        )
    return found


def listed(cursor: Cursor, *, limit: int, after: str) -> list[ApiKey]:
    cursor.execute(f"{_SELECT} WHERE key_id > %s ORDER BY key_id LIMIT %s", (after, limit))
    return [_key(row) for row in cursor.fetchall()]


def revoke(cursor: Cursor, key_id: str, now: datetime) -> ApiKey:
    cursor.execute(
        "UPDATE api_keys SET revoked_at = %s WHERE key_id = %s AND revoked_at IS NULL", (cells.stored(now), key_id)
    )
    return _one(cursor, key_id)


def _one(cursor: Cursor, key_id: str) -> ApiKey:
    cursor.execute(f"{_SELECT} WHERE key_id = %s", (key_id,))
    rows = cursor.fetchall()
    if not rows:
        raise NotFound("There is no such key.")
    return _key(rows[0])


def _key(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        kind=row["kind"],
        bound_to=row["bound_to"],
        label=row["label"],
        trusts_user_header=bool(row["trusts_user_header"]),
        created_at=cells.utc(row["created_at"]),
        last_used_at=cells.utc_if_any(row["last_used_at"]),
        expires_at=cells.utc_if_any(row["expires_at"]),
        revoked_at=cells.utc_if_any(row["revoked_at"]),
    )
