"""A message's row, and what is filed under it in the live version."""

from chat_api.errors import NotFound
from chat_api.rows.rows import Rows
from chat_api.web.answers.admin import FiledOut, PointOut, ReceiptOut
from chat_api.web.answers.messages import MessageOut
from memory_store.port import MemoryStore


def filed(rows: Rows, store: MemoryStore, message_id: int) -> FiledOut:
    """Both, as far as they are there, whoever's they are. Raises NotFound where neither row nor receipt is."""
    live = store.live()
    row = rows.whoevers(message_id)
    receipt = live.receipts([message_id]).get(message_id)
    if row is None and receipt is None:
        raise NotFound("There is no such message, and nothing was ever learned from it.")
    return FiledOut(
        message_id=message_id,
        row=None if row is None else MessageOut.of(row),
        version=live.name,
        receipt=None if receipt is None else ReceiptOut.of(receipt),
        points=[PointOut.of(memory) for memory in live.filed_under([message_id])],
    )
