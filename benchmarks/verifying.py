"""What verifying takes of memory and time, at sizes that a real stack would take hours to fill.

The places are stubs that make up each row, record, receipt and memory when it is read, so whatever grows with
their number is verify's own. Reading is as in earnest from the bytes of a record on; MySQL, Kafka and Qdrant are
left out.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from confluent_kafka import Message

from benchmarks.figures import Curve, Plot, Result
from memory_consumer.filing.filings import filing
from memory_consumer.partition import partition_of
from memory_consumer.records import facts
from memory_consumer.verify.look import Places
from memory_consumer.verify.repair import Means
from memory_consumer.verify.rows import RowSnapshot
from memory_consumer.verify.tables import Log, Row
from memory_consumer.verify.verifier import Verifier
from memory_store.fake import HashEmbedder
from memory_store.models import Filing, Memory, Receipt
from tests.support import events

_SIZES, _SIZES_QUICK = (1_000, 1_000_000), (1_000, 20_000)
#: So many messages have one whose memory is missing.
_BROKEN = 100
#: Not in step with which memory is missing.
_USERS = 199


def run(*, quick: bool) -> Result:
    """Each size in a process of its own, for its peak of memory."""
    sizes = _SIZES_QUICK if quick else _SIZES
    told = {size: _measured(size) for size in sizes}
    figures = {f"{size:,} messages: {name}": value for size, each in told.items() for name, value in each.items()}
    peaks = [each["peak of memory (MiB)"] for each in told.values()]
    return Result(
        name="verify",
        title="Verifying made-up messages",
        runs=[figures],
        plot=Plot("messages", "peak of memory (MiB)", [Curve("verify", list(map(float, sizes)), peaks)]),
        note="Rows, logs and store are stubs that make up what is read, every hundredth memory is missing; each"
        " size in a process of its own, whose peak includes Python and all that is imported.",
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """As much of a Kafka message as is read of one."""

    message_id: int
    place: tuple[int, int]
    body: bytes

    def key(self) -> bytes:
        return events.key(self.message_id)

    def value(self) -> bytes:
        return self.body

    def partition(self) -> int:
        return self.place[0]

    def offset(self) -> int:
        return self.place[1]


class _World:
    """All the places; an id stands for all that there is of a message. An offset is its id."""

    def __init__(self, messages: int) -> None:
        self._ids = range(1, messages + 1)

    @contextmanager
    def snapshot(self) -> Iterator[RowSnapshot]:
        yield self

    def covers(self, history: str, wanted: str) -> bool:
        return history == wanted

    def all(self, _user_id: str | None) -> Iterator[list[Row]]:
        for start in range(0, len(self._ids), 2000):
            yield self.among(self._ids[start : start + 2000])

    def among(self, message_ids: Sequence[int]) -> list[Row]:
        return [Row(each, _row(each).user_id, _row(each).revision) for each in message_ids]

    def history(self) -> str:
        return ""

    def shown(self) -> str:
        return ""

    def next_id(self) -> int:
        return len(self._ids) + 1

    def read(self, log: Log, starts: Mapping[int, int]) -> Iterator[Message]:
        partitions = [partition_of(f"user-{number}") for number in range(_USERS)]
        for each in self._ids:
            partition = partitions[each % _USERS]
            if each >= starts[partition]:
                row = _row(each)
                body = events.written(row) if log == "messages" else facts.encode(events.learned(row))[1]
                yield cast("Message", _Record(each, (partition, each), body))

    def passed(self, _log: Log, partitions: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, len(self._ids) + 1)

    def close(self) -> None:
        """Nothing is held."""

    def scan_receipts(self) -> Iterator[Receipt]:
        return (_filing(each).receipt for each in self._ids)

    def scan(self) -> Iterator[Memory]:
        return (memory for each in self._ids for memory in _filed(each))

    def receipts(self, message_ids: Sequence[int]) -> dict[int, Receipt]:
        return {each: _filing(each).receipt for each in message_ids}

    def filed_under(self, message_ids: Sequence[int]) -> list[Memory]:
        return [memory for each in message_ids for memory in _filed(each)]


def _row(message_id: int) -> events.Row:
    return events.Row(message_id, f"I saw ship {message_id}.", f"user-{message_id % _USERS}")


def _filing(message_id: int) -> Filing:
    return filing(events.learned(_row(message_id)), message_id)


def _filed(message_id: int) -> tuple[Memory, ...]:
    return () if message_id % _BROKEN == 0 else _filing(message_id).memories


def _verified(messages: int, home: Path) -> dict[str, float]:
    world: Any = _World(messages)
    places = Places(
        rows=world,
        captured=str,
        nudge=lambda: None,
        restart=lambda: None,
        logs=lambda: world,
        version=lambda: world,
        learns=True,
    )
    means = Means(lambda _: None, lambda: None, lambda _: None, HashEmbedder(), lambda: datetime.now(UTC))
    begun, found = time.perf_counter(), 0
    for line in Verifier(home, places, means).run():
        found += "difference" in line
    assert found == messages // _BROKEN
    return {
        "peak of memory (MiB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "time (s)": time.perf_counter() - begun,
    }


def _measured(messages: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.verifying", str(messages)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        print(json.dumps(_verified(int(sys.argv[1]), Path(folder))))
