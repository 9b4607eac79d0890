"""The thread that looks after what is being erased, as long as the API runs."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

from chat_api.errors import ChatError

_log = logging.getLogger(__name__)

#: Between two looks: longer and longer after something was asked for.
_SHORTEST_S, _LONGEST_S = 0.5, 300.0
#: So long a stop waits for a look; one that is cut off is taken up again by the next start.
_STOP_S = 2.0


class Looking:
    """Looks again and again; what it cannot do now it tries the next time."""

    def __init__(self, look: Callable[[], None], asked: Event, within: timedelta) -> None:
        """Looks soon after `asked` was set, and at least once in a hundredth of what was promised."""
        self._look = look
        self._asked = asked
        self._longest_s = min(max(within.total_seconds() / 100, _SHORTEST_S), _LONGEST_S)
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="erasing", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, also amid a look."""
        self._stopping.set()
        self._asked.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        pause_s = _SHORTEST_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._look()
            except ChatError as exc:
                _log.debug("Erasures cannot be looked after now: %s", exc)
            except Exception as exc:  # noqa: BLE001  the boundary of the thread: the API goes on without it
                # Its own text may quote what was said.
                _log.error("Looking after erasures failed: %s, which was not foreseen.", type(exc).__name__)
            # However much is asked for: looks that take long must not follow one upon the other.
            self._stopping.wait(time.monotonic() - began)
            if self._asked.wait(pause_s):
                self._asked.clear()
                pause_s = _SHORTEST_S
            else:
                pause_s = min(pause_s * 2, self._longest_s)
