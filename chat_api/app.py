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

from chat_api.auth.admission import Admission
from chat_api.auth.audit import AuditGate
from chat_api.auth.key_ring import KeyRing
from chat_api.auth.key_rows import MySqlKeyRows
from chat_api.auth.rates import Rates
from chat_api.auth.shares import Shares
from chat_api.auth.tokens import Tokens
from chat_api.chat import auto_recall
from chat_api.chat.chat import Chat
from chat_api.chat.limit import Limit
from chat_api.chat.repliers import ModelReplier, OfflineReplier, Replier
from chat_api.chat.turns import Turns
from chat_api.chat.upstream import Upstream
from chat_api.completions.completions import Completions
from chat_api.completions.history_rows import HistoryRows
from chat_api.completions.refusals import InTheirShape
from chat_api.control.notes import Notes
from chat_api.erasing.erasure_rows import ErasureRows
from chat_api.erasing.erasures import Erasures
from chat_api.erasing.looking import Looking
from chat_api.erasing.parts import Trail
from chat_api.errors import Unavailable
from chat_api.metering import Meter, Metered, Routed, Unmetered
from chat_api.parts import Parts
from chat_api.recall.freshness import Freshness
from chat_api.recall.profile import Profiles
from chat_api.recall.recaller import Recaller
from chat_api.routes import (
    admin,
    chat,
    conversations,
    erasures,
    health,
    keys,
    memories,
    messages,
    metrics,
    users,
)
from chat_api.routes import (
    completions as completion_routes,
)
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.settings import ApiSettings
from chat_api.web import problems
from chat_api.web.gates import (
    OPEN,
    AddressGate,
    JsonGate,
    KeyGate,
    LoadGate,
    RateGate,
    SafeAnswers,
    ShareGate,
    SizeGate,
)
from chat_api.web.together import Together
from memory_store.port import Embedder, MemoryStore
from memory_store.recall import Recall
from memory_store.scoring import least_score

_REFUSALS = {
    400: "Unreadable",
    401: "No key",
    403: "Not for this key",
    404: "Not there",
    408: "Too slow",
    413: "Too large",
    422: "Unfit",
    429: "Too often, or too much at once",
    503: "A part is away",
}

#: What pages of other origins may read of an answer's headers beside those that browsers show them anyway.
_EXPOSED = (
    "Erasure-Id",
    "Idempotency-Replayed",
    "Retry-After",
    "X-Oboegaki-Conversation",
    "X-Oboegaki-Message",
)


def _now() -> datetime:
    return datetime.now(UTC)


def _verify_elsewhere(_user_id: str | None, _repair: bool) -> Iterator[Mapping[str, Any]]:
    raise Unavailable("This process does not verify: the one that owns the store does.")


