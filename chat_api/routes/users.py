"""Users: what matters most about them, how far learning is behind, what they set, and all that is kept of them."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from chat_api.fields import Identifier
from chat_api.parts import Called, Wired
from chat_api.web import export
from chat_api.web.answers.users import FreshnessOut, ProfileLineOut, ProfileOut, UserOut
from chat_api.web.documents import JSON_LINES
from chat_api.web.requests.users import FreshnessQuery, UserEditIn

_LAST_WORDS = ("/profile", "/freshness", "/export")


class _ByWords(APIRoute):
    """Tells a last word of the address from the end of a user's id, whose slash is encoded."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As ever, but that a word after an encoded slash is the id's."""
        # Routing sees the address decoded: `victim%2Fexport` would read as victim's export.
        last = scope.get("raw_path", b"").partition(b"?")[0].rpartition(b"/")[2]
        if self.path.endswith(_LAST_WORDS) and b"/" in unquote_to_bytes(last):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(prefix="/v1/users", tags=["users"], route_class=_ByWords)

UserId = Annotated[Identifier, Path(description="Percent-encoded; it may hold slashes.")]

_LINES = "application/x-ndjson"


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


@router.get(
    "/{user_id:path}/export",
    summary="Export all that is kept of a user",
    response_class=StreamingResponse,
    responses=JSON_LINES,
)
def exported(parts: Wired, caller: Called, user_id: UserId) -> StreamingResponse:
    """A JSON object a line: settings, conversations with their messages, memories with their sources, `end`.

    Without the last line it is not whole. `oboegaki import` takes it.
    """
    user_id = caller.named(user_id)
    # Before the first line, so that whoever is away is told as ever.
    parts.database.ping()
    parts.store.live()
    lines = export.lines(parts.rows, parts.recaller, user_id, datetime.now(UTC))
    texts = (f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    return StreamingResponse(texts, media_type=_LINES)


# Last, as a user's id may hold slashes.
@router.get("/{user_id:path}", summary="Read what a user has set")
def settings(parts: Wired, caller: Called, user_id: UserId) -> UserOut:
    """The defaults for what was never set, also of a user who said nothing yet."""
    user_id = caller.named(user_id)
    return UserOut.of(user_id, parts.rows.user_settings(user_id))


@router.patch("/{user_id:path}", summary="Set a user's time zone, recall policy and persona")
def change(parts: Wired, caller: Called, user_id: UserId, body: UserEditIn) -> UserOut:
    """What is left out stays."""
    user_id = caller.named(user_id)
    return UserOut.of(user_id, parts.rows.set_user(user_id, body.changes()))
