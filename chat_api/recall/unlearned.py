"""How far learning is behind a user's rows: which of them have no receipt for what they say now."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chat_api.messages import Change
from chat_api.rows.rows import Rows
from memory_store.models import Receipt
from memory_store.port import MemoryStore

#: Receipts are asked for page by page, from the newest row back.
_PAGE = 200
#: A row is dated by its statement, but seen from its commit on: at most so much later.
_COMMIT = timedelta(seconds=60)


def is_learned(revision: str, receipt: Receipt | None) -> bool:
    """Whether what a row of this revision says has been learned, even as nothing."""
    return receipt is not None and receipt.state == "learned" and receipt.revision == revision


def unlearned(
    rows: Rows, store: MemoryStore, user_id: str, *, most: int
) -> Iterator[tuple[Change, Receipt | None]]:
    """The rows that are not learned, newest write first, with their outdated receipts.

    A user's rows are learned in the order of their commits, so a whole page that is learned, and older than any
    commit under way, ends the search; it ends after `most` rows in any case. Raises the store's and the
    database's errors.
    """
    before = None
    newest: datetime | None = None
    for _ in range(0, most, _PAGE):
        page = rows.recent_changes(user_id, limit=_PAGE, before=before)
        receipts = store.live().receipts([change.message_id for change in page])
        found = [(change, receipts.get(change.message_id)) for change in page]
        behind = [(change, receipt) for change, receipt in found if not is_learned(change.revision, receipt)]
        yield from behind
        if len(page) < _PAGE:
            return
        newest = newest or page[0].updated_at
        if not behind and page[-1].updated_at < newest - _COMMIT:
            return
        before = (page[-1].updated_at, page[-1].message_id)
