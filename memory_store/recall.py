"""Recall: the memories of a user that are nearest to a question."""

from dataclasses import dataclass
from datetime import datetime

from memory_store.models import Hit, Memory, Query
from memory_store.port import Embedder, MemoryStore
from memory_store.scoring import MOST_WORDS
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
    ) -> list[Recalled]:
        """At most `limit` results, one per message; fewer only if the user has no more. Raises StoreError.

        Best first, then the latest said, then by id. Scores are at most 1 and compare across questions
        (`memory_store/scoring.py`). Said from `since` on and before `until`.
        """
        version = self._store.live()
        question = as_told(query)
        vector, words = self._embedder.queries([question])[0], asked(question, MOST_WORDS)
        ask = limit + limit // 2 + 10
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
            results = merged(hits)
            if len(results) >= limit or len(hits) < ask or ask >= _MOST_HITS:
                return results[:limit]
            ask = min(4 * ask, _MOST_HITS)


def merged(hits: list[Hit]) -> list[Recalled]:
    """Hits, best first, as one result per message."""
    by_message: dict[int, list[Hit]] = {}
    for hit in hits:
        by_message.setdefault(hit.memory.message_id, []).append(hit)
    return [Recalled(best.memory, best.score, tuple(others)) for best, *others in by_message.values()]
