"""Recall: what the store finds, checked against the rows, and what was said too recently to be learned."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chat_api.errors import Invalid, NotFound
from chat_api.metering import Meter, Unmetered
from chat_api.recall.bearing import bearing
from chat_api.recall.pending import Pending
from chat_api.recall.recollection import Question, Recollection, Remembered
from chat_api.rows.rows import Rows
from chat_api.zones import zone
from memory_store.errors import Refused, StoreError
from memory_store.models import Memory, Page
from memory_store.port import MemoryStore, MemoryVersion
from memory_store.recall import Recall, Recalled
from memory_store.superseding import superseded
from memory_store.when import Span, spans

#: Rounds of asking the store for more when the rows disown what it found, and how many hits a round may ask for.
_ROUNDS = 3
_MOST_HITS = 1000
#: The same where only some messages are wanted: their memories may stand far down.
_MOST_WANTED_HITS = 10_000
#: Pages of the store that are read for one page of an answer.
_PAGES = 20
_PAGE = 100

#: A memory with its score, before the rows are asked.
_Found = tuple[Memory, float | None]


class Recaller:
    """Asks the memories and the rows. A store or an embedder that is away degrades, and fails nothing."""

    def __init__(
        self,
        rows: Rows,
        store: MemoryStore,
        search: Recall,
        *,
        pending_limit: int,
        least: Callable[[str], float] = lambda _: 0.0,
        clock: Callable[[], datetime] | None = None,
        timer: Callable[[], float] = time.perf_counter,
        meter: Meter | None = None,
    ) -> None:
        self._rows = rows
        self._store = store
        self._search = search
        self._pending = Pending(rows, store, pending_limit)
        self._least = least
        self._clock = clock
        self._timer = timer
        self._meter = meter or Unmetered()

    def recall(self, question: Question, query: str) -> Recollection:
        """The best memories for a query. Raises Unavailable when the database is away."""
        started = self._timer()
        try:
            # First what is pending: a row that is learned in between is then found twice rather than missed.
            behind = self._pending.behind(question)
            searched = self._timer()
            memories = self._found(question, query)
            timings = {"pending": searched - started, "search": self._timer() - searched}
            degraded = False
        except StoreError:
            behind, memories, timings, degraded = self._pending.recent(question), [], {}, True
        pending = self._pending.shown(question, behind, memories)
        timings["total"] = self._timer() - started
        self._meter.recalled(timings, degraded=degraded)
        milliseconds = {f"{name}_ms": round(seconds * 1000, 3) for name, seconds in timings.items()}
        return Recollection(tuple(memories), pending, degraded, timings=milliseconds)

    def listed(self, question: Question, cursor: str | None) -> Recollection:
        """A page of memories, the latest said first; what is pending comes with the first page."""
        started = self._timer()
        try:
            behind = [] if cursor else self._pending.behind(question)
            memories, following = self._read(question, cursor)
            degraded = False
        except StoreError:
            behind, memories, following, degraded = self._pending.recent(question), [], None, True
        pending = self._pending.shown(question, behind, memories)
        timings = {"total_ms": round((self._timer() - started) * 1000, 3)}
        return Recollection(tuple(memories), pending, degraded, following, timings)

    def one(self, user_id: str, memory_id: str) -> Remembered:
        """A memory that its sources bear out, superseded or not. Raises NotFound and the store's errors."""
        for remembered in self._standing(user_id, [(self.filed(user_id, memory_id), None)], history=True):
            return remembered
        raise _no_memory()

    def some(self, user_id: str, memory_ids: Iterable[str]) -> list[Remembered]:
        """Those of the memories that are the user's and that their sources bear out, in the order given."""
        version = self._store.live()
        found = [memory for each in memory_ids if (memory := version.get(each)) is not None]
        return self._borne_out(user_id, [(memory, None) for memory in found if memory.user_id == user_id])

    def filed(self, user_id: str, memory_id: str) -> Memory:
        """A memory as it was filed, whatever became of its sources. Raises NotFound and the store's errors."""
        memory = self._store.live().get(memory_id)
        if memory is None or memory.user_id != user_id:
            raise _no_memory()
        return memory

    def _found(self, question: Question, query: str) -> list[Remembered]:
        times = self._times(question.user_id, query)
        for ask in _asks(question):
            hits = self._search.search(
                question.user_id,
                query,
                limit=ask,
                since=question.since,
                until=question.until,
                conversation_id=question.conversation_id,
                times=times,
            )
            memories = [
                remembered
                for remembered in self._one_per_message(question, hits)
                if all(source.id != question.without for source in remembered.sources)
            ]
            if len(memories) >= question.limit or len(hits) < ask:
                break
        if question.min_score is None:
            # Beside an answer, less near memories are often the rest of it: the best one speaks for all.
            answered = bool(memories) and self._may_answer(memories[0], times)
            return memories[: question.limit] if answered else []
        return [m for m in memories if _reaches(m, question.min_score)][: question.limit]

    def _may_answer(self, best: Remembered, times: Sequence[Span]) -> bool:
        # Who asks what was on a day is answered by what was said that day, whatever its words.
        said_then = any(span.since <= best.memory.said_at < span.until for span in times)
        return said_then or _reaches(best, self._least(best.memory.lang))

    def _times(self, user_id: str, query: str) -> tuple[Span, ...]:
        """The times that a query's words name where the user is; which time zone that is, is a query by itself."""
        now = None if self._clock is None else self._clock()
        if now is None or not spans(query, now):
            return ()
        return spans(query, now.astimezone(zone(self._rows.user_timezone(user_id))))

    def _one_per_message(self, question: Question, hits: Sequence[Recalled]) -> list[Remembered]:
        """Of each message that was found the best memory that stands."""
        found: list[_Found] = []
        for hit in hits:
            found += [(hit.memory, hit.score), *((other.memory, other.score) for other in hit.others)]
        found = self._wanted(question, found)
        best: dict[int, Remembered] = {}
        for remembered in self._standing(question.user_id, found, history=question.history):
            best.setdefault(remembered.memory.message_id, remembered)
        # Where the rows disown a message's best memory, the next one may belong further down.
        return sorted(best.values(), key=lambda remembered: -(remembered.score or 0.0))

    def _read(self, question: Question, cursor: str | None) -> tuple[list[Remembered], str | None]:
        version = self._store.live()
        memories: list[Remembered] = []
        for _ in range(_PAGES):
            # Never more than is still wanted, so that the store's cursor is also the answer's.
            wanted = min(_PAGE, question.limit - len(memories))
            page = _page(version, question.user_id, wanted, cursor)
            covered: list[_Found] = [
                (m, None) for m in page.memories if question.covers(m.said_at, m.conversation_id)
            ]
            wanted_of = self._wanted(question, covered)
            memories += self._standing(question.user_id, wanted_of, history=question.history)
            cursor = page.cursor
            if cursor is None or len(memories) == question.limit:
                break
        return memories, cursor

    def _wanted(self, question: Question, found: list[_Found]) -> list[_Found]:
        if question.rows.open:
            return found
        rows = self._rows.rows_by_ids(question.user_id, {memory.message_id for memory, _ in found})
        taken = {message_id for message_id, row in rows.items() if question.rows.takes(row)}
        return [each for each in found if each[0].message_id in taken]

    def _standing(self, user_id: str, found: Sequence[_Found], *, history: bool) -> list[Remembered]:
        """Those that their sources bear out and, without `history`, that no other such memory supersedes."""
        ids = {memory.id: None for memory, _ in found}
        # Wherever and whenever it was said: a question's bounds must not hide what stands in a memory's place.
        others = [m for m in self._store.live().superseding(user_id, list(ids)) if m.id not in ids]
        living = self._borne_out(user_id, [*found, *((memory, None) for memory in others)])
        later = superseded(remembered.memory for remembered in living)
        marked = [replace(each, superseded_by=later.get(each.memory.id, ())) for each in living]
        return [
            each for each in marked if each.memory.id in ids and (history or not each.superseded_by or each.pinned)
        ]

    def _borne_out(self, user_id: str, found: Sequence[_Found]) -> list[Remembered]:
        """Those whose sources all exist, at the revision that was learned from, and do not suppress them."""
        ids = {source.message_id for memory, _ in found for source in memory.sources}
        rows = self._rows.rows_by_ids(user_id, ids)
        borne_out = []
        for memory, score in found:
            sources = bearing(rows, memory.sources, [(memory.extractor, memory.hash)])
            if sources:
                borne_out.append(Remembered(memory, sources, score))
        return borne_out


def _asks(question: Question) -> Iterator[int]:
    """How many hits to ask the store for, round by round."""
    first = question.limit + 10
    if question.rows.open:
        yield from (min(first * 4**number, _MOST_HITS) for number in range(_ROUNDS))
    else:
        yield from (first, _MOST_HITS, _MOST_WANTED_HITS)


def _reaches(remembered: Remembered, least: float) -> bool:
    return least <= 0 or (remembered.score is not None and remembered.score >= least)


def _page(version: MemoryVersion, user_id: str, limit: int, cursor: str | None) -> Page:
    try:
        return version.page(user_id, limit=limit, cursor=cursor)
    except Refused as exc:
        raise Invalid("cursor: is none that a page was answered with.") from exc


def _no_memory() -> NotFound:
    return NotFound("This user has no such memory.")
