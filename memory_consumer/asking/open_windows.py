"""A window as it is opened over the ledger, what its answer rests on, whether it still says the same. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from memory_consumer.asking.grounds import unsaid
from memory_consumer.asking.tokens import estimated
from memory_consumer.asking.windows import Found, Known, Window
from memory_consumer.learning import deferred
from memory_consumer.profiles.record import Told
from memory_consumer.profiles.standing import standing
from memory_consumer.records.facts import FactsRecord, Source
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

    def pending(self, user_id: str, most: int, after: int) -> list[FactsRecord]:
        """A user's first pending messages after so many."""

    def turns_before(self, record: FactsRecord, *, most: int) -> list[FactsRecord]:
        """The last turns of its conversation before a message, the nearest last."""

    def latest(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's latest messages that have facts, the latest first."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window with the records that it was made of, and the facts that its known memories are, by their ids."""

    window: Window
    given: Mapping[int, FactsRecord]
    known: Mapping[str, Told]

    @property
    def learns(self) -> tuple[int, ...]:
        """The pending messages that it learns."""
        return tuple(message for message, record in self.given.items() if record.state == "pending")


def opened(ledger: Spoken, user_id: str, *, messages: int, tokens: int, after: int = 0) -> OpenWindow | None:
    """A user's first pending messages after so many, up to so many or so many tokens, at least one.

    With them the turns around; None where nothing is pending.
    """
    pending = _first(ledger.pending(user_id, messages, after), tokens)
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
    """The window with memories: those near it that still stand, nearest first, then the latest learned.

    Not what was learned from its own messages, as the model is to say that again; and not what a later memory
    supersedes: who moves back home is to be believed.
    """
    latest = ledger.latest(opened.window.user_id, _LATEST)
    found = [ledger.record(memory.message_id) for memory in near]
    records = {record.message_id: record for record in (*found, *latest) if record is not None}
    told = {
        point_id(each.cited.message_id, each.cited.hash): each
        for each in standing(record for message, record in records.items() if message not in opened.learns)
    }
    last = {record.message_id for record in latest}
    order = [memory.id for memory in near] + [key for key, each in told.items() if each.cited.message_id in last]
    chosen = [key for key in dict.fromkeys(order) if key in told][:_MOST_KNOWN]
    return replace(
        opened,
        window=replace(
            opened.window, known=tuple(Known(key, told[key].text, told[key].said_at) for key in chosen)
        ),
        known={key: told[key] for key in chosen},
    )


def also(opened: OpenWindow, found: Found) -> list[Source]:
    """What a fact rests on beside what it cites: memories it supersedes, and what else a word of it is from."""
    turns = {turn.message_id: turn.text for turn in (*opened.window.turns, *opened.window.before)}
    cited = [turns.pop(message, "") for message in found.sources]
    cited += [opened.known[each].text for each in found.supersedes if each in opened.known]
    memories = {key: each.text for key, each in opened.known.items() if key not in found.supersedes}
    shown: Iterable[tuple[int | str, str]] = (*turns.items(), *memories.items())
    sources = [
        source for each in found.supersedes if each in opened.known for source in opened.known[each].sources
    ]
    for key in unsaid(found.text, cited, dict(shown)):
        if isinstance(key, int):
            sources.append(Source(message_id=key, revision=opened.given[key].revision))
        else:
            sources += opened.known[key].sources
    return sources


def stands(opened: OpenWindow, ledger: Spoken) -> bool:
    """Whether every message and memory that was shown still says the same."""
    shown = all(_same(ledger.record(message), record) for message, record in opened.given.items())
    return shown and all(_has(ledger, each) for each in opened.known.values())


def _same(now: FactsRecord | None, then: FactsRecord) -> bool:
    return now is not None and (now.revision, now.state, now.said) == (then.revision, then.state, then.said)


def _has(ledger: Spoken, told: Told) -> bool:
    record = ledger.record(told.cited.message_id)
    return record is not None and any(
        (fact.hash, fact.sources) == (told.cited.hash, told.sources) for fact in record.facts
    )


def _first(pending: Iterable[FactsRecord], tokens: int) -> list[FactsRecord]:
    taken: list[FactsRecord] = []
    for record in pending:
        tokens -= estimated(record.text)
        if taken and tokens < 0:
            break
        taken.append(record)
    return taken
