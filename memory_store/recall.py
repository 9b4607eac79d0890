"""Recall: the memories of a user that are nearest to a question."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memory_store.models import Hit, Memory, Query
from memory_store.payload import microseconds
from memory_store.port import Embedder, MemoryStore
from memory_store.scoring import MOST_WORDS, TIME_BONUS
from memory_store.when import Span
from memory_store.wording import as_told
from memory_store.words import asked

#: How many hits may be read for one recall: messages with very many facts each could ask for more.
_MOST_HITS = 10_000


@dataclass(frozen=True, slots=True)
class Recalled:
    """The best memory of a message, and what else of that message was found, best first."""

    memory: Memory
    score: float
    others: tuple[Hit, ...] = ()


class Recall:
    """Asks the live version. Safe to use from any thread."""

    def __init__(self, store: MemoryStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    def search(
        self,
        user_id: str,
        query: str,
        *,
        limit: int = 10,
        since: datetime | None = None,
        until: datetime | None = None,
        conversation_id: str | None = None,
        times: Sequence[Span] = (),
    ) -> list[Recalled]:
        """At most `limit` results, one per message; fewer only if the user has no more. Raises StoreError.

        Best first, then the latest said, then by id. Scores are at most 1 and compare across questions
        (`memory_store/scoring.py`). Said from `since` on and before `until`. `times` are those that the question's
        time words name: what was said then comes to more.
        """
        version = self._store.live()
        question = as_told(query)
        vector, words = self._embedder.queries([question])[0], asked(question, MOST_WORDS)
        # What was said then may stand further down.
        ask = 4 * limit + 10 if times else limit + limit // 2 + 10
        while True:
            hits = version.search(
                Query(
                    user_id=user_id,
                    vector=vector,
                    limit=ask,
                    words=words,
                    since=since,
                    until=until,
                    conversation_id=conversation_id,
                )
            )
            results = merged(_timed(hits, times))
            if len(results) >= limit or len(hits) < ask or ask >= _MOST_HITS:
                return results[:limit]
            ask = min(4 * ask, _MOST_HITS)


def _timed(hits: list[Hit], times: Sequence[Span]) -> list[Hit]:
    """Hits, best first, where those said at one of the times come to more."""
    if not times:
        return hits
    scored = [
        replace(hit, score=min(1.0, hit.score + TIME_BONUS))
        if any(span.since <= hit.memory.said_at < span.until for span in times)
        else hit
        for hit in hits
    ]
    return sorted(scored, key=lambda hit: (-hit.score, -microseconds(hit.memory.said_at), hit.memory.id))


def merged(hits: list[Hit]) -> list[Recalled]:
    """Hits, best first, as one result per message."""
    by_message: dict[int, list[Hit]] = {}
    for hit in hits:
        by_message.setdefault(hit.memory.message_id, []).append(hit)
    return [Recalled(best.memory, best.score, tuple(others)) for best, *others in by_message.values()]
