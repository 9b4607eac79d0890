"""Verifying, as the command and the running process do it."""

import time
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from memory_consumer.errors import LostRows, Refused, Transient
from memory_consumer.verify.differences import Difference, Kind
from memory_consumer.verify.hold import Hold
from memory_consumer.verify.logs import Logs
from memory_consumer.verify.look import Line, Look, Places, progress
from memory_consumer.verify.repair import Means, Repair
from memory_consumer.verify.tables import Tables, work_file
from memory_store.errors import StoreError

#: So long what was mended may take to arrive before it is mended again.
_SETTLING_S = 20.0
#: So often in a row mending may change nothing.
_MOST_IDLE = 2
#: So often it is mended in all: what mending has written may undo what it filed.
_MOST_MENDINGS = 2


class Verifier:
    """Looks at rows, logs and store. One verification of a home runs at a time; others wait for it."""

    def __init__(self, home: Path, places: Places, means: Means, *, settling_s: float = _SETTLING_S) -> None:
        self._home = home
        self._hold = Hold(home)
        self._settling_s = settling_s
        self._places = places
        self._means = means

    def run(
        self, user_id: str | None = None, *, repair: Collection[Kind] = (), unattended: bool = False
    ) -> Iterator[Line]:
        """Tells as it goes, then how it ended, in bounded memory.

        Lines of one key each: `progress`; `difference`, each that was found; with something to repair, `mended`
        and then each `difference` that is left; at last `report`, or `unsure` with why it cannot be told. The
        report's `held` is why nothing is mended `unattended`: once MySQL was found to have lost rows, nothing is
        until somebody has mended all. Asked to do so then, it tells one line, `held`, with why.
        """
        try:
            if unattended and (cause := self._hold.cause()) is not None:
                yield {"held": cause}
                return
            for line in self._alone(user_id, repair):
                if "report" in line:
                    if repair and user_id is None and not unattended:
                        self._hold.release()
                    yield {"report": {**line["report"], "held": self._hold.cause()}}
                else:
                    yield line
        except LostRows as exc:
            yield {"held" if unattended else "unsure": self._held(str(exc))}
        except (Transient, Refused, StoreError) as exc:
            yield {"unsure": str(exc)}

    def _held(self, cause: str) -> str:
        try:
            self._hold.put(cause)
        except Transient as exc:
            return f"{cause} {exc}"
        return cause

    def _alone(self, user_id: str | None, repair: Collection[Kind]) -> Iterator[Line]:
        end = time.monotonic() + self._places.patience.total_seconds()
        while True:
            with work_file(self._home) as path:
                if path is not None:
                    with closing(self._places.logs()) as logs:
                        yield from self._verified(path, logs, user_id, repair)
                    return
            if time.monotonic() > end:
                raise Transient("Another verification of this instance runs. Try again when it has ended.")
            yield progress("waiting for another verification")
            self._places.pause(0.2)

    def _verified(self, path: Path, logs: Logs, user_id: str | None, repair: Collection[Kind]) -> Iterator[Line]:
        with closing(Tables(path, user_id)) as tables:
            look = Look(self._places, tables, logs, user_id)
            yield from look.whole()
            yield from map(_told, tables.differences())
            if not tables.lost(repair):
                yield _report(tables)
                return
            mended = yield from self._mended(look, tables, logs, repair)
        for left in reversed(range(_MOST_MENDINGS)):
            with closing(Tables(path.with_name(f"{path.name}.after"), user_id)) as tables:
                look = Look(self._places, tables, logs, user_id)
                yield from look.whole()
                # Only after all that mending has written has arrived can one tell.
                if left and mended and tables.lost(repair):
                    mended = yield from self._mended(look, tables, logs, repair)
                    continue
                yield {"mended": True}
                yield from map(_told, tables.differences())
                yield _report(tables)
                return

    def _mended(
        self, look: Look, tables: Tables, logs: Logs, kinds: Collection[Kind]
    ) -> Generator[Line, None, bool]:
        """Mends until nothing is left, which it answers, or nothing more can be done."""
        repair = Repair(self._places, self._means, tables, logs, kinds)
        idle, before, unread_before = 0, tables.lost(kinds), repair.unread()
        while True:
            yield from repair.run()
            end = time.monotonic() + self._settling_s
            while (left := tables.lost(kinds)) and time.monotonic() < end:
                self._places.pause(0.5)
                yield from look.again()
            idle = idle + 1 if left >= before else 0
            if not left or idle == _MOST_IDLE:
                return not left
            unread = repair.unread()
            if unread and unread >= unread_before:
                self._means.restart()
            before, unread_before = left, unread


def _told(difference: Difference) -> Line:
    return {"difference": asdict(difference)}


def _report(tables: Tables) -> Line:
    return {
        "report": {
            "counts": asdict(tables.counts()),
            "differences": tables.kinds(under_way=False),
            "under_way": sum(tables.kinds(under_way=True).values()),
        }
    }
