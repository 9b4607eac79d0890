"""Histories that clients send, as rows in MySQL."""

from collections.abc import Callable
from datetime import UTC, datetime

from chat_api.completions import statements
from chat_api.completions.statements import History, Place
from chat_api.messages import NewMessage
from chat_api.metering import Meter, Unmetered
from chat_api.rows.database import Database


class HistoryRows:
    """Thread-safe; every method is one transaction. Each raises Unavailable when the database is away."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime], meter: Meter | None = None) -> None:
        self._transact = database.transact
        self._clock = clock
        self._meter = meter or Unmetered()

    def take(self, user_id: str, history: History) -> Place:
        """Stores what of a history that a client sent is not stored yet, and tells where it stands."""
        now = self._clock().astimezone(UTC)
        place = self._transact(lambda cursor: statements.take(cursor, user_id, history, now))
        self._meter.wrote("added", place.written)
        return place

    def take_reply(self, user_id: str, place: Place, text: str, *, cut: bool) -> int:
        """Stores a reply to a history, unless the same one is there; returns its message's id.

        Raises Gone where what was asked is deleted.
        """
        metadata = statements.reply_metadata(place, cut=cut)
        reply = NewMessage("assistant", text, place.conversation_id, metadata=metadata)
        now = self._clock().astimezone(UTC)
        added = self._transact(lambda cursor: statements.take_reply(cursor, user_id, place, reply, now))
        self._meter.wrote("added", int(added.created))
        return added.message_id
