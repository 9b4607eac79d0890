"""What was said too recently to be learned: it is given as it was said, so that it is never missed."""

from collections.abc import Iterable, Sequence

from chat_api.messages import Change, Message
from chat_api.recall.recollection import Question, Remembered
from chat_api.recall.unlearned import unlearned
from chat_api.rows.rows import Rows
from memory_store.port import MemoryStore

#: Rows that are looked through for pending ones.
_MOST_ROWS = 2000
_SPOKEN_FIRST = frozenset({"user", "note"})


class Pending:
    """Finds the rows that no memory tells of yet, in two steps: which changes, before memories are searched, and
    which of those no memory that was found rests on. Raises Unavailable."""

    def __init__(self, rows: Rows, store: MemoryStore, limit: int) -> None:
        self._rows = rows
        self._store = store
        self._limit = limit

    def behind(self, question: Question) -> list[Change]:
        """The changes that are not learned, the latest first. Raises the store's errors."""
        found = unlearned(self._rows, self._store, question.user_id, most=_MOST_ROWS)
        return [change for change, _ in found if _may_show(change, question)]

    def recent(self, question: Question) -> list[Change]:
        """The latest changes, for where the store cannot tell which are learned."""
        recent = self._rows.recent_changes(question.user_id, limit=_MOST_ROWS)
        return [change for change in recent if _may_show(change, question)]

    def shown(
        self, question: Question, behind: Sequence[Change], memories: Iterable[Remembered]
    ) -> tuple[Message, ...]:
        """The rows of the changes as they are now, without those that the memories rest on."""
        shown = {source.id for remembered in memories for source in remembered.sources}
        fresh = [change.message_id for change in _spoken_first(behind) if change.message_id not in shown]
        if question.rows.open:
            fresh = fresh[: self._limit]
        rows = self._rows.rows_by_ids(question.user_id, fresh)
        # Once more: a row may have been deleted or suppressed since.
        shown_now = (rows[each] for each in fresh if each in rows and rows[each].suppressed is None)
        return tuple(row for row in shown_now if question.rows.takes(row))[: self._limit]


def _may_show(change: Change, question: Question) -> bool:
    # Of a row with suppressions one cannot tell, before it is learned, which words were to be forgotten.
    return (
        not change.suppressed
        and change.message_id != question.without
        and question.covers(change.said_at, change.conversation_id)
    )


def _spoken_first(changes: Sequence[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: change.role not in _SPOKEN_FIRST)
