"""The HTTP application: the parts wired, the gates before it, the routes in it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.middleware.cors import CORSMiddleware

from chat_api import problems
from chat_api.auth.admission import Admission
from chat_api.auth.audit import AuditGate
from chat_api.auth.key_ring import KeyRing
from chat_api.auth.rates import Rates
from chat_api.auth.tokens import Tokens
from chat_api.chat import Chat
from chat_api.errors import Unavailable
from chat_api.freshness import Freshness
from chat_api.gates import OPEN, AddressGate, JsonGate, KeyGate, RateGate, SafeAnswers, SizeGate
from chat_api.parts import Parts
from chat_api.profile import Profiles
from chat_api.recall import Recaller
from chat_api.replies import ModelReplier, OfflineReplier, Replier
from chat_api.routes import admin, chat, conversations, health, keys, memories, messages, users
from chat_api.settings import ApiSettings
from chat_api.store import Rows
from memory_store.port import Embedder, MemoryStore
from memory_store.recall import Recall
from memory_store.scoring import least_score

_REFUSALS = {
    400: "Unreadable",
    401: "No key",
    403: "Not for this key",
    404: "Not there",
    413: "Too large",
    422: "Unfit",
    429: "Too often",
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
    rates = Rates(settings.rate_limit, settings.rate_limit_redis()) if settings.rate_limit else None
    own = ModelReplier(settings) if replier is None and settings.llm_url else None

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if own is not None:
            own.close()
        if rates is not None:
            await rates.close()

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
    ring = KeyRing(rows, clock)
    app.state.parts = Parts(
        settings=settings,
        rows=rows,
        keys=ring,
        clock=clock,
        store=store,
        recaller=recaller,
        profiles=profiles,
        freshness=Freshness(rows, store, clock, sleep),
        chat=Chat(settings, rows, recaller, profiles, replier=replier or own or OfflineReplier(), clock=clock),
        stages=stages,
        verify=verify,
    )
    problems.install(app)
    _mount(app)
    _guard(app, settings, _admission(settings, ring, clock), rates, clock)
    return app


def _mount(app: FastAPI) -> None:
    # The key is checked at the gate, before anything is read; this only documents it.
    keyed = [Depends(HTTPBearer(auto_error=False, description="A key, or the admin key of the settings."))]
    for routes in (messages, conversations, memories, users, chat, admin, keys):
        app.include_router(routes.router, dependencies=keyed)
    app.include_router(health.router)


def _admission(settings: ApiSettings, ring: KeyRing, clock: Callable[[], datetime]) -> Admission:
    provider = settings.provider()
    return Admission(settings.api_key, ring, clock, None if provider is None else Tokens(provider))


def _guard(
    app: FastAPI,
    settings: ApiSettings,
    admission: Admission,
    rates: Rates | None,
    clock: Callable[[], datetime],
) -> None:
    # The last one added is the first to see a request.
    app.add_middleware(JsonGate)
    app.add_middleware(SizeGate, max_bytes=settings.max_body_bytes)
    app.add_middleware(AddressGate)
    if rates is not None:
        app.add_middleware(RateGate, rates=rates)
    app.add_middleware(KeyGate, admission=admission)
    app.add_middleware(problems.LastResort)
    app.add_middleware(AuditGate, clock=clock, open_to_all=OPEN)
    if settings.origins():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins(),
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(SafeAnswers)


def _least(set_to: float | None, embedder: Embedder) -> Callable[[str], float]:
    return partial(least_score, embedder.name) if set_to is None else lambda _: set_to


def _documented() -> dict[int | str, dict[str, object]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": words, "content": {problems.MEDIA_TYPE: {"schema": schema}}}
        for status, words in _REFUSALS.items()
    }
