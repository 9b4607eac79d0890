"""Administration: what the commands ask the process that owns the store."""

from typing import Annotated

from fastapi import APIRouter, Path

from chat_api.answers import FiledOut, StatusOut
from chat_api.fields import RowId
from chat_api.filed import filed
from chat_api.parts import Wired
from memory_store.errors import StoreError

router = APIRouter(prefix="/v1/admin", tags=["administration"])


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
