"""Keys, as rows in MySQL: only digests of their texts are kept."""

from datetime import datetime

from chat_api.auth import statements
from chat_api.auth.keys import ApiKey, NewKey
from chat_api.rows.database import Database


class MySqlKeyRows:
    """Thread-safe; every method is one transaction. Each raises Unavailable when the database is away.

    They have connections of their own: whether a key is good must not hang on how much is asked.
    """

    def __init__(self, database: Database) -> None:
        self._transact = database.transact_beside

    def add(self, key_id: str, digest: str, new: NewKey) -> ApiKey:
        """Writes a key, by the digest of its text."""
        return self._transact(lambda cursor: statements.add(cursor, key_id, digest, new))

    def used(self, digest: str, now: datetime) -> ApiKey | None:
        """The key of that digest, and notes that it is used, to the minute; None where there is none."""
        return self._transact(lambda cursor: statements.used(cursor, digest, now))

    def listed(self, *, limit: int, after: str = "") -> list[ApiKey]:
        """All keys, revoked and expired ones too, by their ids, from after the given one."""
        return self._transact(lambda cursor: statements.listed(cursor, limit=limit, after=after))

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """The key as revoked; once revoked it stays so. Raises NotFound."""
        return self._transact(lambda cursor: statements.revoke(cursor, key_id, now))
