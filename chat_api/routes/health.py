"""Health: open to all, so it tells nothing else."""

from typing import Literal

from fastapi import APIRouter

from chat_api.parts import Parts, Wired
from chat_api.release import release
from chat_api.web.answers.health import HealthOut, ReadyOut
from memory_store.errors import StoreError

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Whether the process answers")
async def live() -> HealthOut:
    """Answers while the process runs."""
    return HealthOut(status="ok")


@router.get("/ready", summary="Whether requests can be served")
def ready(parts: Wired) -> ReadyOut:
    """503 while the database is away. Without the memories chat goes on, so that is degraded, not down."""
    parts.database.ping()
    memories = _memories(parts)
    status: Literal["ok", "degraded"] = "ok" if memories == "ok" else "degraded"
    return ReadyOut(status=status, parts={"database": "ok", "memories": memories}, version=release())


def _memories(parts: Parts) -> Literal["ok", "away"]:
    try:
        parts.store.live()
    except StoreError:
        return "away"
    return "ok"
