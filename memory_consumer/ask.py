"""The ask stage: windows of pending messages in, facts records out. It asks a language model, so it may be slow.

It runs beside extract and holds nothing up: who waits for the model is a user, not a partition. An answer is
written in a transaction of the partition's own writer, so a former owner's answer is refused.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random, SystemRandom
from threading import Lock, Thread

from memory_consumer.errors import Busy, Fenced, Invalid, LearningError, Transient
from memory_consumer.open_windows import OpenWindow
from memory_consumer.retry import LIVE, Backoff
from memory_consumer.stage import Report
from memory_consumer.tenures import Tenures
from memory_consumer.windows import Waiting, WindowExtractor, WindowPolicy
from memory_store.errors import StoreError
from memory_store.models import Memory

_log = logging.getLogger(__name__)

_TICK_S = 0.2
#: Characters of what a window's users said last, by which the memories near it are searched.
_SEARCHED_CHARACTERS = 1000
#: How often a single message is tried before it is set aside.
_TRIES = 3
#: How many are set aside in a row, without one that is learned between: then it is the model, not the messages.
_MOST_SET_ASIDE = 3

#: The memories of a user that are nearest to a text. Raises StoreError.
Near = Callable[[str, str], Sequence[Memory]]


@dataclass(frozen=True, slots=True)
class _Whose:
    partition: int
    user_id: str


@dataclass(slots=True)
class _Trouble:
    """A user whose windows were answered in a way that cannot be used."""

    times: int
    messages: int
    until: datetime


@dataclass(slots=True)
class _State:
    """Shared by the threads; behind one lock."""

    busy: set[_Whose] = field(default_factory=set)
    troubled: dict[_Whose, _Trouble] = field(default_factory=dict)
    away: int = 0
    spoilt: int = 0
    until: datetime | None = None


class AskStage:
    """Closes windows and learns them, a few users at a time, each user's windows in order."""

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
    ) -> None:
        self._tenures = tenures
        self._extractor = extractor
        self._near = near
        self._policy = policy
        self._clock = clock
        self._concurrency = concurrency
        self._backoff = backoff
        self._chance = chance or SystemRandom()
        self._lock = Lock()
        self._state = _State()
        self._stopped = False
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.report = Report("ask")

    async def run(self) -> None:
        """Learns windows as they close, until it is stopped."""
        self._loop = asyncio.get_running_loop()
        while not self._stopped:
            self._woken.clear()
            await asyncio.to_thread(self._begin)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _TICK_S)

    def stop(self) -> None:
        """Begins no more windows. An answer that comes later finds its partition given up, and is dropped."""
        self._stopped = True
        self._woken.set()

    def _begin(self) -> None:
        now = self._clock()
        for partition in self._tenures.owned:
            if not self._is_free(now):
                return
            tenure = self._tenures.opened(partition)
            if tenure is None:
                # One that could not be written to was closed, and nobody may write to it for long.
                self._start(_Whose(partition, ""), self._reopen, partition)
                continue
            for each in tenure.waiting():
                self._submit(_Whose(partition, each.user_id), each, now)

    def _is_free(self, now: datetime) -> bool:
        """Whether a call may be begun: looking through all who wait would be for nothing otherwise."""
        with self._lock:
            rests = self._state.until is not None and now < self._state.until
            # While the model is away one window at a time finds out whether it is back.
            most = 1 if self._state.away else self._concurrency
            return not rests and len(self._state.busy) < most

    def _submit(self, whose: _Whose, waiting: Waiting, now: datetime) -> None:
        with self._lock:
            trouble = self._state.troubled.get(whose)
        if trouble is not None and now < trouble.until:
            return
        if self._policy.closes(waiting, now) and self._is_free(now):
            self._start(whose, self._learn, whose, trouble.messages if trouble else self._policy.most)

    def _start(self, whose: _Whose, what: Callable[..., None], *arguments: object) -> None:
        with self._lock:
            if whose in self._state.busy:
                return
            self._state.busy.add(whose)

        def run() -> None:
            try:
                what(*arguments)
            finally:
                with self._lock:
                    self._state.busy.discard(whose)
                self._wake()

        # Not waited for at the end of the process: a model may take minutes.
        Thread(target=run, name="ask", daemon=True).start()

    def _reopen(self, partition: int) -> None:
        try:
            self._tenures.get(partition)
        except Fenced as exc:
            _log.info("A partition is not opened again: %s", exc)
        except LearningError as exc:
            self._rest(exc)

    def _learn(self, whose: _Whose, messages: int) -> None:
        window = None
        try:
            window = self._opened(whose, messages)
            if window is not None:
                self._keep(whose, window)
        except Fenced as exc:
            _log.info("What was learned is dropped: %s", exc)
        except Invalid as exc:
            self._could_not_be_used(whose, window, exc)
        except (Transient, StoreError) as exc:
            self._rest(exc)
        except Exception as exc:  # noqa: BLE001  a thread's boundary: this user waits, others go on
            _log.exception("Learning a window failed in a way that was not foreseen.")
            self._trouble(whose, messages, exc)

    def _wake(self) -> None:
        # The next window need not wait for the clock. A loop that is closed has nobody left to wake.
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    def _opened(self, whose: _Whose, messages: int) -> OpenWindow | None:
        tenure = self._tenures.get(whose.partition)
        opened = tenure.open_window(whose.user_id, messages=messages, tokens=self._policy.tokens)
        if opened is None:
            return None
        said = "\n".join(turn.text for turn in opened.window.turns if turn.message_id in opened.learns)
        return tenure.with_known(opened, self._near(whose.user_id, said[-_SEARCHED_CHARACTERS:]))

    def _keep(self, whose: _Whose, window: OpenWindow) -> None:
        found = self._extractor.extract(window.window)
        try:
            records = self._tenures.get(whose.partition).keep(window, found)
        except Transient:
            # The ledger and the writer may be behind what Kafka has.
            self._tenures.reset(whose.partition)
            raise
        with self._lock:
            self._state.away, self._state.spoilt, self._state.until = 0, 0, None
            self._state.troubled.pop(whose, None)
            self.report.events += records or 0
            self.report.written += records or 0
            self.report.waiting_for = None

    def _rest(self, cause: Exception) -> None:
        with self._lock:
            self._state.away += 1
            wait = timedelta(seconds=self._backoff.wait(self._state.away, self._chance.random()))
            asked_for = cause.after if isinstance(cause, Busy) else timedelta(0)
            self._state.until = self._clock() + max(wait, asked_for)
            self.report.waiting_for = str(cause)

    def _could_not_be_used(self, whose: _Whose, window: OpenWindow | None, cause: Invalid) -> None:
        """Fewer messages at a time, until the one that makes the trouble is alone and can be set aside."""
        learns = window.learns if window is not None else ()
        trouble = self._trouble(whose, max(1, len(learns) // 2), cause)
        if len(learns) != 1 or trouble.times < _TRIES:
            return
        if self._state.spoilt >= _MOST_SET_ASIDE:
            self._rest(cause)
            return
        try:
            self._tenures.get(whose.partition).set_aside(learns[0], str(cause))
        except Transient as exc:
            self._tenures.reset(whose.partition)
            self._rest(exc)
            return
        with self._lock:
            self._state.troubled.pop(whose, None)
            self._state.spoilt += 1
            self.report.dead += 1
            self.report.waiting_for = None

    def _trouble(self, whose: _Whose, messages: int, cause: Exception) -> _Trouble:
        with self._lock:
            before = self._state.troubled.get(whose)
            times = before.times + 1 if before and before.messages == messages else 1
            wait = self._backoff.wait(times, self._chance.random())
            trouble = _Trouble(times, messages, self._clock() + timedelta(seconds=wait))
            self._state.troubled[whose] = trouble
            self.report.waiting_for = f"an answer that can be used: {cause}"
            return trouble
