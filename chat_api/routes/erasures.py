"""Erasures: forget a user, and see how far something that was erased is gone."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from chat_api.parts import Called, Wired
from chat_api.routes.users import UserId
from chat_api.web.answers.erasures import ErasureAskedOut, ErasureOut

router = APIRouter(prefix="/v1", tags=["erasures"])


@router.delete("/users/{user_id:path}", summary="Forget a user", status_code=202)
def forget(parts: Wired, caller: Called, user_id: UserId) -> ErasureAskedOut:
    """All that they said, everywhere. Nothing of it is recalled from now on; the erasure tells how far it is gone.

    What they say afterwards is learned as ever. Keys bound to them are revoked. Asked again while it is under way,
    and nothing was said since, it answers with the same erasure.
    """
    erasure = parts.erasures.user(caller.named(user_id))
    parts.keys.revoked_of(user_id)
    return ErasureAskedOut(erasure_id=erasure.id)


@router.get("/erasures/{erasure_id}", summary="See how far something that was erased is gone")
def erasure(
    parts: Wired,
    caller: Called,
    erasure_id: Annotated[UUID, Path(description="As the deletion was answered with.")],
) -> ErasureOut:
    """Part by part, until all of them are done; it can be asked about for 30 days after that."""
    return ErasureOut.of(parts.erasures.one(caller, str(erasure_id)), parts.clock())
