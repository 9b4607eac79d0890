"""Transactions in MySQL, and the one place where MySQL's errors become ours."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import mysql.connector
import stamina
from mysql.connector import errorcode
from mysql.connector.connection import MySQLConnection
from mysql.connector.errors import ConnectionTimeoutError, ReadTimeoutError, WriteTimeoutError

from chat_api.errors import ChatError, Faulty, Invalid, Unavailable
from chat_api.rows import statements
from chat_api.rows.pool import TRUSTED_S, Pool
from chat_api.rows.statements import Cursor
from chat_api.settings import Account

T = TypeVar("T")

_CONNECT_S = 5
#: Connections beside the pool's, for what every request begins with.
KEPT_BACK = 4
#: Longer than a statement of ours takes; a server that hangs holds nobody up for longer.
_ANSWER_S = 10
#: A lock is held for a transaction of a few milliseconds; waiting longer means that something hangs.
_LOCK_S = 5

_SESSION = (
    "SET SESSION transaction_isolation = 'READ-COMMITTED', "
    # Values are quoted with backslashes, so the server's own mode must not turn those off.
    "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION', "
    f"innodb_lock_wait_timeout = {_LOCK_S}"
)

_AGAIN = frozenset(
    {
        errorcode.ER_LOCK_DEADLOCK,
        errorcode.ER_DUP_ENTRY,  # the same message posted twice at once: the second look finds the first
    }
)
_UNFIT = frozenset(
    {
        errorcode.ER_DATA_TOO_LONG,
        errorcode.ER_TRUNCATED_WRONG_VALUE,
        errorcode.ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
        errorcode.ER_WARN_DATA_OUT_OF_RANGE,
        errorcode.ER_CHECK_CONSTRAINT_VIOLATED,
        errorcode.ER_INVALID_JSON_TEXT,
        errorcode.ER_JSON_DOCUMENT_TOO_DEEP,
        errorcode.ER_NET_PACKET_TOO_LARGE,
    }
)


class _Again(Unavailable):
    """Another transaction was in the way; nothing was written, so the same can be tried at once."""


def translate(exc: mysql.connector.Error) -> ChatError:
    """An error of MySQL's as one of ours. Never quotes MySQL's own words: they may hold a row's values."""
    if exc.errno in _AGAIN:
        return _Again("Others were writing the same rows. Try again.")
    if exc.errno in _UNFIT:
        return Invalid("The database does not take this value.")
    mistaken = (
        mysql.connector.ProgrammingError,
        mysql.connector.NotSupportedError,
        mysql.connector.DataError,
        mysql.connector.IntegrityError,
    )
    if isinstance(exc, mistaken) and _server_said(exc):
        return Faulty(f"The database refused a statement (MySQL error {exc.errno}).")
    return Unavailable("The database is away. Try again.")


def _server_said(exc: mysql.connector.Error) -> bool:
    # The time-outs have a number of the server's, and 2000 to 2999 are the client's own: the connection is of no
    # more use.
    timed_out = isinstance(exc, (ReadTimeoutError, WriteTimeoutError, ConnectionTimeoutError))
    return not timed_out and exc.errno > 0 and not 2000 <= exc.errno < 3000  # noqa: PLR2004


class _Link:
    """One connection. It is sound only between transactions whose end is known."""

    def __init__(self, account: Account) -> None:
        # The pure Python client by name: `connect()` takes the C extension where it loads (docs/decisions/0002).
        try:
            self._connection = MySQLConnection(
                host=account.host,
                port=account.port,
                database=account.database,
                user=account.user,
                password=account.password.get_secret_value(),
                charset="utf8mb4",
                collation="utf8mb4_0900_bin",
                time_zone="+00:00",
                autocommit=False,
                connection_timeout=_CONNECT_S,
                read_timeout=_ANSWER_S,
                write_timeout=_ANSWER_S,
            )
            self._connection.cmd_query(_SESSION)
        except mysql.connector.Error as exc:
            raise translate(exc) from exc
        self._sound = True

    def run(self, work: Callable[[Cursor], T], within_s: int) -> T:
        """The work's result, committed; nothing of it stays otherwise. Waits so long for each answer."""
        self._sound = False
        self._connection.read_timeout = within_s
        try:
            with self._connection.cursor(dictionary=True) as cursor:
                result = work(cursor)
            self._connection.commit()
        except ChatError:
            self._sound = True
            raise
        except mysql.connector.Error as exc:
            self._sound = _server_said(exc)
            raise translate(exc) from exc
        self._sound = True
        return result

    def alive(self) -> bool:
        self._connection.read_timeout = _CONNECT_S
        return bool(self._connection.is_connected())

    def reset(self) -> bool:
        if not self._sound:
            return False
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
        except mysql.connector.Error:
            return False
        return True

    def close(self) -> None:
        self._connection.disconnect()


class Database:
    """Transactions over a pool of connections. Thread-safe."""

    def __init__(self, account: Account, *, pool_size: int, trusted_s: float = TRUSTED_S) -> None:
        self._pool = Pool(lambda: _Link(account), pool_size, trusted_s=trusted_s)
        self._kept_back = Pool(lambda: _Link(account), KEPT_BACK, trusted_s=trusted_s)

    @property
    def lent(self) -> int:
        """Connections of the pool that are in use at this moment."""
        return self._pool.lent

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()
        self._kept_back.close()

    def ping(self) -> None:
        """Returns if the database answers. Raises Unavailable."""
        self.transact(statements.ping)

    def ping_beside(self) -> None:
        """The same, however much is asked: every connection in use is busy, not away. For one look at a time."""
        self.transact_beside(statements.ping)

    def variables(self, names: Iterable[str]) -> dict[str, str]:
        """Settings of the server, as it tells them; those that it does not know are left out."""
        wanted = tuple(names)
        return self.transact(lambda cursor: statements.variables(cursor, wanted))

    def transact(self, work: Callable[[Cursor], T], within_s: int = _ANSWER_S) -> T:
        """The work's result, committed; nothing of it stays where it raises. Waits so long for each answer.

        The work runs again where another transaction was in its way. Raises Unavailable while MySQL is away, and
        Overloaded where every connection is in use.
        """
        return self._transacted(self._pool, work, within_s)

    def transact_beside(self, work: Callable[[Cursor], T]) -> T:
        """As `transact`, on connections kept back for it: however much is asked, it waits behind none of that."""
        return self._transacted(self._kept_back, work, _ANSWER_S)

    def _transacted(self, pool: Pool[_Link], work: Callable[[Cursor], T], within_s: int) -> T:
        for attempt in stamina.retry_context(
            on=_Again, attempts=8, timeout=15, wait_initial=0.005, wait_max=0.2, wait_jitter=0.02
        ):
            with attempt, pool.lend() as link:
                return link.run(work, within_s)
        raise AssertionError  # stamina returns or raises
