"""The rows in MySQL, and the one place where MySQL's errors become ours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import uuid4

import mysql.connector
import stamina
from mysql.connector import errorcode
from mysql.connector.connection import MySQLConnection
from mysql.connector.errors import ConnectionTimeoutError, ReadTimeoutError, WriteTimeoutError

from chat_api import statements
from chat_api.auth import key_statements
from chat_api.auth.keys import ApiKey, NewKey
from chat_api.completions import statements as turns
from chat_api.completions.statements import History, Place
from chat_api.control.users import UserSettings
from chat_api.erasing import sql as erasing
from chat_api.erasing.parts import Erasure, Part
from chat_api.erasing.sql import Asked
from chat_api.errors import ChatError, Faulty, Invalid, Unavailable
from chat_api.messages import Added, Change, Conversation, Edit, Message, NewMessage
from chat_api.metering import Meter, Unmetered
from chat_api.pool import TRUSTED_S, Pool
from chat_api.settings import Account
from chat_api.statements import Cursor

T = TypeVar("T")

_CONNECT_S = 5
#: Longer than a statement of ours takes; a server that hangs holds nobody up for longer.
_ANSWER_S = 10
#: Longer than the deletion of a huge conversation, or of all of a user, takes.
_DELETED_S = 60
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


class Rows:
    """Users, conversations and messages. Thread-safe; every method is one transaction.

    Each raises Unavailable when the database is away, and sees nothing of another user.
    """

    def __init__(
        self,
        account: Account,
        *,
        pool_size: int,
        clock: Callable[[], datetime],
        trusted_s: float = TRUSTED_S,
        meter: Meter | None = None,
    ) -> None:
        self._pool = Pool(lambda: _Link(account), pool_size, trusted_s=trusted_s)
        self._clock = clock
        self._meter = meter or Unmetered()

    @property
    def lent(self) -> int:
        """Connections in use at this moment."""
        return self._pool.lent

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def ping(self) -> None:
        """Returns if the database answers."""
        self._transact(statements.ping)

    def variables(self, names: Iterable[str]) -> dict[str, str]:
        """Settings of the database server, as it tells them; those that it does not know are left out."""
        wanted = tuple(names)
        return self._transact(lambda cursor: statements.variables(cursor, wanted))

    def add_messages(self, user_id: str, messages: Sequence[NewMessage]) -> list[Added]:
        """Writes all of them or none; new ids ascend in the order of the list.

        What repeats an earlier message (same `external_id`) gives that one's id. Raises Conflict where it differs.
        """
        unnamed, now = str(uuid4()), self._clock().astimezone(UTC)
        added = self._transact(lambda cursor: statements.add(cursor, user_id, messages, unnamed, now))
        self._meter.wrote("added", sum(each.created for each in added))
        return added

    def add_reply(self, user_id: str, reply: NewMessage, *, to: int) -> Added:
        """Writes a reply to a message, as `add_messages` does. Raises Gone where that one is deleted."""
        unnamed, now = str(uuid4()), self._clock().astimezone(UTC)
        added = self._transact(lambda cursor: statements.add_reply(cursor, user_id, reply, unnamed, now, to=to))
        self._meter.wrote("added", int(added.created))
        return added

    def named(self, user_id: str, external_ids: Sequence[str]) -> dict[str, Message]:
        """Those of the messages that there are, by their external ids."""
        return self._transact(lambda cursor: statements.named(cursor, user_id, external_ids))

    def take_history(self, user_id: str, history: History) -> Place:
        """Stores what of a history that a client sent is not stored yet, and tells where it stands."""
        now = self._clock().astimezone(UTC)
        place = self._transact(lambda cursor: turns.take(cursor, user_id, history, now))
        self._meter.wrote("added", place.written)
        return place

    def take_reply(self, user_id: str, place: Place, text: str, *, cut: bool) -> int:
        """Stores a reply to a history, unless the same one is there; returns its message's id.

        Raises Gone where what was asked is deleted.
        """
        metadata = turns.reply_metadata(place, cut=cut)
        reply = NewMessage("assistant", text, place.conversation_id, metadata=metadata)
        now = self._clock().astimezone(UTC)
        added = self._transact(lambda cursor: turns.take_reply(cursor, user_id, place, reply, now))
        self._meter.wrote("added", int(added.created))
        return added.message_id

    def get(self, user_id: str, message_id: int) -> Message:
        """A message. Raises NotFound."""
        return self._transact(lambda cursor: statements.one(cursor, user_id, message_id))

    def whoevers(self, message_id: int) -> Message | None:
        """A message, whoever's it is: for administration only."""
        return self._transact(lambda cursor: statements.whoevers(cursor, message_id))

    def edit(self, user_id: str, message_id: int, edit: Edit) -> Message:
        """The message as edited; an edit that changes nothing writes nothing. Raises NotFound."""
        edited = self._transact(lambda cursor: statements.edit(cursor, user_id, message_id, edit))
        self._meter.wrote("edited", 1)
        return edited

    def suppress(self, user_id: str, refs: Mapping[int, str]) -> None:
        """Adds a fact reference to the suppressions of each message; those that are gone are passed over."""
        self._transact(lambda cursor: statements.suppress(cursor, user_id, refs))
        self._meter.wrote("suppressed", len(refs))

    def put_in_place(self, user_id: str, refs: Mapping[int, str], note: NewMessage) -> Added:
        """Writes a note and adds a fact reference to the suppressions of each message, both or nothing.

        A note that repeats one by its `external_id` gives that one's id. Raises Conflict where it differs.
        """
        unnamed, now = str(uuid4()), self._clock().astimezone(UTC)
        added = self._transact(
            lambda cursor: statements.put_in_place(cursor, user_id, refs, note, unnamed=unnamed, now=now)
        )
        self._meter.wrote("added", int(added.created))
        self._meter.wrote("suppressed", len(refs))
        return added

    def pin(self, user_id: str, message_id: int, ref: str, *, pinned: bool) -> None:
        """Adds a fact reference to what is pinned of a message, or takes it out. Raises NotFound."""
        self._transact(lambda cursor: statements.pin(cursor, user_id, message_id, ref, pinned=pinned))
        self._meter.wrote("edited", 1)

    def with_pins(self, user_id: str) -> list[Message]:
        """The messages of a user of which something is pinned, the first written first."""
        return self._transact(lambda cursor: statements.with_pins(cursor, user_id))

    def delete_message(self, user_id: str, message_id: int) -> None:
        """Removes a message. Raises NotFound."""
        self._transact(lambda cursor: statements.delete_message(cursor, user_id, message_id))
        self._meter.wrote("deleted", 1)

    def delete_conversation(self, user_id: str, conversation_id: str) -> int:
        """Removes a conversation and tells how many messages went with it. Raises NotFound."""
        gone = self._transact(
            lambda cursor: statements.delete_conversation(cursor, user_id, conversation_id), _DELETED_S
        )
        self._meter.wrote("deleted", gone)
        return gone

    def erase_user(self, user_id: str, asked: Asked) -> Erasure:
        """Removes all rows of a user, in one transaction, and notes that it is to be gone everywhere."""
        return self._erased(lambda cursor: erasing.erase_user(cursor, user_id, asked))

    def erase_conversation(self, user_id: str, conversation_id: str, asked: Asked) -> Erasure:
        """The same of a conversation. Raises NotFound."""
        return self._erased(lambda cursor: erasing.erase_conversation(cursor, user_id, conversation_id, asked))

    def erase_message(self, user_id: str, message_id: int, asked: Asked) -> Erasure:
        """The same of a message. Raises NotFound."""
        return self._erased(lambda cursor: erasing.erase_message(cursor, user_id, message_id, asked))

    def _erased(self, work: Callable[[Cursor], Erasure]) -> Erasure:
        erasure = self._transact(work, _DELETED_S)
        self._meter.wrote("deleted", erasure.rows)
        return erasure

    def erasure(self, erasure_id: str) -> Erasure:
        """An erasure, whoever's it is. Raises NotFound."""
        return self._transact(lambda cursor: erasing.one(cursor, erasure_id))

    def erasures_under_way(self) -> list[Erasure]:
        """All that are not done, the first asked for first."""
        found: list[Erasure] = []
        # Page by page, so that no transaction is long; all of them, so that none waits for the others to be done.
        while page := self._transact(partial(erasing.under_way, after=found[-1] if found else None)):
            found += page
        return found

    def note_erasure(self, erasure_id: str, seen: Sequence[Part], whole: datetime | None) -> Erasure | None:
        """Adds what a look saw; the erasure as it is now, or None where it was done already.

        `whole` is the time of a look that missed nothing; only by such a one an erasure gets done.
        """
        return self._transact(lambda cursor: erasing.note(cursor, erasure_id, seen, whole))

    def forget_erasure(self, erasure_id: str) -> None:
        """Removes an erasure, done or not."""
        self._transact(lambda cursor: erasing.forget(cursor, erasure_id))

    def forget_erasures(self, before: datetime) -> int:
        """Removes erasures that were done before then; answers how many."""
        return self._transact(lambda cursor: erasing.forget_done(cursor, before))

    def conversations(
        self, user_id: str, *, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[Conversation]:
        """Newest first, from after the given (created_at, conversation_id)."""
        return self._transact(lambda cursor: statements.conversations(cursor, user_id, limit=limit, before=before))

    def messages(self, user_id: str, conversation_id: str, *, limit: int, after: int = 0) -> list[Message]:
        """A conversation's messages in the order they were written, from after the given id. Raises NotFound."""
        return self._transact(
            lambda cursor: statements.messages(cursor, user_id, conversation_id, limit=limit, after=after)
        )

    def last_turns(self, user_id: str, conversation_id: str, *, before: int, limit: int) -> list[Message]:
        """The last messages of a conversation before the given id, oldest first; none if it is not there."""
        return self._transact(
            lambda cursor: statements.last_turns(cursor, user_id, conversation_id, before=before, limit=limit)
        )

    def rows_by_ids(self, user_id: str, message_ids: Iterable[int]) -> dict[int, Message]:
        """Those of the messages that there are, by one look at the primary keys."""
        wanted = tuple(message_ids)
        return self._transact(lambda cursor: statements.rows_by_ids(cursor, user_id, wanted))

    def recent_changes(
        self, user_id: str, *, limit: int, before: tuple[datetime, int] | None = None
    ) -> list[Change]:
        """Rows by the time of their last write, newest first, from after the given (updated_at, id)."""
        return self._transact(
            lambda cursor: statements.recent_changes(cursor, user_id, limit=limit, before=before)
        )

    def conversations_after(self, user_id: str, after: str, *, limit: int) -> list[tuple[str, datetime]]:
        """Names and beginnings of a user's conversations by name, from after the given one."""
        return self._transact(lambda cursor: statements.conversations_after(cursor, user_id, after, limit=limit))

    def user_settings(self, user_id: str) -> UserSettings:
        """What the user has set; the defaults for what was not, or for a user who is not there."""
        return self._transact(lambda cursor: statements.user_settings(cursor, user_id))

    def set_user(self, user_id: str, changes: Mapping[str, str | None]) -> UserSettings:
        """Sets what is given of `timezone`, `recall` and `persona`, also of a user who said nothing yet."""
        return self._transact(lambda cursor: statements.set_user(cursor, user_id, changes))

    def user_timezone(self, user_id: str) -> str:
        """The user's time zone as an IANA name, UTC if none was ever set."""
        return self._transact(lambda cursor: statements.user_timezone(cursor, user_id))

    def add_key(self, key_id: str, digest: str, new: NewKey) -> ApiKey:
        """Writes a key, by the digest of its text."""
        return self._transact(lambda cursor: key_statements.add(cursor, key_id, digest, new))

    def used_key(self, digest: str, now: datetime) -> ApiKey | None:
        """The key of that digest, and notes that it is used, to the minute; None where there is none."""
        return self._transact(lambda cursor: key_statements.used(cursor, digest, now))

    def keys(self, *, limit: int, after: str = "") -> list[ApiKey]:
        """All keys, revoked and expired ones too, by their ids, from after the given one."""
        return self._transact(lambda cursor: key_statements.listed(cursor, limit=limit, after=after))

    def revoke_key(self, key_id: str, now: datetime) -> ApiKey:
        """The key as revoked; once revoked it stays so. Raises NotFound."""
        return self._transact(lambda cursor: key_statements.revoke(cursor, key_id, now))

    def _transact(self, work: Callable[[Cursor], T], within_s: int = _ANSWER_S) -> T:
        for attempt in stamina.retry_context(
            on=_Again, attempts=8, timeout=15, wait_initial=0.005, wait_max=0.2, wait_jitter=0.02
        ):
            with attempt, self._pool.lend() as link:
                return link.run(work, within_s)
        raise AssertionError  # stamina returns or raises
