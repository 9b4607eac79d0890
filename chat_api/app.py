"""The HTTP application: the parts wired, the gates before it, the routes in it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from chat_api import problems
from chat_api.chat import auto_recall
from chat_api.chat.chat import Chat
from chat_api.chat.limit import Limit
from chat_api.chat.repliers import ModelReplier, OfflineReplier, Replier
from chat_api.chat.turns import Turns
from chat_api.chat.upstream import Upstream
from chat_api.completions.completions import Completions
from chat_api.completions.refusals import InTheirShape
from chat_api.errors import Unavailable
from chat_api.freshness import Freshness
from chat_api.gates import AddressGate, JsonGate, KeyGate, SizeGate
from chat_api.parts import Parts
from chat_api.profile import Profiles
from chat_api.recall import Recaller
from chat_api.routes import (
    admin,
    chat,
    conversations,
    health,
    memories,
    messages,
    users,
)
from chat_api.routes import (
    completions as completion_routes,
)
from chat_api.settings import ApiSettings
from chat_api.store import Rows
from memory_store.port import Embedder, MemoryStore
from memory_store.recall import Recall
from memory_store.scoring import least_score

_REFUSALS = {
    400: "Unreadable",
    401: "No key",
    404: "Not there",
    413: "Too large",
    422: "Unfit",
    503: "A part is away",
}


def _now() -> datetime:
    return datetime.now(UTC)


def _verify_elsewhere(_user_id: str | None, _repair: bool) -> Iterator[Mapping[str, Any]]:
    raise Unavailable("This process does not verify: the one that owns the store does.")


def create_app(
    settings: ApiSettings,
    *,
    rows: Rows,
    store: MemoryStore,
    embedder: Embedder,
    replier: Replier | None = None,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    stages: Callable[[], Sequence[Mapping[str, Any]]] = tuple,
    verify: Callable[[str | None, bool], Iterator[Mapping[str, Any]]] = _verify_elsewhere,
) -> FastAPI:
    """The app, ready to be served. What is passed in stays the caller's to close.

    `stages` tells what the learning in this process has done, for `/v1/admin/status`; `verify` checks rows, logs
    and memories against each other, for `/v1/admin/verify`.
    """
    upstream = Upstream(settings) if replier is None and settings.llm_url else None
    if replier is None:
        replier = ModelReplier(settings, upstream) if upstream else OfflineReplier()

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.gather(talk.close(), completions.close())
        if upstream is not None:
            await upstream.aclose()

    app = FastAPI(
        title="oboegaki",
        version="1",
        summary="Long-term memory for chat assistants.",
        lifespan=life,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a user or a conversation may end in a slash
        responses=_documented(),
    )
    recaller = Recaller(
        rows,
        store,
        Recall(store, embedder),
        pending_limit=settings.pending_limit,
        least=_least(settings.min_score, embedder),
        clock=clock,
    )
    profiles = Profiles(rows, store)
    turns = Turns(settings, rows, recaller, profiles, wants_recall=_wants_recall(settings, replier), clock=clock)
    limit = Limit(settings.max_replies)
    talk = Chat(turns, replier, limit)
    completions = Completions(settings, rows, turns, upstream, limit, clock=clock)
    app.state.parts = Parts(
        settings=settings,
        rows=rows,
        store=store,
        recaller=recaller,
        profiles=profiles,
        freshness=Freshness(rows, store, clock, sleep),
        chat=talk,
        completions=completions,
        stages=stages,
        verify=verify,
    )
    problems.install(app)
    _mount(app)
    _guard(app, settings)
    return app


def _mount(app: FastAPI) -> None:
    # The key is checked at the gate, before anything is read; this only documents it.
    keyed = [Depends(HTTPBearer(auto_error=False, description="The admin key."))]
    for routes in (messages, conversations, memories, users, chat, completion_routes, admin):
        app.include_router(routes.router, dependencies=keyed)
    app.include_router(health.router)


def _guard(app: FastAPI, settings: ApiSettings) -> None:
    # The last one added is the first to see a request.
    app.add_middleware(JsonGate)
    app.add_middleware(SizeGate, max_bytes=settings.max_body_bytes)
    app.add_middleware(AddressGate)
    app.add_middleware(KeyGate, key=settings.api_key)
    app.add_middleware(problems.LastResort)
    app.add_middleware(InTheirShape)


def _wants_recall(settings: ApiSettings, replier: Replier) -> Callable[[str], bool]:
    # Without a model there is nothing else to answer with.
    return (lambda _: True) if isinstance(replier, OfflineReplier) else auto_recall.rule(settings.recall_words)


def _least(set_to: float | None, embedder: Embedder) -> Callable[[str], float]:
    return partial(least_score, embedder.name) if set_to is None else lambda _: set_to


def _documented() -> dict[int | str, dict[str, object]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": words, "content": {problems.MEDIA_TYPE: {"schema": schema}}}
        for status, words in _REFUSALS.items()
    }
