"""The places that a verification looks at, in memory: what real ones do not do at will, such as standing still."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

from confluent_kafka import Message

from memory_consumer import names
from memory_consumer.errors import Transient
from memory_consumer.filing.filings import filing
from memory_consumer.kafka.transactions import Outgoing
from memory_consumer.partition import partition_of
from memory_consumer.records import facts
from memory_consumer.verify.differences import Kind
from memory_consumer.verify.look import Line, Places
from memory_consumer.verify.repair import Means
from memory_consumer.verify.tables import Log, Row
from memory_consumer.verify.verifier import Verifier
from memory_store.embed import embed
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import Filing
from memory_store.version import FiledVersion
from tests.support import events
from tests.support.api import new_store
from tests.support.services import now

ALICE = partition_of("alice")


@dataclass(frozen=True)
class Record:
    """A record as the client tells it."""

    at: int
    of: tuple[int, bytes, bytes]

    def offset(self) -> int:
        return self.at

    def partition(self) -> int:
        return self.of[0]

    def key(self) -> bytes:
        return self.of[1]

    def value(self) -> bytes:
        return self.of[2]


@dataclass
class Held:
    """Rows, logs and a store, all of which a test may change at any time. It is also the rows and the logs."""

    home: Path
    rows: dict[int, events.Row] = field(default_factory=dict)
    logs: dict[Log, list[tuple[int, bytes, bytes]]] = field(default_factory=lambda: {"messages": [], "facts": []})
    #: The offset that a stage has come to; None: always the end of its log.
    stuck: dict[Log, int] = field(default_factory=dict)
    #: So often a stage's transaction is undecided when it is asked for.
    undecided: int = 0
    #: What was done, in its order.
    restarts: int = 0
    reread: list[list[int]] = field(default_factory=list)
    #: What happens at the next looks at the rows; None: nothing.
    before_snapshot: list[Callable[[], object] | None] = field(default_factory=list)
    #: What happens once the logs were read in a second look, before the store is asked.
    before_store: list[Callable[[], object]] = field(default_factory=list)
    executed: Callable[[str], bool] = lambda _: True
    following: int = 1_000
    #: Whether the connector is silent about the last transaction until it is nudged.
    untold: bool = False
    #: Whether it hears that only after it was started again.
    deaf: bool = False
    nudges: int = 0
    learns: bool = True
    patience_s: float = 0.0
    store: FakeStore = field(default_factory=new_store)

    @property
    def live(self) -> FiledVersion:
        """The version that is filled."""
        return self.store.live()

    def say(self, row: events.Row, value: bytes | None = None) -> None:
        """A row with its event."""
        self.rows[row.id] = row
        self.event(row, value)

    def event(self, row: events.Row, value: bytes | None = None) -> None:
        """An event alone."""
        self.logs["messages"].append((ALICE, events.key(row.id), value or events.written(row)))

    def learn(self, row: events.Row, *, file: bool = True) -> None:
        """Its facts record, and with `file` what it becomes."""
        record = events.learned(row)
        self.logs["facts"].append((ALICE, *facts.encode(record)))
        if file:
            self.file(filing(record, len(self.logs["facts"]) - 1))

    def file(self, filed: Filing) -> None:
        """Files as it is."""
        self.live.apply([filed], embed([filed], HashEmbedder()))

    def verify(self, *, repair: Collection[Kind] = (), unattended: bool = False) -> list[Line]:
        """Verifies; answers what was told but for progress."""
        told = self.verifier().run(repair=repair, unattended=unattended)
        return [line for line in told if "progress" not in line]

    def verifier(self) -> Verifier:
        """A verifier of these places."""
        places = Places(
            rows=self,
            captured=lambda: "some" if self.untold else "all",
            nudge=self._nudge,
            restart=self._restart,
            logs=lambda: self,
            version=lambda: cast("FiledVersion", _Watched(self)),
            learns=self.learns,
            patience=timedelta(seconds=self.patience_s),
            pause=lambda _: None,
        )
        means = Means(
            reread=lambda ids: self.reread.append(list(ids)),
            restart=self._restart,
            write=self._write,
            embedder=HashEmbedder(),
            clock=now,
        )
        return Verifier(self.home, places, means, settling_s=0.0)

    # As rows.

    @contextmanager
    def snapshot(self) -> Iterator["_Moment"]:
        if self.before_snapshot and (happens := self.before_snapshot.pop(0)) is not None:
            happens()
        yield _Moment(dict(self.rows), self.following)

    def covers(self, history: str, wanted: str) -> bool:
        return history == wanted or self.executed(wanted)

    # As logs.

    def read(self, log: Log, starts: Mapping[int, int]) -> Iterator[Message]:
        for offset, record in enumerate(self.logs[log]):
            if record[0] in starts and offset >= starts[record[0]]:
                yield cast("Message", Record(offset, record))

    def passed(self, log: Log, partitions: Iterable[int]) -> dict[int, int]:
        if self.undecided:
            self.undecided -= 1
            raise Transient("A transaction is undecided.")
        return dict.fromkeys(partitions, self.stuck.get(log, len(self.logs[log])))

    def close(self) -> None:
        pass

    def _nudge(self) -> None:
        self.nudges += 1
        self.untold = self.deaf

    def _restart(self) -> None:
        self.restarts += 1
        self.deaf = False

    def _write(self, records: Sequence[Outgoing]) -> None:
        assert all(each.topic == names.MESSAGES for each in records)
        self.logs["messages"] += [(each.partition, each.key, each.value or b"") for each in records]


@dataclass(frozen=True)
class _Moment:
    rows: dict[int, events.Row]
    following: int

    def all(self, user_id: str | None) -> Iterator[list[Row]]:
        yield [_row(each) for each in self.rows.values() if user_id in (None, each.user_id)]

    def among(self, message_ids: Sequence[int]) -> list[Row]:
        return [_row(self.rows[each]) for each in message_ids if each in self.rows]

    def history(self) -> str:
        return "all"

    def shown(self) -> str:
        return "all"

    def next_id(self) -> int:
        return self.following


class _Watched:
    """The version, with what happens before it is asked for some messages."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def __getattr__(self, name: str) -> object:
        return getattr(self._held.live, name)

    def receipts(self, message_ids: Sequence[int]) -> object:
        while self._held.before_store:
            self._held.before_store.pop(0)()
        return self._held.live.receipts(message_ids)


def _row(row: events.Row) -> Row:
    return Row(row.id, row.user_id, row.revision)
