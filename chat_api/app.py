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
from chat_api.chat import Chat
from chat_api.errors import Unavailable
from chat_api.freshness import Freshness
from chat_api.gates import AddressGate, JsonGate, KeyGate, SizeGate
from chat_api.metering import Meter, Metered, Routed, Unmetered
from chat_api.parts import Parts
from chat_api.profile import Profiles
from chat_api.recall import Recaller
from chat_api.replies import ModelReplier, OfflineReplier, Replier
from chat_api.routes import admin, chat, conversations, health, memories, messages, metrics, users
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
    meter: Meter | None = None,
    exposition: Callable[[], bytes] = bytes,
) -> FastAPI:
    """The app, ready to be served. What is passed in stays the caller's to close.

    `stages` tells what the learning in this process has done, for `/v1/admin/status`; `verify` checks rows, logs
    and memories against each other, for `/v1/admin/verify`. `meter` is told of requests, recalls and replies;
    `exposition` is what `/metrics` answers.
    """
    meter = meter or Unmetered()
    own = ModelReplier(settings, meter) if replier is None and settings.llm_url else None

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if own is not None:
            own.close()

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
        meter=meter,
    )
    profiles = Profiles(rows, store)
    app.state.parts = Parts(
        settings=settings,
        rows=rows,
        store=store,
        recaller=recaller,
        profiles=profiles,
        freshness=Freshness(rows, store, clock, sleep),
        chat=Chat(settings, rows, recaller, profiles, replier=replier or own or OfflineReplier(), clock=clock),
        stages=stages,
        verify=verify,
        metrics=exposition,
    )
    problems.install(app)
    _mount(app)
    app.add_middleware(Routed)
    _guard(app, settings)
    # Outside of everything, so that what the gates refuse is counted.
    app.add_middleware(Metered, meter=meter)
    return app


def _mount(app: FastAPI) -> None:
    # The key is checked at the gate, before anything is read; this only documents it.
    keyed = [Depends(HTTPBearer(auto_error=False, description="The admin key."))]
    for routes in (messages, conversations, memories, users, chat, admin):
        app.include_router(routes.router, dependencies=keyed)
    app.include_router(health.router)
    app.include_router(metrics.router, dependencies=keyed)


def _guard(app: FastAPI, settings: ApiSettings) -> None:
    # The last one added is the first to see a request.
    app.add_middleware(JsonGate)
    app.add_middleware(SizeGate, max_bytes=settings.max_body_bytes)
    app.add_middleware(AddressGate)
    open_to_all = ("/health/live", "/health/ready", *(["/metrics"] if settings.metrics_open else []))
    app.add_middleware(KeyGate, key=settings.api_key, open_to_all=open_to_all)
    app.add_middleware(problems.LastResort)


def _least(set_to: float | None, embedder: Embedder) -> Callable[[str], float]:
    return partial(least_score, embedder.name) if set_to is None else lambda _: set_to


def _documented() -> dict[int | str, dict[str, object]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": words, "content": {problems.MEDIA_TYPE: {"schema": schema}}}
        for status, words in _REFUSALS.items()
    }
