"""The files of the audit log, written in a thread of their own: no request waits for the disk."""

import json
import logging
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import Full, Queue
from typing import Any

from chat_api.auth.audit import LOGGER

_log = logging.getLogger(LOGGER)
_MOST_BYTES = 10 * 1024 * 1024
_FILES = 10
#: Lines that may wait for the disk; seconds of a busy process, a few MiB.
_MOST_WAITING = 10_000


class AuditFile:
    """Has the calls told in a file of ten, of 10 MiB each, and nowhere else, until it is closed.

    Where the disk is so slow that too many lines wait, further ones are dropped, and a line says how many.
    """

    def __init__(self, path: Path, most_waiting: int = _MOST_WAITING) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = RotatingFileHandler(
            path, maxBytes=_MOST_BYTES, backupCount=_FILES - 1, encoding="utf-8", delay=True
        )
        self._lines: Queue[Any] = Queue(most_waiting)
        self._handler = _Waiting(self._lines)
        self._writing = QueueListener(self._lines, self._file)
        self._writing.start()
        _log.setLevel(logging.INFO)
        _log.propagate = False
        _log.addHandler(self._handler)

    def close(self) -> None:
        """Writes what waits, and ends it."""
        _log.removeHandler(self._handler)
        _log.propagate = True
        # The end is put without waiting for room, so there has to be some.
        self._lines.join()
        self._writing.stop()
        if self._handler.dropped:
            self._file.handle(_said(self._handler.dropped, datetime.now(UTC)))
        self._file.close()


class _Waiting(QueueHandler):
    def __init__(self, lines: Queue[Any]) -> None:
        super().__init__(lines)
        self._lines = lines
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Called by one thread at a time."""
        try:
            if self.dropped:
                self._lines.put_nowait(_said(self.dropped, datetime.fromtimestamp(record.created, UTC)))
                self.dropped = 0
            self._lines.put_nowait(record)
        except Full:
            self.dropped += 1


def _said(dropped: int, at: datetime) -> logging.LogRecord:
    told = json.dumps({"at": at.isoformat(), "dropped": dropped})
    return logging.makeLogRecord({"name": LOGGER, "levelno": logging.INFO, "levelname": "INFO", "msg": told})
