"""Erasures, as rows in MySQL, and what they take away there."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from chat_api.erasing import statements
from chat_api.erasing.parts import Erasure, Part
from chat_api.erasing.statements import Asked
from chat_api.metering import Meter, Unmetered
from chat_api.rows.database import Database
from chat_api.rows.statements import Cursor

#: Longer than the deletion of a huge conversation, or of all of a user, takes.
_DELETED_S = 60


class ErasureRows:
    """Thread-safe; every method is one transaction. Each raises Unavailable when the database is away."""

    def __init__(self, database: Database, *, meter: Meter | None = None) -> None:
        self._transact = database.transact
        self._meter = meter or Unmetered()

    def erase_user(self, user_id: str, asked: Asked) -> Erasure:
        """Removes all rows of a user, in one transaction, and notes that it is to be gone everywhere.

        Where nothing is there any more since an erasure of theirs that is not done, that one is answered. Raises
        TooMany.
        """
        return self._erased(lambda cursor: statements.erase_user(cursor, user_id, asked), asked)

    def erase_conversation(self, user_id: str, conversation_id: str, asked: Asked) -> Erasure:
        """The same of a conversation. Raises NotFound and TooMany."""
        return self._erased(
            lambda cursor: statements.erase_conversation(cursor, user_id, conversation_id, asked), asked
        )

    def erase_message(self, user_id: str, message_id: int, asked: Asked) -> Erasure:
        """The same of a message. Raises NotFound and TooMany."""
        return self._erased(lambda cursor: statements.erase_message(cursor, user_id, message_id, asked), asked)

    def _erased(self, work: Callable[[Cursor], Erasure], asked: Asked) -> Erasure:
        erasure = self._transact(work, _DELETED_S)
        if erasure.id == asked.id:
            self._meter.wrote("deleted", erasure.rows)
        return erasure

    def one(self, erasure_id: str) -> Erasure:
        """An erasure, whoever's it is. Raises NotFound."""
        return self._transact(lambda cursor: statements.one(cursor, erasure_id))

    def under_way(self) -> list[Erasure]:
        """All that are not done, the first asked for first."""
        found: list[Erasure] = []
        # Page by page, so that no transaction is long; all of them, so that none waits for the others to be done.
        while page := self._transact(partial(statements.under_way, after=found[-1] if found else None)):
            found += page
        return found

    def note(self, erasure_id: str, seen: Sequence[Part], whole: datetime | None) -> Erasure | None:
        """Adds what a look saw; the erasure as it is now, or None where it was done already.

        `whole` is the time of a look that missed nothing; only by such a one an erasure gets done.
        """
        return self._transact(lambda cursor: statements.note(cursor, erasure_id, seen, whole))

    def forget(self, erasure_id: str) -> None:
        """Removes an erasure, done or not."""
        self._transact(lambda cursor: statements.forget(cursor, erasure_id))

    def forget_done(self, before: datetime) -> int:
        """Removes erasures that were done before then; answers how many."""
        return self._transact(lambda cursor: statements.forget_done(cursor, before))
