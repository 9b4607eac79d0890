"""Files that only their owner reads, put where somebody else may have put a link before. No link is followed."""

import os
import stat
import tempfile
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Puts a file in the place of whatever has that name, a link too, in one step, durably.

    It belongs to whoever its folder belongs to, where this process may give it away, as root may.
    """
    # Of a name of its own, that nobody can have taken before: O_EXCL and O_NOFOLLOW, and 0600 from the start.
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            owner = path.parent.stat()
            if os.geteuid() == 0 != owner.st_uid:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def close_to_others(path: Path) -> None:
    """Lets nobody but its owner open a file. Raises OSError for a link."""
    _given(path, None)


def give_away(path: Path, user: int) -> None:
    """Makes a file or folder a user's, and closed to others. Raises OSError for a link."""
    _given(path, user)


def _given(path: Path, user: int | None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        os.fchmod(descriptor, 0o700 if is_folder else 0o600)
        if user is not None:
            os.fchown(descriptor, user, user)
    finally:
        os.close(descriptor)
