"""Verify's own look at the rows: read-only, in one snapshot, the only place of learning that knows MySQL."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import mysql.connector
from mysql.connector.connection import MySQLConnection
from pydantic import SecretStr

from memory_consumer.errors import Transient
from memory_consumer.verify.tables import Row

_CONNECT_S = 5
_ANSWER_S = 60
_PAGE = 2000


class RowSnapshot(Protocol):
    """The rows as they were at one moment. Every call may raise Transient."""

    def all(self, user_id: str | None) -> Iterator[list[Row]]:
        """All rows, or a user's, by id and in pages."""

    def among(self, message_ids: Sequence[int]) -> list[Row]:
        """Those of the messages that there are."""

    def history(self) -> str:
        """Every transaction that MySQL has committed by now, so at least all that the snapshot shows."""

    def shown(self) -> str:
        """Transactions that MySQL had committed before: the snapshot shows what each of them left."""

    def next_id(self) -> int:
        """The id that the next message will have; no message ever had it, or a higher one."""


class RowSource(Protocol):
    """Where rows are read."""

    def snapshot(self) -> AbstractContextManager[RowSnapshot]:
        """A moment of the rows, for as long as it is open. Raises Transient."""

    def covers(self, history: str, wanted: str) -> bool:
        """Whether a history has every transaction of another one. Raises Transient."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Where MySQL is, and the account that may only read."""

    host: str
    port: int
    database: str
    user: str
    password: SecretStr


class MySqlRows:
    """The rows in MySQL."""

    def __init__(self, reader: Reader) -> None:
        """Connects for each call."""
        self._reader = reader

    @contextmanager
    def snapshot(self) -> Iterator[RowSnapshot]:
        with _translated(), closing(self._connected()) as connection:
            before = _executed(connection)
            connection.start_transaction(consistent_snapshot=True, readonly=True)
            yield _Snapshot(connection, before)

    def covers(self, history: str, wanted: str) -> bool:
        with _translated(), closing(self._connected()) as connection:
            return bool(_asked(connection, "SELECT GTID_SUBSET(%s, %s)", wanted, history)[0][0])

    def _connected(self) -> MySQLConnection:
        # The pure Python client by name: `connect()` takes the C extension where it loads (docs/decisions/0002).
        return MySQLConnection(
            host=self._reader.host,
            port=self._reader.port,
            database=self._reader.database,
            user=self._reader.user,
            password=self._reader.password.get_secret_value(),
            charset="utf8mb4",
            collation="utf8mb4_0900_bin",
            autocommit=True,
            connection_timeout=_CONNECT_S,
            read_timeout=_ANSWER_S,
            write_timeout=_ANSWER_S,
        )


class _Snapshot:
    def __init__(self, connection: MySQLConnection, before: str) -> None:
        self._connection = connection
        self._before = before

    def all(self, user_id: str | None) -> Iterator[list[Row]]:
        last, whose = 0, "" if user_id is None else "AND user_id = %s "
        query = f"SELECT id, user_id, revision FROM messages WHERE id > %s {whose}ORDER BY id LIMIT {_PAGE}"
        user = () if user_id is None else (user_id,)
        while page := self._rows(query, last, *user):
            last = page[-1].message_id
            yield page

    def among(self, message_ids: Sequence[int]) -> list[Row]:
        if not message_ids:
            return []
        marks = ", ".join(["%s"] * len(message_ids))
        return self._rows(f"SELECT id, user_id, revision FROM messages WHERE id IN ({marks})", *message_ids)

    def history(self) -> str:
        return _executed(self._connection)

    def shown(self) -> str:
        return self._before

    def next_id(self) -> int:
        _asked(self._connection, "SET SESSION information_schema_stats_expiry = 0")
        query = (
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'messages'"
        )
        [(following,)] = _asked(self._connection, query)
        return int(following or 1)

    def _rows(self, query: str, *values: str | int) -> list[Row]:
        return [
            Row(int(found[0]), str(found[1]), str(found[2])) for found in _asked(self._connection, query, *values)
        ]


def _executed(connection: MySQLConnection) -> str:
    [(executed,)] = _asked(connection, "SELECT @@GLOBAL.gtid_executed")
    return str(executed).replace("\n", "")


def _asked(connection: MySQLConnection, query: str, *values: str | int) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except mysql.connector.Error as exc:
        # Without MySQL's own words: they may hold a row's values.
        raise Transient(
            f"MySQL cannot be read (error {exc.errno}). Is it running? `oboegaki status` shows it."
        ) from exc
