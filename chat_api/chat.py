"""A turn of chat: what was said becomes a row, a reply is made from what is remembered and becomes a row too."""

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from chat_api.messages import Added, Message, NewMessage
from chat_api.profile import KnownLine, Profiles, fitting
from chat_api.recall import Question, Recaller, Recollection
from chat_api.replies import Line, Prompt, Replier, Turn
from chat_api.settings import ApiSettings
from chat_api.store import Rows
from chat_api.zones import zone
from memory_store.errors import StoreError

#: The oldest turns are left out beyond this, so that a few long ones do not overflow a model's window.
_TURN_CHARACTERS = 24_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with its rows and what it could draw on; `timings` in milliseconds."""

    said: Added
    reply: Added
    text: str
    known: tuple[KnownLine, ...]
    recollection: Recollection
    timings: dict[str, float]


class Chat:
    """Talks with a user. Learning never takes part: the chat path only writes rows."""

    def __init__(
        self,
        settings: ApiSettings,
        rows: Rows,
        recaller: Recaller,
        profiles: Profiles,
        *,
        replier: Replier,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._rows = rows
        self._recaller = recaller
        self._profiles = profiles
        self._replier = replier
        self._clock = clock

    def answer(self, user_id: str, message: str, conversation_id: str | None, *, recall: bool) -> Answer:
        """The reply. Raises Unavailable, and NoReply with the user's row kept."""
        started = time.perf_counter()
        said = self._write(user_id, NewMessage("user", message, conversation_id))
        written = time.perf_counter()
        known = self._known(user_id) if recall else ()
        known_at = time.perf_counter()
        recollection = self._recall(user_id, message, said) if recall else Recollection()
        earlier = self._rows.last_turns(
            user_id, said.conversation_id, before=said.message_id, limit=self._settings.chat_turns
        )
        turns = _last_that_fit(earlier)
        prompt = Prompt(
            message=message,
            now=self._clock().astimezone(zone(self._rows.user_timezone(user_id))),
            turns=list(turns.values()),
            known=[Line(line.said_at, line.text) for line in known],
            remembered=[Line(found.memory.said_at, found.memory.text) for found in recollection.memories],
            recent=_recent(recollection.pending, without=turns),
        )
        asked = time.perf_counter()
        text = self._replier.reply(prompt)
        replied = time.perf_counter()
        reply = self._write(user_id, NewMessage("assistant", text, said.conversation_id))
        timings = {
            "profile_ms": round((known_at - written) * 1000, 3),
            "recall_ms": recollection.timings.get("total_ms", 0.0),
            "reply_ms": round((replied - asked) * 1000, 3),
            "total_ms": round((time.perf_counter() - started) * 1000, 3),
        }
        return Answer(said, reply, text, known, recollection, timings)

    def _write(self, user_id: str, message: NewMessage) -> Added:
        [added] = self._rows.add_messages(user_id, [message])
        return added

    def _known(self, user_id: str) -> tuple[KnownLine, ...]:
        try:
            return self._profiles.of(user_id).lines
        except StoreError:
            # Chatting goes on without it, as it does without memories; what is pinned stands in the rows.
            return tuple(fitting(self._profiles.pinned(user_id)))

    def _recall(self, user_id: str, message: str, said: Added) -> Recollection:
        question = Question(user_id, limit=self._settings.recall_limit, without=said.message_id)
        return self._recaller.recall(question, message)


def _last_that_fit(rows: Sequence[Message]) -> dict[int, Turn]:
    turns: dict[int, Turn] = {}
    characters = 0
    for row in reversed(rows):
        characters += len(row.content)
        if characters > _TURN_CHARACTERS:
            break
        if row.role == "user" or row.role == "assistant":  # noqa: PLR1714  mypy narrows these one by one
            turns[row.id] = Turn(row.role, row.content)
    return dict(reversed(turns.items()))


def _recent(pending: Sequence[Message], without: Container[int]) -> list[Line]:
    return [
        Line(row.said_at, row.content) for row in pending if row.id not in without and row.role in ("user", "note")
    ]
