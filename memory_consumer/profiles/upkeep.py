"""The profiles that change with a batch of records: written in the same transaction as what they rest on. Pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memory_consumer.profiles import choice
from memory_consumer.profiles.choice import chosen
from memory_consumer.profiles.record import Line, ProfileRecord, Told, kept
from memory_consumer.profiles.standing import standing
from memory_consumer.profiles.writer import Item, shown
from memory_consumer.records.facts import FactsRecord

#: A user's latest messages with facts, from which a profile is made.
MOST_RECORDS = 100


class Known(Protocol):
    """What is read of the ledger."""

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message."""

    def latest(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's latest messages that have facts, the latest first."""

    def profile(self, user_id: str) -> ProfileRecord | None:
        """A user's latest profile record."""


class Unwritten(Known, Protocol):
    """The same, and what a model is to write."""

    def unwritten(self, before: datetime) -> list[str]:
        """The users of whom no model has written since their facts changed, nor since `before`."""


@dataclass(frozen=True, slots=True)
class DueProfile:
    """A profile that is to be written, and what a model is shown for it, as of a time."""

    user_id: str
    items: tuple[Item, ...]
    shown_at: datetime

    def written(self, author: str, lines: tuple[Line, ...], now: datetime) -> ProfileRecord:
        """The record of what a model wrote. What changed since it was shown is to be written again."""
        return ProfileRecord(
            user_id=self.user_id, author=author, lines=lines, learned_at=now, written_at=self.shown_at
        )


def changed(ledger: Known, user_ids: Iterable[str], now: datetime) -> list[ProfileRecord]:
    """The profiles that no longer tell what the facts of these users are, as they are to be written now."""
    found = []
    for user_id in sorted(user_ids):
        before = ledger.profile(user_id)
        after = _after(ledger, user_id, before, now)
        if after is not None and not says_the_same(before, after):
            found.append(after)
    return found


def told(ledger: Known, user_id: str, lines: Iterable[Line] = ()) -> list[Told]:
    """The facts that stand of a user's latest messages, and of those that the lines rest on."""
    records = {record.message_id: record for record in ledger.latest(user_id, MOST_RECORDS)}
    for message in sorted({cited.message_id for line in lines for cited in line.facts} - records.keys()):
        record = ledger.record(message)
        if record is not None:
            records[message] = record
    return standing(records.values())


def due(ledger: Unwritten, before: datetime, without: Container[str], now: datetime) -> DueProfile | None:
    """The next profile that a model is to write, not written since `before`; None if there is none."""
    for user_id in ledger.unwritten(before):
        if user_id not in without:
            profile = ledger.profile(user_id)
            lines = profile.lines if profile is not None and profile.author != choice.AUTHOR else ()
            items = shown(told(ledger, user_id, lines), lines)
            if items:
                return DueProfile(user_id, items, now)
    return None


def kept_of(ledger: Known, written: ProfileRecord) -> ProfileRecord:
    """What a model wrote, without what changed since it was asked; if nothing is left, what would be chosen."""
    lines = kept(written.lines, told(ledger, written.user_id, written.lines))
    if lines:
        return written.model_copy(update={"lines": lines})
    lines = chosen(told(ledger, written.user_id))
    return written.model_copy(update={"author": choice.AUTHOR, "lines": lines})


def says_the_same(before: ProfileRecord | None, after: ProfileRecord) -> bool:
    """Whether nothing is to be written: a profile of nobody is not begun with nothing."""
    if before is None:
        return not after.lines
    return (before.author, before.lines) == (after.author, after.lines)


def _after(ledger: Known, user_id: str, before: ProfileRecord | None, now: datetime) -> ProfileRecord | None:
    if before is None or before.author == choice.AUTHOR or not before.lines:
        return ProfileRecord(
            user_id=user_id,
            author=choice.AUTHOR,
            lines=chosen(told(ledger, user_id)),
            learned_at=now,
            written_at=None if before is None else before.written_at,
        )
    # What a model wrote stays until it writes again, but for the lines whose facts went.
    lines = kept(before.lines, told(ledger, user_id, before.lines))
    return before.model_copy(update={"lines": lines, "learned_at": now})
