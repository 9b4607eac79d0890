"""The profiles that change with a batch of records: written in the same transaction as what they rest on. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from memory_consumer import profile_choice
from memory_consumer.facts import FactsRecord
from memory_consumer.profile import Line, ProfileRecord, Told, kept
from memory_consumer.profile_choice import chosen
from memory_consumer.standing import standing

#: A user's latest messages with facts, from which a profile is made.
MOST_RECORDS = 300


class Known(Protocol):
    """What is read of the ledger."""

    def record(self, message_id: int) -> FactsRecord | None:
        """The latest record of a message."""

    def latest(self, user_id: str, most: int) -> list[FactsRecord]:
        """A user's latest messages that have facts, the latest first."""

    def profile(self, user_id: str) -> ProfileRecord | None:
        """A user's latest profile record."""


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


def says_the_same(before: ProfileRecord | None, after: ProfileRecord) -> bool:
    """Whether nothing is to be written: a profile of nobody is not begun with nothing."""
    if before is None:
        return not after.lines
    return (before.author, before.lines) == (after.author, after.lines)


def _after(ledger: Known, user_id: str, before: ProfileRecord | None, now: datetime) -> ProfileRecord | None:
    if before is None or before.author == profile_choice.AUTHOR or not before.lines:
        lines = chosen(told(ledger, user_id))
        return ProfileRecord(user_id=user_id, author=profile_choice.AUTHOR, lines=lines, learned_at=now)
    # What a model wrote stays until it writes again, but for the lines whose facts went.
    lines = kept(before.lines, told(ledger, user_id, before.lines))
    return before.model_copy(update={"lines": lines, "learned_at": now})
