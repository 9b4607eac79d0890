"""What nobody foresaw, in the log: where it came from, but no values."""

import logging
import traceback
from pathlib import Path

_log = logging.getLogger(__name__)


def log(exc: Exception) -> None:
    """Logs where it came from; its words may quote a message."""
    _log.error("A request failed: %s", _where(exc), extra={"action": "request_failed"})


def _where(exc: Exception) -> str:
    frames = traceback.extract_tb(exc.__traceback__)[-8:]
    places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(exc).__name__} at {' > '.join(places)}"
