"""Where a verification gathers what each place holds: a SQLite file of ids and digests, never of texts.

It is on disk so that memory stays bounded, in one transaction that is never committed. It has no name any more
once it is open: whatever ends the process, nothing of it is left.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from memory_consumer.errors import Transient
from memory_consumer.verify.differences import RULES, Difference, Kind
from memory_store.models import Memory, Receipt, point_id
from memory_store.payload import to_payload

Log = Literal["messages", "facts"]

_CACHE_KB = 64 * 1024

#: `event` and `record` hold one line per message, of the partition that it lives in; `waits` is what the stage
#: after that log has not passed yet.
_SCHEMA = """
CREATE TABLE rows (id INTEGER PRIMARY KEY, user TEXT NOT NULL, revision TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER, partition INTEGER, position INTEGER NOT NULL, state TEXT NOT NULL, user TEXT NOT NULL,
    revision TEXT NOT NULL, gtid TEXT NOT NULL, PRIMARY KEY (id, partition)) WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL,
    user TEXT NOT NULL, revision TEXT NOT NULL, waits INTEGER NOT NULL);
CREATE TABLE records (
    id INTEGER, partition INTEGER, position INTEGER NOT NULL, state TEXT NOT NULL, user TEXT NOT NULL,
    revision TEXT NOT NULL, facts INTEGER NOT NULL, PRIMARY KEY (id, partition)) WITHOUT ROWID;
CREATE TABLE record (
    id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL,
    user TEXT NOT NULL, revision TEXT NOT NULL, facts INTEGER NOT NULL, waits INTEGER NOT NULL);
CREATE TABLE wanted (
    id INTEGER, partition INTEGER, point BLOB, digest BLOB NOT NULL, PRIMARY KEY (id, partition, point)
) WITHOUT ROWID;
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, state TEXT NOT NULL, revision TEXT NOT NULL,
    facts INTEGER NOT NULL, position INTEGER NOT NULL);
CREATE TABLE points (
    id INTEGER, point BLOB, digest BLOB NOT NULL, canonical BLOB NOT NULL, user TEXT NOT NULL,
    PRIMARY KEY (id, point)) WITHOUT ROWID;
CREATE TABLE passed (log TEXT, partition INTEGER, position INTEGER NOT NULL, PRIMARY KEY (log, partition));
CREATE TABLE candidates (id INTEGER PRIMARY KEY);
CREATE TABLE moved (id INTEGER PRIMARY KEY);
CREATE TABLE found (
    rule INTEGER, id INTEGER, user TEXT NOT NULL, under_way INTEGER NOT NULL, PRIMARY KEY (rule, id)
) WITHOUT ROWID;
"""

_EVENT = """
INSERT INTO event SELECT id, partition, position, state, user, revision, waits FROM (
    SELECT id, partition, position, state, user, revision, max(state = 'written'),
        position >= coalesce((SELECT passed.position FROM passed
            WHERE log = 'messages' AND passed.partition = events.partition), 0) AS waits
    FROM events GROUP BY id)
"""
_RECORD = """
INSERT INTO record SELECT id, partition, position, state, user, revision, facts, waits FROM (
    SELECT id, partition, position, state, user, revision, facts, max(state IN ('learned', 'pending')),
        position >= coalesce((SELECT passed.position FROM passed
            WHERE log = 'facts' AND passed.partition = records.partition), 0) AS waits
    FROM records GROUP BY id)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `messages`, as far as it matters here."""

    message_id: int
    user_id: str
    revision: str


@dataclass(frozen=True, slots=True)
class Logged:
    """The last record of a message in one partition of a log. Of a removed one the messages log tells no user."""

    message_id: int
    partition: int
    offset: int
    state: Literal["written", "removed", "unreadable", "learned", "pending", "deleted", "dead"]
    user_id: str = ""
    revision: str = ""
    #: Of a facts record: how many facts it lists, and the memories that they become.
    facts: int = 0
    memories: tuple[Memory, ...] = ()
    #: Of an event: the transaction that wrote the row, where it is known.
    gtid: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much each place holds."""

    rows: int
    #: Living messages of the messages log, learned ones of the facts log, receipts that say learned.
    messages: int
    learned: int
    receipts: int
    #: Messages whose window is still open: a language model has yet to read them.
    pending: int
    facts: int
    memories: int


