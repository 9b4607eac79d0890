"""A version of the store: the rules of filing, searching and paging, over any engine."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from uuid import UUID

from memory_store.errors import Refused
from memory_store.filings import current
from memory_store.models import Extent, Filing, Hit, Memory, Page, Profile, ProfileLine, Query, Receipt, Vectors
from memory_store.payload import microseconds
from memory_store.points import Near, Points, Profiles, Receipts, Scores, Where
from memory_store.scoring import COMMON, reachable, score, shares

#: How often a search starts anew because a memory that it found was replaced before it was read.
_ROUNDS = 10

_CURSOR = re.compile(r"(-?\d{1,18})_([0-9a-f-]{36})", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


def may_name(name: str) -> bool:
    """Whether a version may be called so."""
    return _NAME.fullmatch(name) is not None and name != "live"


def checked_name(name: str) -> str:
    """A name that may be a version's. Raises Refused."""
    if not may_name(name):
        raise Refused("Name a version with a letter, then letters, digits or '-' (a-z, at most 40), not 'live'.")
    return name


class FiledVersion:
    """A MemoryVersion over points, receipts and profiles."""

    def __init__(self, name: str, points: Points, receipts: Receipts, profiles: Profiles) -> None:
        self.name = name
        self._points = points
        self._receipts = receipts
        self._profiles = profiles
        self._filing = Lock()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed: then it must be opened anew."""
        return self._closed

    def apply(self, filings: Sequence[Filing], vectors: Vectors) -> None:
        with self._filing:
            filed = current(filings, vectors, self.receipts([f.receipt.message_id for f in filings]))
            if not filed:
                return
            messages = tuple(each.receipt.message_id for each in filed)
            kept = {point.memory.id: point for each in filed for point in each.points}
            stale = [m.id for m in self._points.find(Where(message_ids=messages)) if m.id not in kept]
            self._points.upsert(list(kept.values()))
            self._points.delete(stale)
            # A receipt says that its memories are there, so they must outlive it.
            self._points.flush()
            self._receipts.put([each.receipt for each in filed])

    def forget(self, offsets: Mapping[int, int]) -> None:
        with self._filing:
            receipts = self.receipts(list(offsets)).values()
            forgotten = [each.message_id for each in receipts if each.facts_offset == offsets[each.message_id]]
            if not forgotten:
                return
            # A receipt says that its memories are there, so they must outlive it.
            self._receipts.delete(forgotten)
            self._points.delete([memory.id for memory in self.filed_under(forgotten)])
            self._points.flush()

    def apply_profiles(self, profiles: Sequence[Profile]) -> None:
        with self._filing:
            latest = self._profiles.get([each.user_id for each in profiles]) if profiles else {}
            newer: dict[str, Profile] = {}
            for profile in profiles:
                before = newer.get(profile.user_id) or latest.get(profile.user_id)
                if before is None or profile.facts_offset >= before.facts_offset:
                    newer[profile.user_id] = profile
            if newer:
                self._profiles.put(list(newer.values()))

    def profile(self, user_id: str) -> Profile | None:
        return self._profiles.get([user_id]).get(user_id)

    def search(self, query: Query) -> list[Hit]:
        hits: list[Hit] = []
        for _ in range(_ROUNDS if query.limit > 0 else 0):
            hits, whole = self._hits(query)
            if whole:
                break
        return hits

    def page(self, user_id: str, *, limit: int, cursor: str | None = None) -> Page:
        until, last = _read_cursor(cursor)
        found = [m for m in self._said_at(user_id, until) if m.id > last] if until is not None else []
        while len(found) <= limit:
            newest = self._points.newest(Where(user_id=user_id, until_us=until), limit + 1)
            if not newest:
                break
            # The engine may have cut off some of those said at one time with the last one.
            until = microseconds(newest[-1].said_at)
            whole = [memory for memory in newest if microseconds(memory.said_at) != until]
            found += sorted(whole, key=lambda m: (-microseconds(m.said_at), m.id))
            found += self._said_at(user_id, until)
        page = tuple(found[:limit])
        more = len(found) > limit and page
        return Page(page, f"{microseconds(page[-1].said_at)}_{page[-1].id}" if more else None)

    def get(self, memory_id: str) -> Memory | None:
        return next(iter(self._by_ids((memory_id,))), None) if _is_id(memory_id) else None

    def filed_under(self, message_ids: Sequence[int]) -> list[Memory]:
        found = self._points.find(Where(message_ids=tuple(message_ids))) if message_ids else ()
        return sorted(found, key=lambda memory: (memory.message_id, memory.id))

    def superseding(self, user_id: str, memory_ids: Sequence[str]) -> list[Memory]:
        ids = tuple(memory_ids)
        return list(self._points.find(Where(user_id=user_id, supersedes=ids))) if ids else []

    def receipts(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        return self._receipts.get(message_ids) if message_ids else {}

    def scan(self) -> Iterator[Memory]:
        return self._points.find(Where())

    def scan_receipts(self) -> Iterator[Receipt]:
        return self._receipts.scan()

    def count(self) -> int:
        return self._points.count()

    def count_of(self, extent: Extent) -> int:
        return self._points.count(_where(extent)) + self._lines_of(extent)

    def erase(self, extent: Extent) -> int:
        with self._filing:
            # A memory is filed under the latest of the messages that it rests on.
            theirs = self._points.find(Where(user_id=extent.user_id, conversation_id=extent.conversation_id))
            rests = [m for m in theirs if any(extent.covers(s.message_id, None) for s in m.sources)]
            self._points.delete([memory.id for memory in rests])
            self._points.flush()
            return len(rests) + self._erase_lines(extent)

    def purge(self, ends: Callable[[], bool] = lambda: False) -> None:
        with self._filing:
            self._points.purge(ends)

    @property
    def purged(self) -> bool | None:
        return self._points.purged

    def vectors_of(self, memory_ids: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        ids = [each for each in memory_ids if _is_id(each)]
        return self._points.vectors(ids) if ids else {}

    def close(self) -> None:
        with self._filing:
            self._closed = True
            self._points.close()
            self._receipts.close()
            self._profiles.close()

    def _erase_lines(self, extent: Extent) -> int:
        profile = self.profile(extent.user_id)
        if profile is None:
            return 0
        kept = tuple(line for line in profile.lines if not _rests_on(line, extent))
        if len(kept) < len(profile.lines):
            self._profiles.put([replace(profile, lines=kept)])
        return len(profile.lines) - len(kept)

    def _lines_of(self, extent: Extent) -> int:
        profile = self.profile(extent.user_id)
        if profile is None or extent.conversation_id is not None:
            # A line does not know its conversation. It goes in the transaction in which its facts go.
            return 0
        return sum(_rests_on(line, extent) for line in profile.lines)

    def _hits(self, query: Query) -> tuple[list[Hit], bool]:
        """The best, and whether none of them was replaced while they were read."""
        scores, whole = self._scores(query)
        ranked = sorted(scores.values(), reverse=True)
        least = ranked[min(query.limit, len(ranked)) - 1] if ranked else 0.0
        best = tuple(each for each, score in scores.items() if score >= least)
        hits = [Hit(memory, scores[memory.id]) for memory in self._by_ids(best)]
        hits.sort(key=lambda hit: (-hit.score, -microseconds(hit.memory.said_at), hit.memory.id))
        return hits[: query.limit], whole and len(hits) == len(best)

    def _scores(self, query: Query) -> tuple[Scores, bool]:
        """The scores of all that may be among the best, and whether none of the nearest was replaced meanwhile."""
        where = Where(
            user_id=query.user_id,
            since_us=None if query.since is None else microseconds(query.since),
            until_us=None if query.until is None else microseconds(query.until),
            conversation_id=query.conversation_id,
        )
        near = self._nearest(query, where)
        shared = shares(near.holders)
        ids = near.text.keys() | near.context.keys()
        asked = ids | reachable(near.text, near.context, shared, query.limit)
        if len(near.text) != len(asked) or len(near.context) != len(asked):
            # Not by user, who is known and slow to ask; but who holds a word was not asked when or where.
            among = replace(where, user_id=None, ids=tuple(sorted(asked)))
            near = self._points.nearest(query.vector, among, len(asked))
        both = near.text.keys() & near.context.keys()
        scores = {each: score(near.text[each], near.context[each], shared.get(each, 0.0)) for each in both}
        return scores, ids <= both

    def _nearest(self, query: Query, where: Where) -> Near:
        limit = 2 * query.limit + 50
        while True:
            near = self._points.nearest(query.vector, where, limit + 1, query.words, COMMON + 1)
            by_text, by_context = _cut(near.text, limit), _cut(near.context, limit)
            if by_text is not None and by_context is not None:
                return Near(by_text, by_context, near.holders)
            limit *= 4

    def _by_ids(self, ids: tuple[str, ...]) -> list[Memory]:
        return list(self._points.find(Where(ids=ids))) if ids else []

    def _said_at(self, user_id: str, said_us: int) -> list[Memory]:
        return list(self._points.find(Where(user_id=user_id, since_us=said_us, until_us=said_us + 1)))


def _where(extent: Extent) -> Where:
    """What is filed under these messages."""
    return Where(
        user_id=extent.user_id,
        conversation_id=extent.conversation_id,
        up_to=None if extent.alone else extent.up_to,
        message_ids=(extent.up_to,) if extent.alone else None,
    )


def _rests_on(line: ProfileLine, extent: Extent) -> bool:
    """Whether it rests on one of them, as far as can be told: a line does not know its conversation."""
    return any(extent.covers(source.message_id, None) for source in line.sources)


def _cut(scores: Scores, limit: int) -> Scores | None:
    """The best of one more than wanted; None if equal ones stand on both sides of the cut."""
    if len(scores) <= limit:
        return scores
    *_, (_, last), (extra, following) = scores.items()
    # The engine orders equal ones as it likes, so the latest said might be cut off.
    return None if last == following else {each: score for each, score in scores.items() if each != extra}


def _is_id(memory_id: str) -> bool:
    with suppress(ValueError):
        return str(UUID(memory_id)) == memory_id
    return False


def _read_cursor(cursor: str | None) -> tuple[int | None, str]:
    if cursor is None:
        return None, ""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise Refused("This is no cursor of a page of memories; leave it out to start at the first page.")
    return int(found[1]), found[2]