def create_app(
    settings: ApiSettings,
    *,
    database: Database,
    store: MemoryStore,
    embedder: Embedder,
    replier: Replier | None = None,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    stages: Callable[[], Sequence[Mapping[str, Any]]] = tuple,
    verify: Callable[[str | None, bool], Iterator[Mapping[str, Any]]] = _verify_elsewhere,
    trail: Trail | None = None,
    meter: Meter | None = None,
    exposition: Callable[[], bytes] = bytes,
) -> FastAPI:
    """The app, ready to be served. What is passed in stays the caller's to close.

    `stages` tells what the learning in this process has done, for `/v1/admin/status`; `verify` checks rows, logs
    and memories against each other, for `/v1/admin/verify`; `trail` tells what the logs still hold of something
    erased, where this process learns. `meter` is told of requests, recalls and replies; `exposition` is what
    `/metrics` answers.
    """
    meter = meter or Unmetered()
    upstream = Upstream(settings, meter) if replier is None and settings.llm_url else None
    if replier is None:
        replier = ModelReplier(settings, upstream) if upstream else OfflineReplier()
    rows = Rows(database, clock=clock, meter=meter)
    histories = HistoryRows(database, clock=clock, meter=meter)
    erased = Erasures(
        ErasureRows(database, meter=meter), store, within=settings.erased_within, clock=clock, trail=trail
    )
    rates = Rates(settings.rate_limit, settings.rate_limit_redis()) if settings.rate_limit else None

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        looking = Looking(erased.look_after, erased.asked, settings.erased_within)
        looking.start()
        yield
        await asyncio.gather(talk.close(), completions.close())
        if upstream is not None:
            await upstream.aclose()
        looking.stop()
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
    ring = KeyRing(MySqlKeyRows(database), clock)
    turns = Turns(settings, rows, recaller, profiles, wants_recall=_wants_recall(settings, replier), clock=clock)
    limit = Limit(settings.max_replies, _shares("replies", settings, settings.max_replies))
    talk = Chat(turns, replier, limit)
    completions = Completions(settings, histories, turns, upstream, limit, clock=clock)
    app.state.parts = Parts(
        settings=settings,
        database=database,
        rows=rows,
        keys=ring,
        clock=clock,
        store=store,
        recaller=recaller,
        profiles=profiles,
        freshness=Freshness(rows, store, clock, sleep),
        notes=Notes(rows, recaller, profiles),
        chat=talk,
        completions=completions,
        erasures=erased,
        stages=stages,
        verify=verify,
        metrics=exposition,
        ready=Together(partial(health.look, database, store)),
    )
    problems.install(app)
    _mount(app)
    app.add_middleware(Routed)
    _guard(app, settings, _admission(settings, ring, clock), rates, clock)
    # Outside of everything, so that what the gates refuse is counted.
    app.add_middleware(Metered, meter=meter)
    return app


def _mount(app: FastAPI) -> None:
    # The key is checked at the gate, before anything is read; this only documents it.
    keyed = [Depends(HTTPBearer(auto_error=False, description="A key, or the admin key of the settings."))]
    for routes in (messages, conversations, memories, users, erasures, chat, completion_routes, admin, keys):
        app.include_router(routes.router, dependencies=keyed, responses=_documented(*_REFUSALS))
    app.include_router(health.router, responses=_documented(503))
    app.include_router(metrics.router, dependencies=keyed, responses=_documented(401, 403, 429, 503))


def _admission(settings: ApiSettings, ring: KeyRing, clock: Callable[[], datetime]) -> Admission:
    provider = settings.provider()
    return Admission(settings.api_key, ring, clock, None if provider is None else Tokens(provider))


def _shares(what: str, settings: ApiSettings, most: int) -> Shares:
    return Shares(what, of_user=settings.of_user(most), of_tenant=settings.of_tenant(most))


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
    open_to_all = OPEN | ({"/metrics"} if settings.metrics_open else set())
    if rates is not None:
        app.add_middleware(RateGate, rates=rates)
    app.add_middleware(ShareGate, shares=_shares("requests", settings, settings.max_requests))
    app.add_middleware(KeyGate, admission=admission, open_to_all=open_to_all)
    app.add_middleware(LoadGate, most=settings.max_requests, open_to_all=OPEN)
    app.add_middleware(problems.LastResort)
    app.add_middleware(InTheirShape)
    app.add_middleware(AuditGate, clock=clock, open_to_all=open_to_all)
    if settings.origins():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins(),
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )
    app.add_middleware(SafeAnswers)


def _wants_recall(settings: ApiSettings, replier: Replier) -> Callable[[str], bool]:
    # Without a model there is nothing else to answer with.
    return (lambda _: True) if isinstance(replier, OfflineReplier) else auto_recall.rule(settings.recall_words)


def _least(set_to: float | None, embedder: Embedder) -> Callable[[str], float]:
    return partial(least_score, embedder.name) if set_to is None else lambda _: set_to


def _documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    return {status: {"description": _REFUSALS[status], "content": problems.CONTENT} for status in statuses}