class Tables:
    """What the places hold, as far as it was read. For one thread at a time; close it."""

    def __init__(self, path: Path, user_id: str | None = None) -> None:
        """An empty file. With `user_id`, only that user's differences are told and counted. Raises Transient."""
        self._user = user_id
        with _translated():
            path.touch(mode=0o600)
            # A verification is told line by line, from whichever thread asks for the next one.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.executescript(
                f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE_KB};"
                f" PRAGMA locking_mode=EXCLUSIVE; {_SCHEMA}"
            )
            path.unlink()
            self._db.execute("BEGIN")

    def put_rows(self, rows: Iterable[Row]) -> None:
        """Adds rows."""
        self._many(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", ((r.message_id, r.user_id, r.revision) for r in rows)
        )

    def put_events(self, events: Iterable[Logged]) -> None:
        """Puts events of the messages log in the place of earlier ones."""
        self._many(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((e.message_id, e.partition, e.offset, e.state, e.user_id, e.revision, e.gtid) for e in events),
        )

    def put_records(self, records: Iterable[Logged]) -> None:
        """Puts facts records in the place of earlier ones."""
        for each in records:
            key = (each.message_id, each.partition)
            self._many("DELETE FROM wanted WHERE id = ? AND partition = ?", [key])
            self._many(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*key, each.offset, each.state, each.user_id, each.revision, each.facts)],
            )
            self._many(
                "INSERT OR REPLACE INTO wanted VALUES (?, ?, ?, ?)",
                ((*key, _blob(memory.id), _digest(memory)) for memory in each.memories),
            )

    def put_receipts(self, receipts: Iterable[Receipt]) -> None:
        """Adds receipts."""
        self._many(
            "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?, ?)",
            ((r.message_id, r.user_id, r.state, r.revision, r.facts, r.facts_offset) for r in receipts),
        )

    def put_points(self, memories: Iterable[Memory]) -> None:
        """Adds memories as they are filed."""
        self._many(
            "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?)",
            (
                (m.message_id, _blob(m.id), _digest(m), _blob(point_id(m.message_id, m.hash)), m.user_id)
                for m in memories
            ),
        )

    def put_passed(self, log: Log, positions: Mapping[int, int]) -> None:
        """Notes up to where the stage after a log has come, by partition."""
        found = ((log, partition, position) for partition, position in positions.items())
        self._many("INSERT OR REPLACE INTO passed VALUES (?, ?, ?)", found)

    def waiting(self, log: Log) -> int:
        """Of how many messages a log holds what the stage after it has not passed."""
        table = "events" if log == "messages" else "records"
        query = (
            f"SELECT count(DISTINCT id) FROM {table} AS held WHERE (:user IS NULL OR user IN ('', :user))"
            " AND position >= coalesce((SELECT passed.position FROM passed"
            " WHERE log = :log AND passed.partition = held.partition), 0)"
        )
        with _translated():
            (found,) = self._db.execute(query, {"user": self._user, "log": log}).fetchone()
        return int(found)

    def note_moved(self, message_ids: Iterable[int]) -> None:
        """Notes messages that something happened to while they were looked at."""
        self._many("INSERT OR IGNORE INTO moved VALUES (?)", ((each,) for each in message_ids))

    def find(self) -> int:
        """Compares what is there; answers how many messages differ. Once there are candidates, only those."""
        with _translated():
            for statement in ("DELETE FROM event", "DELETE FROM record", "DELETE FROM found", _EVENT, _RECORD):
                self._db.execute(statement)
            (narrowed,) = self._db.execute("SELECT EXISTS (SELECT 1 FROM candidates)").fetchone()
            for number, rule in enumerate(RULES):
                self._db.execute(_finding(rule.query, narrowed=narrowed), {"rule": number, "user": self._user})
            (messages,) = self._db.execute("SELECT count(DISTINCT id) FROM found").fetchone()
            return int(messages)

    def suspect(self) -> None:
        """Makes what was found the candidates, of which everything but the logs is forgotten: it is read again."""
        with _translated():
            self._db.execute("INSERT OR IGNORE INTO candidates SELECT id FROM found")
            self._db.execute("DELETE FROM moved")
            for table in ("rows", "receipts", "points"):
                self._db.execute(f"DELETE FROM {table} WHERE id IN candidates")

    def candidates(self) -> Iterator[list[int]]:
        """The ids of the candidates, in batches."""
        last = -1
        while batch := self._all("SELECT id FROM candidates WHERE id > ? ORDER BY id LIMIT 500", last):
            last = batch[-1][0]
            yield [each for (each,) in batch]

    def differences(self) -> Iterator[Difference]:
        """What was found, rule by rule, in the order of the message ids."""
        rule, message = 0, -1
        query = "SELECT rule, id, user, under_way FROM found WHERE (rule, id) > (?, ?) ORDER BY rule, id LIMIT 500"
        while batch := self._all(query, rule, message):
            rule, message, *_ = batch[-1]
            for number, message_id, user, under_way in batch:
                of = RULES[number]
                yield Difference(of.kind, message_id, user, of.place, of.detail, bool(under_way))

    def lost(self, kinds: Iterable[Kind]) -> int:
        """How many differences of these kinds were found that are not under way."""
        return sum(number for kind, number in self.kinds(under_way=False).items() if kind in set(kinds))

    def kinds(self, *, under_way: bool) -> dict[Kind, int]:
        """How many differences were found, by kind."""
        found: dict[Kind, int] = {}
        for rule, number in self._all(
            "SELECT rule, count(*) FROM found WHERE under_way = ? GROUP BY rule", under_way
        ):
            kind = RULES[rule].kind
            found[kind] = found.get(kind, 0) + number
        return found

    def counts(self) -> Counts:
        """How much each place holds."""
        mine = "(:user IS NULL OR user = :user)"
        facts = f"SELECT id FROM record WHERE state IN ('learned', 'pending') AND {mine}"
        queries = {
            "rows": f"SELECT count(*) FROM rows WHERE {mine}",
            "messages": f"SELECT count(*) FROM event WHERE state <> 'removed' AND {mine}",
            "learned": f"SELECT count(*) FROM record WHERE state = 'learned' AND {mine}",
            "receipts": f"SELECT count(*) FROM receipts WHERE state = 'learned' AND {mine}",
            "pending": f"SELECT count(*) FROM record WHERE state = 'pending' AND {mine}",
            "facts": f"SELECT count(*) FROM wanted WHERE id IN ({facts})",
            "memories": f"SELECT count(*) FROM points WHERE {mine}",
        }
        with _translated():
            found = {name: self._db.execute(q, {"user": self._user}).fetchone()[0] for name, q in queries.items()}
        return Counts(**found)

    def rows_of(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The lines of a query, read as they are asked for; nothing may be put meanwhile."""
        with _translated():
            yield from self._db.execute(query, values)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def _many(self, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
        with _translated():
            self._db.executemany(statement, values)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with _translated():
            return self._db.execute(query, values).fetchall()


@contextmanager
def work_file(home: Path) -> Iterator[Path | None]:
    """The path for the tables; None while another verification of this home has it. Raises Transient."""
    with _translated():
        folder = home / "verify"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield folder / "work.db" if _taken(descriptor, folder) else None
    finally:
        os.close(descriptor)


def _taken(descriptor: int, folder: Path) -> bool:
    """Whether it is ours now; what one that was killed while it opened its file left is removed then."""
    with _translated():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        for left in folder.glob("work.db*"):
            left.unlink(missing_ok=True)
    return True


def _finding(query: str, *, narrowed: bool) -> str:
    scope = " AND id IN candidates" if narrowed else ""
    return (
        "INSERT OR REPLACE INTO found"
        " SELECT :rule, id, coalesce(user, ''), coalesce(waits, 0) OR id IN moved"
        f" FROM ({query}) WHERE (:user IS NULL OR user = :user){scope}"
    )


def _blob(memory_id: str) -> bytes:
    return UUID(memory_id).bytes


def _digest(memory: Memory) -> bytes:
    payload = json.dumps(to_payload(memory), sort_keys=True)
    return blake2b(payload.encode(), digest_size=16).digest()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise Transient(f"The verification's own file in the home cannot be used: {exc}") from exc
