"""The ask stage: windows of pending messages in, facts records out. It asks a language model, so it may be slow.

It runs beside extract and holds nothing up: who waits for the model is a user, not a partition. An answer is
written in a transaction of the partition's own writer, so a former owner's answer is refused.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random, SystemRandom
from threading import Lock, Thread

from memory_consumer.asking.open_windows import OpenWindow
from memory_consumer.asking.windows import Found, WindowExtractor, WindowPolicy
from memory_consumer.errors import Busy, Fenced, Invalid, Transient
from memory_consumer.learning.tenures import Tenures
from memory_consumer.records.dead_letters import GivenUp
from memory_consumer.stages.attempts import Cap, Went, named
from memory_consumer.stages.metering import Meter, Unmetered, metered
from memory_consumer.stages.retry import LIVE, Backoff, Rest
from memory_consumer.stages.stage import Report
from memory_store.errors import StoreError
from memory_store.models import Memory

_log = logging.getLogger(__name__)

_TICK_S = 0.2
#: Characters of what a window's users said last, by which the memories near it are searched.
_SEARCHED_CHARACTERS = 1000
#: How often a single message is tried before it is set aside: over some minutes, as a model may be out of sorts.
TRIES = 12
#: How many are set aside in a row, without one that is learned between: then it is the model, not the messages.
_MOST_IN_A_ROW = 3

_UNFORESEEN = "what was not foreseen: see the log"

#: The memories of a user that are nearest to a text. Raises StoreError.
Near = Callable[[str, str], Sequence[Memory]]


@dataclass(frozen=True, slots=True)
class _Whose:
    partition: int
    user_id: str


@dataclass(slots=True)
class _Trouble:
    """A user whose windows fail: for how long they are left alone, and what is tried next."""

    rest: Rest
    messages: int
    #: The message whose tries these are, with the offset of the event that was tried; None where they are several.
    alone: tuple[int, int] | None = None
    #: Pending messages that are passed over for once, to see whether it is them or the model.
    after: int = 0


class AskStage:
    """Closes windows and learns them, a few users at a time and by turns, each user's windows in order."""

    def __init__(
        self,
        tenures: Tenures,
        extractor: WindowExtractor,
        near: Near,
        policy: WindowPolicy,
        *,
        clock: Callable[[], datetime],
        concurrency: int,
        backoff: Backoff = LIVE,
        chance: Random | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._tenures = tenures
        self._extractor = extractor
        self._near = near
        self._policy = policy
        self._clock = clock
        self._concurrency = concurrency
        self._backoff = backoff
        self._chance = chance or SystemRandom()
        self._stopped = False
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.report = Report("ask")
        self._meter = meter or Unmetered()
        # What follows is shared by the threads; `_lock` is held for moments only.
        self._lock = Lock()
        self._rest = Rest(backoff, self._chance)
        self._busy: set[_Whose] = set()
        self._troubled: dict[_Whose, _Trouble] = {}
        self._asked: dict[_Whose, int] = {}
        self._turns = count(1)
        # It stops nobody: a message that finds no room waits, until one is learned.
        self._cap = Cap(_MOST_IN_A_ROW, least_users=1)

    async def run(self) -> None:
        """Learns windows as they close, until it is stopped."""
        self._loop = asyncio.get_running_loop()
        while not self._stopped:
            self._woken.clear()
            try:
                await asyncio.to_thread(self._begin)
            except Exception as exc:  # noqa: BLE001  the task's boundary: who asks nobody any more would do so unseen
                self._unforeseen(exc)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _TICK_S)

    def stop(self) -> None:
        """Begins no more windows. An answer that comes later finds its partition given up, and is dropped."""
        self._stopped = True
        self._woken.set()

    def _begin(self) -> None:
        now = self._clock()
        if not self._is_free(now):
            # Looking through all who wait would be for nothing.
            return
        due = list(self._due(now))
        with self._lock:
            # Only those who wait are remembered.
            waits = {whose for whose, _ in due} | self._busy | self._troubled.keys()
            self._asked = {whose: turn for whose, turn in self._asked.items() if whose in waits}
            due.sort(key=lambda each: (self._asked.get(each[0], 0), each[1]))
        for whose, _ in due:
            if not self._is_free(now):
                return
            self._start(whose, self._reopen if not whose.user_id else self._learn)

    def _due(self, now: datetime) -> Iterator[tuple[_Whose, datetime]]:
        """Whose windows are to be learned, and since when they wait; partitions to be opened again among them."""
        for partition in self._tenures.owned:
            tenure = self._tenures.opened(partition)
            if tenure is None:
                # One that could not be written to was closed, and nobody may write to it for long.
                yield _Whose(partition, ""), now
                continue
            for waiting in tenure.waiting():
                whose = _Whose(partition, waiting.user_id)
                with self._lock:
                    trouble = self._troubled.get(whose)
                if self._policy.closes(waiting, now) and (trouble is None or not trouble.rest.lasts(now)):
                    yield whose, waiting.since

    def _is_free(self, now: datetime) -> bool:
        """Whether a call may be begun."""
        with self._lock:
            # While the model is away one window at a time finds out whether it is back.
            most = 1 if self._rest.failures else self._concurrency
            return not self._rest.lasts(now) and len(self._busy) < most

    def _start(self, whose: _Whose, what: Callable[[_Whose], None]) -> None:
        with self._lock:
            if whose in self._busy:
                return
            self._busy.add(whose)
            self._asked[whose] = next(self._turns)
        # Not waited for at the end of the process: a model may take minutes.
        try:
            Thread(target=self._run, args=(whose, what), name="ask", daemon=True).start()
        except RuntimeError:
            self._done(whose)
            raise

    def _run(self, whose: _Whose, what: Callable[[_Whose], None]) -> None:
        try:
            what(whose)
        except Fenced as exc:
            _log.info("What was learned is dropped: %s", exc)
        except (Transient, StoreError) as exc:
            self._wait_for(exc)
        except Exception as exc:  # noqa: BLE001  a thread's boundary: this user waits, others go on
            self._trouble(whose, self._policy.most, _UNFORESEEN)
            self._unforeseen(exc)
        finally:
            self._done(whose)

    def _done(self, whose: _Whose) -> None:
        with self._lock:
            self._busy.discard(whose)
        # The next window need not wait for the clock. A loop that is closed has nobody left to wake.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    def _reopen(self, whose: _Whose) -> None:
        self._tenures.get(whose.partition)

    def _learn(self, whose: _Whose) -> None:
        window = self._opened(whose)
        if window is None:
            with self._lock:
                self._troubled.pop(whose, None)
            return
        try:
            with metered(self._meter, "ask", len(window.learns)):
                found = self._extractor.extract(window.window)
        except Invalid as exc:
            self._could_not_be_used(whose, window, exc)
        except Transient as exc:
            # It may be this window that takes too long: somebody else's finds out whether the model is back.
            self._trouble(whose, self._policy.most, str(exc))
            raise
        except Exception as exc:  # noqa: BLE001  the boundary of a window: it is one message in the end, or the model
            self._unforeseen(exc)
            self._could_not_be_used(whose, window, Invalid(named(exc)))
        else:
            self._keep(whose, window, found)

    def _opened(self, whose: _Whose) -> OpenWindow | None:
        tenure = self._tenures.get(whose.partition)
        with self._lock:
            trouble = self._troubled.get(whose)
        opened = tenure.open_window(
            whose.user_id,
            messages=trouble.messages if trouble else self._policy.most,
            tokens=self._policy.tokens,
            after=trouble.after if trouble else 0,
        )
        if opened is None:
            return None
        said = "\n".join(turn.text for turn in opened.window.turns if turn.message_id in opened.learns)
        return tenure.with_known(opened, self._near(whose.user_id, said[-_SEARCHED_CHARACTERS:]))

    def _keep(self, whose: _Whose, window: OpenWindow, found: Sequence[Found]) -> None:
        with self._tenures.writing(whose.partition) as tenure:
            records = tenure.keep(window, found)
        if records is not None:
            self._meter.learned(len(found))
        with self._lock:
            self._rest.over()
            self._cap.note([Went(set_aside=False)])
            self._troubled.pop(whose, None)
            self.report.events += records or 0
            self.report.written += records or 0
            self.report.waiting_for = None

    def _could_not_be_used(self, whose: _Whose, window: OpenWindow, cause: Invalid) -> None:
        """Fewer messages at a time, until the one that makes the trouble is alone and can be set aside."""
        self._meter.failed("ask", type(cause).__name__)
        learns = window.learns
        alone = (learns[0], window.given[learns[0]].source_offset) if len(learns) == 1 else None
        trouble = self._trouble(whose, max(1, len(learns) // 2), f"an answer that can be used: {cause}", alone)
        if alone is None or trouble.rest.failures < TRIES:
            return
        with self._lock:
            if not self._cap.room:
                # Is it the model? A later message tells; if that is learned, this one is set aside after all.
                trouble.after += 1
                return
        with self._tenures.writing(whose.partition) as tenure:
            if not tenure.set_aside(window, GivenUp(str(cause), trouble.rest.failures)):
                return
        _log.warning("Message %s was set aside: %s", learns[0], cause, extra={"action": "message_set_aside"})
        with self._lock:
            self._troubled.pop(whose, None)
            self._cap.note([Went(set_aside=True)])
            self.report.dead += 1
            self.report.waiting_for = None

    def _wait_for(self, cause: Exception) -> None:
        self._meter.failed("ask", type(cause).__name__)
        with self._lock:
            self._rest.again(self._clock(), at_least=cause.after if isinstance(cause, Busy) else timedelta(0))
            self._tell(str(cause))

    def _trouble(
        self, whose: _Whose, messages: int, waits_for: str, alone: tuple[int, int] | None = None
    ) -> _Trouble:
        with self._lock:
            before = self._troubled.get(whose)
            same = before is not None and (before.messages, before.alone) == (messages, alone)
            rest = before.rest if before is not None and same else Rest(self._backoff, self._chance)
            rest.again(self._clock())
            trouble = _Trouble(rest, messages, alone, before.after if before else 0)
            self._troubled[whose] = trouble
            self._tell(waits_for)
            return trouble

    def _tell(self, waits_for: str) -> None:
        if self.report.waiting_for != waits_for:
            _log.warning("Asking waits: %s", waits_for, extra={"action": "asking_waits"})
        self.report.waiting_for = waits_for

    def _unforeseen(self, cause: Exception) -> None:
        _log.error("Asking failed in a way that was not foreseen: %s.", named(cause))
        with self._lock:
            self.report.waiting_for = _UNFORESEEN
