"""The profile stage: profiles in a language model's words, written when facts changed, at a bounded rate.

One call at a time, beside the ask stage: a profile may be late, as until then the facts speak for themselves.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random, SystemRandom
from threading import Thread

from memory_consumer.errors import Busy, Fenced, Invalid, LearningError
from memory_consumer.learning.tenures import Tenures
from memory_consumer.profiles.writer import ProfileWriter
from memory_consumer.stages.metering import Meter, Unmetered, metered
from memory_consumer.stages.retry import LIVE, Backoff, Rest
from memory_consumer.stages.stage import Report

_log = logging.getLogger(__name__)

_TICK_S = 1.0


class ProfileStage:
    """Writes profiles anew, each at most once per `every`."""

    def __init__(
        self,
        tenures: Tenures,
        writer: ProfileWriter,
        *,
        every: timedelta,
        clock: Callable[[], datetime],
        backoff: Backoff = LIVE,
        chance: Random | None = None,
        tick_s: float = _TICK_S,
        meter: Meter | None = None,
    ) -> None:
        self._tenures = tenures
        self._writer = writer
        self._every = every
        self._clock = clock
        self._rest = Rest(backoff, chance or SystemRandom())
        self._tick_s = tick_s
        self._stopped = asyncio.Event()
        self._writing: Thread | None = None
        #: When an answer could last not be used, by user: it is not asked for again at once.
        self._spoilt: dict[str, datetime] = {}
        self.report = Report("profile")
        self._meter = meter or Unmetered()

    async def run(self) -> None:
        """Writes until it is stopped."""
        while not self._stopped.is_set():
            if self._writing is None or not self._writing.is_alive():
                # Not waited for at the end of the process: a model may take minutes.
                self._writing = Thread(target=self._round, name="profile", daemon=True)
                self._writing.start()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._tick_s)

    def stop(self) -> None:
        """Begins no more. What is answered later finds its partition given up, and is dropped."""
        self._stopped.set()

    def _round(self) -> None:
        now = self._clock()
        if self._rest.lasts(now):
            return
        self._spoilt = {user: at for user, at in self._spoilt.items() if now - at < self._every}
        for partition in self._tenures.owned:
            try:
                self._write_one(partition, now)
            except Fenced as exc:
                _log.info("What was written is dropped: %s", exc)
            except LearningError as exc:
                self._wait_for(exc, str(exc))
                return
            except Exception as exc:  # noqa: BLE001  a thread's boundary: profiles wait, learning goes on
                # Its own text may quote what was said.
                _log.error("Writing a profile failed in a way that was not foreseen: %s.", type(exc).__name__)
                self._wait_for(exc, "what was not foreseen: see the log")
                return

    def _write_one(self, partition: int, now: datetime) -> None:
        due = self._tenures.get(partition).due_profile(now - self._every, self._spoilt.keys())
        if due is None or self._stopped.is_set():
            return
        self.report.events += 1
        try:
            with metered(self._meter, "profile", 1):
                lines = self._writer.write(due.items)
        except Invalid as exc:
            self._meter.failed("profile", type(exc).__name__)
            self._spoilt[due.user_id] = now
            self.report.dead += 1
            self.report.waiting_for = f"an answer that can be used: {exc}"
            return
        with self._tenures.writing(partition) as tenure:
            tenure.keep_profile(due.written(self._writer.author, lines, self._clock()))
        self.report.written += 1
        self._rest.over()
        self.report.waiting_for = None

    def _wait_for(self, cause: Exception, told: str) -> None:
        self._meter.failed("profile", type(cause).__name__)
        self._rest.again(self._clock(), at_least=cause.after if isinstance(cause, Busy) else timedelta(0))
        self.report.waiting_for = told
