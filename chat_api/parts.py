"""What the routes work with, made once per app."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from chat_api.auth.callers import Caller
from chat_api.auth.key_ring import KeyRing
from chat_api.chat.chat import Chat
from chat_api.completions.completions import Completions
from chat_api.control.notes import Notes
from chat_api.erasing.erasures import Erasures
from chat_api.errors import Forbidden
from chat_api.recall.freshness import Freshness
from chat_api.recall.profile import Profiles
from chat_api.recall.recaller import Recaller
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.settings import ApiSettings
from chat_api.web.answers.health import ReadyOut
from chat_api.web.together import Together
from memory_store.port import MemoryStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running API."""

    settings: ApiSettings
    database: Database
    rows: Rows
    keys: KeyRing
    clock: Callable[[], datetime]
    store: MemoryStore
    recaller: Recaller
    profiles: Profiles
    freshness: Freshness
    notes: Notes
    chat: Chat
    completions: Completions
    erasures: Erasures
    #: What the learning in this process has done; empty where it runs elsewhere.
    stages: Callable[[], Sequence[Mapping[str, Any]]]
    #: Checks a user, or everybody, and mends where told to; each mapping is a line of the answer.
    verify: Callable[[str | None, bool], Iterator[Mapping[str, Any]]]
    #: All metrics of this process, in Prometheus's text format.
    metrics: Callable[[], bytes]
    #: Whether requests can be served; for whoever asks, so many ask for one look.
    ready: Together[ReadyOut]


# These are coroutines: FastAPI would ask a thread for each plain function, twice a request.
async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Wired = Annotated[Parts, Depends(_parts)]


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


#: Who calls, as the gate found by the key.
Called = Annotated[Caller, Depends(_caller)]


async def admin_only(caller: Called) -> None:
    """Raises Forbidden for everybody but admins."""
    if caller.kind != "admin":
        raise Forbidden("This needs an admin's key.")
