"""Administration: what the commands ask the process that owns the store."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from chat_api.fields import Identifier, RowId
from chat_api.parts import Called, Wired, admin_only
from chat_api.web.answers.admin import FiledOut, StatusOut
from chat_api.web.documents import JSON_LINES
from chat_api.web.filed import filed
from memory_store.errors import StoreError

router = APIRouter(prefix="/v1/admin", tags=["administration"], dependencies=[Depends(admin_only)])


@router.get("/messages/{message_id}", summary="Look at a message's row and at what is filed under it")
def message(
    parts: Wired,
    message_id: Annotated[RowId, Path(description="As it was answered when the message was written.")],
) -> FiledOut:
    """Whoever's it is; also what is filed under a message that is gone."""
    return filed(parts.rows, parts.store, message_id)


@router.post(
    "/verify",
    summary="Check rows, logs and memories against each other",
    response_class=StreamingResponse,
    responses=JSON_LINES,
)
def verify(
    parts: Wired,
    caller: Called,
    user_id: Annotated[Identifier | None, Query(description="Only this user's messages.")] = None,
    repair: Annotated[bool, Query(description="Mend what differs, then check again.")] = False,
) -> StreamingResponse:
    """A JSON object a line, as it goes: `progress`, each `difference`, `mended`, at last `report` or `unsure`."""
    if user_id is not None:
        caller.named(user_id)
    lines = parts.verify(user_id, repair)
    return StreamingResponse((f"{json.dumps(line)}\n" for line in lines), media_type="application/x-ndjson")


@router.get("/status", summary="Look at the store and the stages of this process")
def status(parts: Wired) -> StatusOut:
    """The stages are empty where learning runs in another process."""
    stages = [dict(stage) for stage in parts.stages()]
    try:
        live = parts.store.live()
        return StatusOut(version=live.name, memories=live.count(), stages=stages)
    except StoreError:
        return StatusOut(version=None, memories=None, stages=stages)
