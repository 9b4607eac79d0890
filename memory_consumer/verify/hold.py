"""Healing by itself is held once MySQL was found to have lost rows, until somebody has mended by hand.

What told so can pass with time, as when MySQL gives out the lost ids again, and nothing may be erased by that.
So it is kept in a file of the home.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_consumer.errors import Transient


class Hold:
    """Whether healing is held, over restarts too. Every call may raise Transient."""

    def __init__(self, home: Path) -> None:
        self._path = home / "verify" / "held"

    def cause(self) -> str | None:
        """Why it is held; None where it is not."""
        with _translated():
            try:
                return self._path.read_text(encoding="utf-8")
            except FileNotFoundError:
                return None

    def put(self, cause: str) -> None:
        """Holds it from now on."""
        with _translated():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(cause, encoding="utf-8")

    def release(self) -> None:
        """Lets it go on."""
        with _translated():
            self._path.unlink(missing_ok=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Transient(f"The folder `verify` of the home cannot be used: {exc.strerror}.") from exc
