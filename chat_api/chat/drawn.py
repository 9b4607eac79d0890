"""What a reply drew on, kept in its row, so that the same request is answered with the same again."""

from pydantic import BaseModel, ConfigDict, ValidationError

from chat_api.errors import NotFound
from chat_api.messages import Message, ours
from chat_api.recall.recaller import Recaller
from chat_api.recall.recollection import Recollection, Remembered
from chat_api.rows.rows import Rows
from memory_store.errors import StoreError

#: Among what we say of a reply that may be asked for again.
_DREW_ON = "drew_on"


class _DrewOn(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    memories: dict[str, float | None] = {}
    pending: list[int] = []


def kept(found: Recollection) -> dict[str, object]:
    """What to say of it in the reply's metadata: ids, and no words that may be deleted."""
    memories = {one.memory.id: one.score for one in found.memories}
    return {_DREW_ON: {"memories": memories, "pending": [row.id for row in found.pending]}}


def again(reply: Message, rows: Rows, recaller: Recaller) -> Recollection:
    """What a reply drew on, as far as it may still be told. Raises Unavailable."""
    drew_on = _drew_on(reply)
    found: list[Remembered] = []
    degraded = False
    try:
        for memory_id, score in drew_on.memories.items():
            found += _one(recaller, reply.user_id, memory_id, score)
    except StoreError:
        degraded = True
    held = rows.rows_by_ids(reply.user_id, drew_on.pending)
    told = tuple(held[each] for each in drew_on.pending if each in held and held[each].suppressed is None)
    return Recollection(tuple(found), told, degraded)


def _drew_on(reply: Message) -> _DrewOn:
    try:
        return _DrewOn.model_validate(ours(reply.metadata).get(_DREW_ON, {}))
    except ValidationError:
        return _DrewOn()


def _one(recaller: Recaller, user_id: str, memory_id: str, score: float | None) -> list[Remembered]:
    try:
        one = recaller.one(user_id, memory_id)
    except NotFound:
        return []
    return [Remembered(one.memory, one.sources, score, one.superseded_by)]
