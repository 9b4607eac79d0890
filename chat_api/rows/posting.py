"""What becomes of posted messages: which are new, which repeat an earlier one. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chat_api.errors import Conflict
from chat_api.messages import Added, Message, NewMessage


@dataclass(frozen=True, slots=True)
class Posting:
    """A message that becomes a row."""

    message: NewMessage
    conversation_id: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message of the list ends up: a row that is there, or the n-th new one."""

    row: Added | None
    fresh: int
    first: bool


class Plan:
    """Sorts a list of messages into rows to write and repeats of what is there or stands earlier in the list."""

    def __init__(self, known: Mapping[str, Message], unnamed: str, now: datetime) -> None:
        self.fresh: list[Posting] = []
        self._known = known
        self._unnamed = unnamed
        self._now = now
        self._by_name: dict[str, int] = {}
        self._places: list[_Place] = []

    def take(self, message: NewMessage) -> None:
        """Adds the next message of the list. Raises Conflict."""
        name = message.external_id
        earlier = None if name is None else self._known.get(name)
        if earlier is not None:
            _check(message, message.repeats(earlier))
            row = Added(earlier.id, earlier.conversation_id, name, created=False)
            self._places.append(_Place(row, -1, first=False))
        elif name is not None and name in self._by_name:
            position = self._by_name[name]
            _check(message, message.repeats(_resolved(self.fresh[position])))
            self._places.append(_Place(None, position, first=False))
        else:
            self._write(message)

    def added(self, ids: Sequence[int]) -> list[Added]:
        """What became of each message of the list, given the ids of the new rows in their order."""
        return [place.row or self._added(place, ids[place.fresh]) for place in self._places]

    def _write(self, message: NewMessage) -> None:
        if message.external_id is not None:
            self._by_name[message.external_id] = len(self.fresh)
        self._places.append(_Place(None, len(self.fresh), first=True))
        self.fresh.append(
            Posting(
                message,
                self._unnamed if message.conversation_id is None else message.conversation_id,
                message.said_at or self._now,
            )
        )

    def _added(self, place: _Place, message_id: int) -> Added:
        posting = self.fresh[place.fresh]
        return Added(message_id, posting.conversation_id, posting.message.external_id, created=place.first)


def _resolved(posting: Posting) -> NewMessage:
    return replace(posting.message, conversation_id=posting.conversation_id, said_at=posting.said_at)


def _check(message: NewMessage, repeats: bool) -> None:
    if not repeats:
        raise Conflict(
            f"The external_id {message.external_id!r} is taken by a message that differs."
            " Edit that one, or give this one another external_id."
        )
