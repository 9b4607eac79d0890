"""A window as it is opened over the ledger, and whether it still says the same when its answer comes. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from memory_consumer import deferred
from memory_consumer.facts import FactsRecord
from memory_consumer.tokens import estimated
from memory_consumer.windows import Known, Window
from memory_store.models import Memory, point_id

#: Turns before the first message of each conversation that a model is shown to understand it by.
_TURNS_BEFORE = 4
#: Turns between two pending messages of a conversation: an assistant's answers.
_TURNS_BETWEEN = 10
#: A user's latest messages whose facts are shown: they may not be filed yet, so a search may miss them.
_LATEST = 10
_MOST_KNOWN = 30


class Spoken(Protocol):
    """What is read of the ledger."""

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message."""

    def pending(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's first pending messages."""

    def turns_before(self, record: FactsRecord, *, most: int) -> list[FactsRecord]:
        """The last turns of its conversation before a message, the nearest last."""

    def latest(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's latest messages that have facts, the latest first."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window with the records that it was made of, and the messages that its known memories are filed under."""

    window: Window
    given: Mapping[int, FactsRecord]
    filed_under: Mapping[str, int]

    @property
    def learns(self) -> tuple[int, ...]:
        """The pending messages that it learns."""
        return tuple(message for message, record in self.given.items() if record.state == "pending")


def opened(ledger: Spoken, user_id: str, *, messages: int, tokens: int) -> OpenWindow | None:
    """A user's first pending messages, up to so many or so many tokens, at least one, with the turns around."""
    pending = _first(ledger.pending(user_id, messages), tokens)
    if not pending:
        return None
    given: dict[int, FactsRecord] = {}
    before: set[int] = set()
    for record in pending:
        begun = any(other.conversation_id == record.conversation_id for other in given.values())
        around = ledger.turns_before(record, most=_TURNS_BETWEEN if begun else _TURNS_BEFORE)
        earlier = {turn.message_id for turn in around if turn.message_id < pending[0].message_id}
        if begun:
            around = [turn for turn in around if turn.message_id not in earlier]
        else:
            before |= earlier
        given |= {turn.message_id: turn for turn in around if turn.state == "learned"}
        given[record.message_id] = record
    given = {message: given[message] for message in sorted(given)}
    window = Window(
        user_id=user_id,
        turns=tuple(deferred.turn(each) for message, each in given.items() if message not in before),
        before=tuple(deferred.turn(each) for message, each in given.items() if message in before),
    )
    return OpenWindow(window, given, {})


def with_known(opened: OpenWindow, ledger: Spoken, near: Sequence[Memory]) -> OpenWindow:
    """The window with memories: those near it that still stand, nearest first, then the latest learned."""
    known: dict[str, tuple[Known, int]] = {}
    standing = (memory for memory in near if _has(ledger, memory.message_id, memory.id))
    for memory in standing:
        known[memory.id] = (Known(memory.id, memory.text, memory.said_at), memory.message_id)
    for record in ledger.latest(opened.window.user_id, _LATEST):
        for each in _memories(record):
            known.setdefault(each.id, (each, record.message_id))
    chosen = list(known.items())[:_MOST_KNOWN]
    return replace(
        opened,
        window=replace(opened.window, known=tuple(each for _, (each, _) in chosen)),
        filed_under={memory: message for memory, (_, message) in chosen},
    )


def stands(opened: OpenWindow, ledger: Spoken) -> bool:
    """Whether every message and memory that was shown still says the same."""
    shown = all(_same(ledger.record(message), record) for message, record in opened.given.items())
    return shown and all(_has(ledger, message, memory) for memory, message in opened.filed_under.items())


def _same(now: FactsRecord | None, then: FactsRecord) -> bool:
    return now is not None and (now.revision, now.state, now.said) == (then.revision, then.state, then.said)


def _has(ledger: Spoken, message_id: int, memory_id: str) -> bool:
    record = ledger.record(message_id)
    return record is not None and any(known.id == memory_id for known in _memories(record))


def _memories(record: FactsRecord) -> Iterator[Known]:
    for fact in record.facts:
        yield Known(point_id(record.message_id, fact.hash), fact.text, fact.said_at)


def _first(pending: Iterable[FactsRecord], tokens: int) -> list[FactsRecord]:
    taken: list[FactsRecord] = []
    for record in pending:
        tokens -= estimated(record.text)
        if taken and tokens < 0:
            break
        taken.append(record)
    return taken
