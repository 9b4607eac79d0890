"""The connector watched: Kafka Connect leaves a task that has failed as it is, so somebody has to restart it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any

from devstack.errors import Failed
from memory_consumer.stages.attempts import named
from memory_consumer.stages.retry import Backoff, Rest

_log = logging.getLogger(__name__)

#: How often it is looked after.
_LOOK_S = 3.0
#: For so long it has to run before a failure counts as the first one again.
_SETTLED = timedelta(minutes=1)
#: A restart takes seconds until it shows whether it helped.
_PATIENCE = Backoff(first=6.0, most=300.0)
_RUNNING, _FAILED = "RUNNING", "FAILED"


class ConnectorWatch:
    """Restarts the connector where it has failed, after a longer wait each time that this does not help.

    What was stopped or paused by hand is left so. What it was mended by ends once it has run for a while.
    """

    def __init__(
        self,
        state: Callable[[], str | None],
        mend: Callable[[], None],
        settle: Callable[[], object],
        clock: Callable[[], datetime],
        *,
        chance: Random | None = None,
        every_s: float = _LOOK_S,
    ) -> None:
        """`state` is None where no Kafka Connect of this instance answers; `mend` may help, and raises Failed.

        `settle` is for a connector that has run for a minute, each minute; it raises Failed too.
        """
        self._state = state
        self._mend_it = mend
        self._settle_it = settle
        self._clock = clock
        self._every_s = every_s
        self._rest = Rest(_PATIENCE, chance or SystemRandom())
        self._restarts = 0
        self._runs_since: datetime | None = None
        self._waiting_for: str | None = None

    def stage(self) -> Mapping[str, Any]:
        """How often it was restarted, and what is wrong with it; for status."""
        return {"name": "connector", "restarts": self._restarts, "waiting_for": self._waiting_for}

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks after it until told to stop."""
        while not stopping.is_set():
            try:
                await asyncio.to_thread(self.look)
            except Exception as exc:  # noqa: BLE001  the task's boundary: a watch that ended would leave the API without learning
                _log.error("Looking after the connector failed in a way that was not foreseen: %s.", named(exc))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._every_s)

    def look(self) -> None:
        """Looks once."""
        told, now = self._state(), self._clock()
        if told is not None and told.startswith(_FAILED):
            self._mend(told, now)
            return
        if told != _RUNNING:
            self._runs_since = None
        elif now - (self._runs_since or now) >= _SETTLED:
            self._settle(now)
        else:
            self._runs_since = self._runs_since or now
        self._waiting_for = None if told in (None, _RUNNING) else f"the connector, which is {told}"

    def _settle(self, now: datetime) -> None:
        self._rest.over()
        self._runs_since = now
        with suppress(Failed):  # it is asked for again a minute later
            self._settle_it()

    def _mend(self, told: str, now: datetime) -> None:
        self._runs_since = None
        self._waiting_for = f"the connector, which is {told}"
        if self._rest.lasts(now):
            return
        self._rest.again(now)
        try:
            self._mend_it()
        except Failed as exc:
            self._waiting_for = f"{self._waiting_for} {exc}"
            return
        self._restarts += 1
        # Not its cause, which may quote a row.
        _log.warning("The connector has failed and is restarted.", extra={"action": "connector_restarted"})
