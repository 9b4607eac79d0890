"""Receipts in SQLite, in the folder of an embedded version."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from memory_store.models import Receipt
from memory_store.sqlite_files import opened, translated

_TABLE = """CREATE TABLE IF NOT EXISTS receipts (
    message_id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, revision TEXT NOT NULL, state TEXT NOT NULL,
    facts INTEGER NOT NULL, learned_at TEXT NOT NULL, facts_offset INTEGER NOT NULL, filed_at TEXT) STRICT"""
_COLUMNS = "message_id, user_id, revision, state, facts, learned_at, facts_offset, filed_at"
_PAGE = 1000


class SqliteReceipts:
    """Receipts by message id. A commit is on the disk when it returns (WAL, synchronous=FULL)."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._db = opened(path, _TABLE)

    def put(self, receipts: Sequence[Receipt]) -> None:
        rows = [_row(receipt) for receipt in receipts]
        with self._lock, translated("receipts"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def delete(self, message_ids: Sequence[int]) -> None:
        ids = json.dumps(list(message_ids))
        with self._lock, translated("receipts"), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM receipts WHERE message_id IN (SELECT value FROM json_each(?))", (ids,))

    def get(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        ids = json.dumps(list(message_ids))
        rows = self._rows("WHERE message_id IN (SELECT value FROM json_each(?))", ids)
        return {row[0]: _receipt(row) for row in rows}

    def scan(self) -> Iterator[Receipt]:
        last = -1
        while rows := self._rows("WHERE message_id > ? ORDER BY message_id LIMIT ?", last, _PAGE):
            yield from map(_receipt, rows)
            last = rows[-1][0]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _rows(self, where: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock, translated("receipts"):
            # Only our own constants are put together here; values are bound.
            return self._db.execute(f"SELECT {_COLUMNS} FROM receipts {where}", values).fetchall()  # noqa: S608


def _row(receipt: Receipt) -> tuple[Any, ...]:
    return (
        receipt.message_id,
        receipt.user_id,
        receipt.revision,
        receipt.state,
        receipt.facts,
        receipt.learned_at.astimezone(UTC).isoformat(),
        receipt.facts_offset,
        None if receipt.filed_at is None else receipt.filed_at.astimezone(UTC).isoformat(),
    )


def _receipt(row: tuple[Any, ...]) -> Receipt:
    message_id, user_id, revision, state, facts, learned_at, facts_offset, filed = row
    filed_at = None if filed is None else datetime.fromisoformat(filed)
    learned = datetime.fromisoformat(learned_at)
    return Receipt(message_id, user_id, revision, state, facts, learned, facts_offset, filed_at)
