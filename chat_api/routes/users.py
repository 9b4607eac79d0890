"""Users: what matters most about them, and how far learning is behind what they said."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query

from chat_api.answers import FreshnessOut, ProfileLineOut, ProfileOut
from chat_api.fields import Identifier
from chat_api.parts import Called, Wired
from chat_api.requests import FreshnessQuery

router = APIRouter(prefix="/v1/users", tags=["users"])

UserId = Annotated[Identifier, Path(description="Percent-encoded; it may hold slashes.")]


@router.get("/{user_id:path}/profile", summary="Read what matters most about a user")
def profile(parts: Wired, caller: Called, user_id: UserId) -> ProfileOut:
    """What every chat begins with, whatever it is about. Nothing that was edited, deleted or forgotten is told."""
    known = parts.profiles.of(caller.named(user_id))
    return ProfileOut(lines=[ProfileLineOut.of(line) for line in known.lines], updated_at=known.updated_at)


@router.get("/{user_id:path}/freshness", summary="Wait until a message is learned")
async def freshness(
    parts: Wired, caller: Called, user_id: UserId, query: Annotated[FreshnessQuery, Query()]
) -> FreshnessOut:
    """Answers as soon as the message is learned, or at the time-out with `learned: false`."""
    user_id = caller.named(user_id)
    start = time.perf_counter()
    look = None
    if query.wait_for is not None:
        look = await parts.freshness.wait(user_id, query.wait_for, query.timeout)
    waited_ms = round((time.perf_counter() - start) * 1000, 3)
    backlog = await parts.freshness.backlog(user_id)
    return FreshnessOut(
        message_id=query.wait_for,
        revision=look.revision if look else None,
        state=look.state if look else None,
        learned=look.done if look else backlog.unlearned == 0,
        facts=look.facts if look else None,
        waited_ms=waited_ms,
        unlearned=backlog.unlearned,
        oldest_unlearned_s=backlog.oldest_s,
    )
