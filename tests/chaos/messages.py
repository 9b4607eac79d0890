"""Messages as events of the messages log, and what the facts log has to look like then."""

from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from random import Random

from memory_consumer import names
from memory_consumer.partition import partition_of
from memory_consumer.records.facts import FactsRecord
from tests.support.events import Row
from tests.support.logs import Logs


def users_of(partition: int, count: int) -> list[str]:
    """So many users whose messages are in a partition."""
    named = (f"利用者 {number}" for number in range(100 * names.PARTITIONS))
    return list(islice((user for user in named if partition_of(user) == partition), count))


class Messages:
    """Messages that are written, edited, suppressed and deleted, as events of the messages log."""

    def __init__(self, logs: Logs, users: Sequence[str], chance: Random) -> None:
        self._logs = logs
        self._users = users
        self._chance = chance
        self._words = 0
        self.rows: dict[int, Row] = {}

    def go_on(self, events: int) -> None:
        """So many more events."""
        acts = (self._says, self._edits, self._suppresses, self._removes)
        for act in self._chance.choices(acts, (5, 3, 2, 1), k=events):
            act()

    def _says(self) -> None:
        user, conversation = self._chance.choice(self._users), self._chance.choice(("c1", "c2"))
        row = self._logs.say(self._content(), user_id=user, conversation_id=conversation)
        self.rows[row.id] = row

    def _edits(self) -> None:
        for row in self._any():
            self.rows[row.id] = self._logs.change(row.edited(content=self._content()), "u")

    def _suppresses(self) -> None:
        for row in self._any():
            # Off the record; or on it again with other words, so that no record comes back as it was.
            change = {"suppressed": None, "content": self._content()} if row.suppressed else {"suppressed": "all"}
            self.rows[row.id] = self._logs.change(row.edited(**change), "u")

    def _removes(self) -> None:
        for row in self._any():
            self._logs.remove(self.rows.pop(row.id))

    def _any(self) -> Sequence[Row]:
        return self._chance.sample(list(self.rows.values()), min(1, len(self.rows)))

    def _content(self) -> str:
        self._words += 1
        return f"I like number {self._words}."


def assert_written_once_and_in_order(
    records: Sequence[FactsRecord], told: Callable[[FactsRecord], object]
) -> None:
    """Of each message, no record tells the same as the one before it, and none is of an earlier event."""
    by_message: dict[int, list[FactsRecord]] = {}
    for record in records:
        by_message.setdefault(record.message_id, []).append(record)
    for of_one in by_message.values():
        for before, after in pairwise(of_one):
            assert before.source_offset <= after.source_offset, f"{before} and then {after}"
            assert told(before) != told(after), f"{before} and then {after}"
