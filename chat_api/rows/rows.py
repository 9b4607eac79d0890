"""Users, conversations and messages, as rows in MySQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from chat_api.messages import Added, Change, Conversation, Edit, Message, NewMessage
from chat_api.metering import Meter, Unmetered
from chat_api.rows import statements
from chat_api.rows.database import Database
from chat_api.users import UserSettings


class Rows:
    """Users, conversations and messages. Thread-safe; every method is one transaction.

    Each raises Unavailable when the database is away, and sees nothing of another user.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime], meter: Meter | None = None) -> None:
        self._transact = database.transact
        self._clock = clock
        self._meter = meter or Unmetered()

    def add_messages(self, user_id: str, messages: Sequence[NewMessage]) -> list[Added]:
        """Writes all of them or none; new ids ascend in the order of the list.

        What repeats an earlier message (same `external_id`) gives that one's id. Raises Conflict where it differs,
        and Invalid where more would be pinned than may be.
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

    def get(self, user_id: str, message_id: int) -> Message:
        """A message. Raises NotFound."""
        return self._transact(lambda cursor: statements.one(cursor, user_id, message_id))

    def whoevers(self, message_id: int) -> Message | None:
        """A message, whoever's it is: for administration only."""
        return self._transact(lambda cursor: statements.whoevers(cursor, message_id))

    def edit(self, user_id: str, message_id: int, edit: Edit) -> Message:
        """The message as edited; an edit that changes nothing writes nothing.

        Raises NotFound, and Invalid where more would be pinned than may be.
        """
        edited = self._transact(lambda cursor: statements.edit(cursor, user_id, message_id, edit))
        self._meter.wrote("edited", 1)
        return edited

    def suppress(self, user_id: str, refs: Mapping[int, str]) -> None:
        """Adds a fact reference to the suppressions of each message; those that are gone are passed over.

        What is suppressed is pinned no more.
        """
        self._transact(lambda cursor: statements.suppress(cursor, user_id, refs))
        self._meter.wrote("suppressed", len(refs))

    def put_in_place(
        self, user_id: str, message_id: int, refs: Mapping[int, str], note: Callable[[Message], NewMessage]
    ) -> Added:
        """Writes a note and adds a fact reference to the suppressions of each message, both or nothing.

        The note is made from a message as that stands then, and goes into its conversation. One that repeats
        another by its `external_id` gives that one's id. Raises NotFound without the message, and as
        `add_messages` does.
        """
        now = self._clock().astimezone(UTC)
        added = self._transact(
            lambda cursor: statements.put_in_place(cursor, user_id, message_id, refs, note, now=now)
        )
        self._meter.wrote("added", int(added.created))
        self._meter.wrote("suppressed", len(refs))
        return added

    def mark(self, user_id: str, message_id: int, edit: Edit, ref: str, *, pinned: bool) -> Message:
        """Edits a message, and adds a fact reference to what is pinned of it or takes it out, both or nothing.

        Raises as `edit` does.
        """
        marked = self._transact(
            lambda cursor: statements.mark(cursor, user_id, message_id, edit, ref, pinned=pinned)
        )
        self._meter.wrote("edited", 1)
        return marked

    def with_pins(self, user_id: str) -> list[Message]:
        """The messages of a user of which something is pinned, the newest MOST_PINNED, the first written first."""
        return self._transact(lambda cursor: statements.with_pins(cursor, user_id))

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
