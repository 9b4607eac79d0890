"""Memories: recall, list, read, forget."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from chat_api.answers import MemoriesOut, MemoryOut, sources
from chat_api.errors import Invalid
from chat_api.messages import fact_ref
from chat_api.parts import Called, Wired
from chat_api.recall import Question, Recollection, Remembered
from chat_api.requests import MemoriesQuery, UserQuery
from chat_api.routes.messages import check_length

router = APIRouter(prefix="/v1/memories", tags=["memories"])

MemoryId = Annotated[UUID, Path()]


@router.get("", summary="Recall, or list what is remembered")
def recall(parts: Wired, caller: Called, query: Annotated[MemoriesQuery, Query()]) -> MemoriesOut:
    """With `query` the best memories for it; without, all of them by time, page by page.

    `pending` holds what was said too recently to be learned. Nothing that was edited or deleted is returned, and
    what a later memory supersedes only with `history`.
    """
    question = Question(
        user_id=caller.named(query.user_id),
        limit=query.limit or parts.settings.recall_limit,
        min_score=query.min_score,
        since=query.since,
        until=query.until,
        conversation_id=query.conversation_id,
        history=query.history,
    )
    if query.query is None:
        return _answer(parts.recaller.listed(question, query.cursor))
    if query.cursor is not None:
        raise Invalid("cursor: goes with a list, so without `query`.")
    check_length(parts.settings, query.query, field="query")
    return _answer(parts.recaller.recall(question, query.query))


@router.get("/{memory_id}", summary="Read a memory")
def read(parts: Wired, caller: Called, memory_id: MemoryId, query: Annotated[UserQuery, Query()]) -> MemoryOut:
    """The memory with the messages it rests on, also if a later one supersedes it."""
    return memory_out(parts.recaller.one(caller.named(query.user_id), str(memory_id)))


@router.delete("/{memory_id}", summary="Forget a memory", status_code=204)
def forget(parts: Wired, caller: Called, memory_id: MemoryId, query: Annotated[UserQuery, Query()]) -> None:
    """Its sources are told to suppress it: it is not recalled from now on, and not learned from them again."""
    user_id = caller.named(query.user_id)
    memory = parts.recaller.filed(user_id, str(memory_id))
    ref = fact_ref(memory.extractor, memory.hash)
    parts.rows.suppress(user_id, {source.message_id: ref for source in memory.sources})


def memory_out(remembered: Remembered) -> MemoryOut:
    """A memory as the API answers it."""
    memory = remembered.memory
    return MemoryOut(
        id=memory.id,
        text=memory.text,
        score=remembered.score,
        said_at=memory.said_at,
        supersedes=list(memory.supersedes),
        superseded_by=list(remembered.superseded_by),
        sources=sources(remembered.sources),
    )


def _answer(found: Recollection) -> MemoriesOut:
    return MemoriesOut(
        memories=[memory_out(remembered) for remembered in found.memories],
        pending=sources(found.pending),
        degraded=found.degraded,
        timings=found.timings,
        cursor=found.cursor,
    )
