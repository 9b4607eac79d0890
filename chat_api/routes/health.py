"""Health: open to all, so it tells nothing else."""

from typing import Literal

from fastapi import APIRouter

from chat_api.parts import Wired
from chat_api.release import release
from chat_api.rows.database import Database
from chat_api.web.answers.health import HealthOut, ReadyOut
from memory_store.errors import StoreError
from memory_store.port import MemoryStore

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Whether the process answers")
async def live() -> HealthOut:
    """Answers while the process runs."""
    return HealthOut(status="ok")


@router.get("/ready", summary="Whether requests can be served")
async def ready(parts: Wired) -> ReadyOut:
    """503 while the database is away. Without the memories chat goes on, so that is degraded, not down."""
    return await parts.ready()


def look(database: Database, store: MemoryStore) -> ReadyOut:
    """Whether requests can be served. Raises Unavailable."""
    database.ping_beside()
    memories = _memories(store)
    status: Literal["ok", "degraded"] = "ok" if memories == "ok" else "degraded"
    return ReadyOut(status=status, parts={"database": "ok", "memories": memories}, version=release())


def _memories(store: MemoryStore) -> Literal["ok", "away"]:
    try:
        store.live()
    except StoreError:
        return "away"
    return "ok"
