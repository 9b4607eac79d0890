"""The rows of a turn of chat: what was said before the reply is made, and the reply once it is. Blocks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from chat_api import patience
from chat_api.chat import drawn
from chat_api.chat import prompt as prompts
from chat_api.chat.prompt import Prompt
from chat_api.chat.repeats import Names
from chat_api.errors import Conflict
from chat_api.messages import REPLY_TO, Added, Message, NewMessage, answered_by, with_ours
from chat_api.recall.profile import KnownLine, Profiles, fitting
from chat_api.recall.recaller import Recaller
from chat_api.recall.recollection import Question, Recollection
from chat_api.rows.rows import Rows
from chat_api.settings import ApiSettings
from chat_api.users import RecallPolicy, UserSettings
from chat_api.zones import zone
from memory_store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Saying:
    """Something said to the assistant."""

    user_id: str
    message: str
    conversation_id: str | None = None
    #: As the user set it, if None; so is what the assistant is like.
    recall: RecallPolicy | None = None
    system: str | None = None
    #: Where the request may come again.
    named: Names | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn whose reply is still to be made; `timings` in milliseconds."""

    saying: Saying
    said: Added
    known: tuple[KnownLine, ...]
    recollection: Recollection
    prompt: Prompt
    started: float
    timings: dict[str, float]
    asked: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with its rows and what it could draw on; `timings` in milliseconds."""

    said: Added
    reply: Added
    text: str
    known: tuple[KnownLine, ...]
    recollection: Recollection
    timings: dict[str, float]
    #: Whether it was given before, to the same request.
    replayed: bool = False


class Turns:
    """Writes turns and gathers what replies are made from. Learning never takes part. Raises Unavailable."""

    def __init__(
        self,
        settings: ApiSettings,
        rows: Rows,
        recaller: Recaller,
        profiles: Profiles,
        *,
        wants_recall: Callable[[str], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._rows = rows
        self._recaller = recaller
        self._profiles = profiles
        self._wants_recall = wants_recall
        self._clock = clock

    def begin(self, saying: Saying) -> Begun | Answer:
        """What was said, written; or the answer that the same request got before. Raises Invalid."""
        patience.check()
        started = time.perf_counter()
        user = self.user(saying.user_id)
        recall = saying.recall or user.recall
        earlier = self._earlier(saying, recall)
        if isinstance(earlier, Answer):
            return earlier
        said = earlier or self._write_said(saying)
        written = time.perf_counter()
        known = self.known(saying.user_id, recall)
        known_at = time.perf_counter()
        found = self.recollection(saying.user_id, saying.message, recall, without=said.message_id)
        timings = {
            "profile_ms": _milliseconds(known_at - written),
            "recall_ms": found.timings.get("total_ms", 0.0),
        }
        prompt = self._prompt(saying, said, known, found, user)
        return Begun(replace(saying, recall=recall), said, known, found, prompt, started, timings)

    def finish(self, begun: Begun, text: str) -> Answer:
        """The reply, written; where another process was faster with the same request, its reply.

        Raises Gone, and writes nothing, where what was said is deleted by now.
        """
        replied = time.perf_counter()
        try:
            reply = self._write_reply(begun, text)
        except Conflict:
            earlier = self._earlier(begun.saying, begun.saying.recall or "never")
            if not isinstance(earlier, Answer):
                raise
            return earlier
        timings = {
            **begun.timings,
            "reply_ms": _milliseconds(replied - begun.asked),
            "total_ms": _milliseconds(time.perf_counter() - begun.started),
        }
        return Answer(begun.said, reply, text, begun.known, begun.recollection, timings)

    def user(self, user_id: str) -> UserSettings:
        """What the user has set."""
        return self._rows.user_settings(user_id)

    def known(self, user_id: str, recall: RecallPolicy) -> tuple[KnownLine, ...]:
        """What matters most about the user, unless nothing may be remembered."""
        if recall == "never":
            return ()
        try:
            return self._profiles.of(user_id).lines
        except StoreError:
            # Chatting goes on without it, as it does without memories; what is pinned stands in the rows.
            return tuple(fitting(self._profiles.pinned(user_id)))

    def recollection(
        self, user_id: str, message: str, recall: RecallPolicy, *, without: int | None
    ) -> Recollection:
        """What is remembered about the message, within the budget; nothing where it is not wanted."""
        if recall == "never" or (recall == "auto" and not self._wants_recall(message)):
            return Recollection()
        question = Question(user_id, limit=self._settings.recall_limit, without=without)
        return prompts.within(self._recaller.recall(question, message), self._settings.memory_tokens)

    def now(self, user: UserSettings) -> datetime:
        """The time where the user is."""
        return self._clock().astimezone(zone(user.timezone))

    def _prompt(
        self, saying: Saying, said: Added, known: tuple[KnownLine, ...], found: Recollection, user: UserSettings
    ) -> Prompt:
        rows = self._rows.last_turns(
            saying.user_id, said.conversation_id, before=said.message_id, limit=self._settings.chat_turns
        )
        turns = prompts.fitting(rows, self._settings.chat_turn_tokens)
        return Prompt(
            message=saying.message,
            now=self.now(user),
            turns=list(turns.values()),
            known=prompts.known(known),
            remembered=prompts.remembered(found),
            recent=prompts.recent(found, without=turns),
            system=saying.system or user.persona,
        )

    def _earlier(self, saying: Saying, recall: RecallPolicy) -> Added | Answer | None:
        """What the same request came to before: its answer, or the row of what was said without one."""
        named = saying.named
        if named is None:
            return None
        rows = self._rows.named(saying.user_id, [named.said, named.reply])
        for row in rows.values():
            named.check(row)
        if named.reply in rows:
            return self._replayed(saying, recall, rows.get(named.said), rows[named.reply])
        return _added(rows[named.said]) if named.said in rows else None

    def _replayed(self, saying: Saying, recall: RecallPolicy, said: Message | None, reply: Message) -> Answer:
        started = time.perf_counter()
        found = drawn.again(reply, self._rows, self._recaller)
        known = self.known(saying.user_id, recall)
        # What was said may have been deleted meanwhile; its id still says which row it was.
        asked = _added(said) if said else _answered(reply)
        timings = {"total_ms": _milliseconds(time.perf_counter() - started)}
        return Answer(asked, _added(reply), reply.content, known, found, timings, replayed=True)

    def _write_said(self, saying: Saying) -> Added:
        named = saying.named
        message = NewMessage(
            "user",
            saying.message,
            saying.conversation_id,
            named.said if named else None,
            metadata=with_ours(None, named.ours) if named else None,
        )
        [added] = self._rows.add_messages(saying.user_id, [message])
        return added

    def _write_reply(self, begun: Begun, text: str) -> Added:
        named = begun.saying.named
        told: dict[str, object] = {REPLY_TO: begun.said.message_id}
        if named is not None:
            told |= {**named.ours, **drawn.kept(begun.recollection)}
        name = named.reply if named else None
        message = NewMessage("assistant", text, begun.said.conversation_id, name, metadata=with_ours(None, told))
        return self._rows.add_reply(begun.saying.user_id, message, to=begun.said.message_id)


def _answered(reply: Message) -> Added:
    message_id = answered_by(reply)
    if message_id is None:
        raise Conflict("What was asked under this Idempotency-Key is gone. Send a new key.")
    return Added(message_id, reply.conversation_id, None, created=False)


def _added(row: Message) -> Added:
    return Added(row.id, row.conversation_id, row.external_id, created=False)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
