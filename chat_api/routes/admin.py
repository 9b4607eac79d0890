"""Administration: what the commands ask the process that owns the store."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from chat_api.answers import MessageOut
from chat_api.errors import NotFound
from chat_api.fields import RowId
from chat_api.parts import Wired
from chat_api.store import Rows
from memory_store.errors import StoreError
from memory_store.models import Memory, Receipt
from memory_store.port import MemoryStore

router = APIRouter(prefix="/v1/admin", tags=["administration"])


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReceiptOut(_Answer):
    """That a revision of a message has been learned and filed."""

    user_id: str
    revision: str
    state: str
    facts: int
    learned_at: datetime
    facts_offset: int
    filed_at: datetime | None

    @classmethod
    def of(cls, receipt: Receipt) -> "ReceiptOut":
        return cls(
            user_id=receipt.user_id,
            revision=receipt.revision,
            state=receipt.state,
            facts=receipt.facts,
            learned_at=receipt.learned_at,
            facts_offset=receipt.facts_offset,
            filed_at=receipt.filed_at,
        )


class PointOut(_Answer):
    """A memory as it is filed."""

    id: str
    text: str
    said_at: datetime
    learned_at: datetime

    @classmethod
    def of(cls, memory: Memory) -> "PointOut":
        return cls(id=memory.id, text=memory.text, said_at=memory.said_at, learned_at=memory.learned_at)


class FiledOut(_Answer):
    """A message's row, and what is filed under it in the live version."""

    message_id: int
    row: MessageOut | None
    version: str
    receipt: ReceiptOut | None
    points: list[PointOut]


class StatusOut(_Answer):
    """What this process serves and has learned since it started."""

    version: str | None
    memories: int | None
    stages: list[dict[str, Any]]


@router.get("/messages/{message_id}", summary="Look at a message's row and at what is filed under it")
def message(parts: Wired, message_id: Annotated[RowId, Path()]) -> FiledOut:
    """Whoever's it is; also what is filed under a message that is gone."""
    return filed(parts.rows, parts.store, message_id)


@router.get("/status", summary="Look at the store and the stages of this process")
def status(parts: Wired) -> StatusOut:
    """The stages are empty where learning runs in another process."""
    stages = [dict(stage) for stage in parts.stages()]
    try:
        live = parts.store.live()
        return StatusOut(version=live.name, memories=live.count(), stages=stages)
    except StoreError:
        return StatusOut(version=None, memories=None, stages=stages)


def filed(rows: Rows, store: MemoryStore, message_id: int) -> FiledOut:
    """The same for a command in a process of its own. Raises NotFound where there is neither row nor receipt."""
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
