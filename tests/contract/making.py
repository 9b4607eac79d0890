"""Memories and filings for the suite: texts, times and offsets are given, never drawn."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from memory_store.embed import embed
from memory_store.fake import HashEmbedder
from memory_store.layout import layout_of
from memory_store.models import Filing, Memory, Profile, ProfileLine, Query, Receipt, SourceRef, point_id
from memory_store.port import MemoryVersion
from memory_store.words import asked

EMBEDDER = HashEmbedder()
LAYOUT = layout_of(EMBEDDER)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def minute(number: int) -> datetime:
    """A time that many minutes after the first; the largest message id has one, too."""
    return START + timedelta(minutes=number % 1_000_000)


def memory(message_id: int, text: str, **changes: Any) -> Memory:  # noqa: ANN401  any field of a memory
    """A memory of alice, said in the minute of its message's number."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    fields: dict[str, Any] = {
        "id": point_id(message_id, digest),
        "message_id": message_id,
        "user_id": "alice",
        "conversation_id": "c1",
        "text": text,
        "context": "",
        "hash": digest,
        "extractor": "offline-1",
        "sources": (SourceRef(message_id=message_id, revision="r1"),),
        "supersedes": (),
        "said_at": minute(message_id),
        "speaker": None,
        "lang": "en",
        "role": "user",
        "learned_at": minute(message_id + 1),
    }
    return Memory(**fields | changes)


def receipt(
    message_id: int,
    *,
    offset: int = 0,
    facts: int = 0,
    user: str = "alice",
    state: Literal["learned", "deleted", "dead"] = "learned",
) -> Receipt:
    """A receipt for the first revision of a message."""
    learned_at, filed_at = minute(message_id + 1), minute(message_id + 2)
    return Receipt(message_id, user, "r1", state, facts, learned_at, offset, filed_at)


def filing(message_id: int, *texts: str, offset: int = 0, **changes: Any) -> Filing:  # noqa: ANN401  as memory's
    """What a message says, as learned at an offset of the facts log."""
    memories = tuple(memory(message_id, text, **changes) for text in texts)
    user = changes.get("user_id", "alice")
    return Filing(receipt(message_id, offset=offset, facts=len(texts), user=user), memories)


def gone(message_id: int, state: Literal["deleted", "dead"], *, offset: int) -> Filing:
    """What is filed of a message that was deleted, or that nothing can be learned from."""
    return Filing(receipt(message_id, offset=offset, state=state), ())


def line(message_id: int, text: str, **changes: Any) -> ProfileLine:  # noqa: ANN401  any field of a line
    """A line of a profile that rests on one message."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    fields: dict[str, Any] = {
        "text": text,
        "refs": (f"offline-1:{digest}",),
        "sources": (SourceRef(message_id=message_id, revision="r1"),),
        "said_at": minute(message_id),
    }
    return ProfileLine(**fields | changes)


def profile(*lines: ProfileLine, offset: int = 0, user: str = "alice") -> Profile:
    """A profile as written at an offset of the facts log."""
    return Profile(user, lines, minute(offset), offset)


def file(version: MemoryVersion, *filings: Filing) -> None:
    """Files in one batch."""
    version.apply(filings, embed(filings, EMBEDDER))


def query(text: str, *, user: str = "alice", limit: int = 10, **bounds: Any) -> Query:  # noqa: ANN401  its filters
    """What to look for."""
    return Query(user_id=user, vector=EMBEDDER.queries([text])[0], limit=limit, words=asked(text, 24), **bounds)


def recalled(version: MemoryVersion, text: str, **more: Any) -> list[str]:  # noqa: ANN401  as query's
    """The texts of what a search finds, in order."""
    return [hit.memory.text for hit in version.search(query(text, **more))]


def said(memories: Iterable[Memory]) -> list[str]:
    """The texts of memories, in order."""
    return [each.text for each in memories]
