"""Memories: recall, list, read, forget."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from chat_api.control.notes import stands_in_place_of
from chat_api.errors import Invalid
from chat_api.messages import fact_ref
from chat_api.parts import Called, Wired
from chat_api.recall.recollection import Question, Recollection, Remembered
from chat_api.routes.messages import check_length
from chat_api.web import problems
from chat_api.web.answers.memories import (
    MemoriesOut,
    MemoryOut,
    NotedOut,
    OtherMemoryOut,
    WhyOut,
    WhySourceOut,
    sources,
)
from chat_api.web.requests.memories import MemoriesQuery, MemoryEditIn, MemoryIn
from chat_api.web.requests.users import UserQuery

router = APIRouter(prefix="/v1/memories", tags=["memories"])

MemoryId = Annotated[UUID, Path(description="As a recall, a list or a note's answer has it.")]

#: A query's bounds on metadata have no list of names.
_METADATA = {
    "parameters": [
        {
            "name": "metadata.KEY",
            "in": "query",
            "required": False,
            "description": "Only of messages whose metadata have that value under KEY; any number of such bounds.",
            "schema": {"type": "string"},
        }
    ]
}


@router.get("", summary="Recall, or list what is remembered", openapi_extra=_METADATA)
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
        rows=query.rows(),
    )
    if query.query is None:
        return _answer(parts.recaller.listed(question, query.cursor))
    if query.cursor is not None:
        raise Invalid("cursor: goes with a list, so without `query`.")
    check_length(parts.settings, query.query, field="query")
    return _answer(parts.recaller.recall(question, query.query))


@router.post(
    "",
    summary="Add a memory",
    status_code=201,
    responses={
        200: {"model": NotedOut, "description": "It was there already."},
        409: problems.described("The external_id is taken by something that differs."),
    },
)
def add(parts: Wired, caller: Called, body: MemoryIn, response: Response) -> NotedOut:
    """Kept word for word, as a note. It is learned a moment later, without a model; until then it is `pending`."""
    noted = parts.notes.add(caller.named(body.user_id), body.note())
    if not noted.created:
        response.status_code = 200
    return NotedOut.of(noted)


@router.patch(
    "/{memory_id}",
    summary="Correct or pin a memory",
    responses={409: problems.described("It was corrected otherwise already.")},
)
def change(
    parts: Wired, caller: Called, memory_id: MemoryId, query: Annotated[UserQuery, Query()], body: MemoryEditIn
) -> NotedOut:
    """A new text is a new memory with an id of its own, a note in place of the old one, which is forgotten.

    What is pinned is given to every chat, and stays when a later memory would supersede it.
    """
    return NotedOut.of(parts.notes.change(caller.named(query.user_id), str(memory_id), body.change()))


@router.get("/{memory_id}", summary="Read a memory")
def read(parts: Wired, caller: Called, memory_id: MemoryId, query: Annotated[UserQuery, Query()]) -> MemoryOut:
    """The memory with the messages it rests on, also if a later one supersedes it."""
    return memory_out(parts.recaller.one(caller.named(query.user_id), str(memory_id)))


@router.get("/{memory_id}/why", summary="Read why something is remembered")
def why(parts: Wired, caller: Called, memory_id: MemoryId, query: Annotated[UserQuery, Query()]) -> WhyOut:
    """The messages that it rests on with the passage of each, what found it, and what it supersedes."""
    user_id = caller.named(query.user_id)
    remembered = parts.recaller.one(user_id, str(memory_id))
    memory, stood = remembered.memory, stands_in_place_of(remembered.row)
    return WhyOut(
        id=memory.id,
        text=memory.text,
        said_at=memory.said_at,
        learned_at=memory.learned_at,
        extractor=memory.extractor,
        pinned=remembered.pinned,
        sources=[WhySourceOut.nearest_to(row, memory.text) for row in remembered.sources],
        supersedes=[OtherMemoryOut.of(each) for each in parts.recaller.some(user_id, memory.supersedes)],
        superseded_by=[OtherMemoryOut.of(each) for each in parts.recaller.some(user_id, remembered.superseded_by)],
        in_place_of=stood,
    )


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
        pinned=remembered.pinned,
        metadata=remembered.row.metadata,
        agent_id=remembered.row.agent_id,
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
