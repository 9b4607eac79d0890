"""Files that are replaced in one step, and a folder that one process owns."""

import fcntl
import os
from pathlib import Path

from memory_store.errors import OwnedElsewhere


def replace_durably(path: Path, text: str) -> None:
    """Readers see the old text or the new one, also after a power cut."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Owned:
    """A lock file that is held until it is released or the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises OwnedElsewhere."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = os.read(descriptor, 32).decode() or "unknown"
            os.close(descriptor)
            raise OwnedElsewhere(
                f"Another process (pid {owner}) owns the store in {path.parent}: ask that process, or stop it."
            ) from exc
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Lets others own the folder; twice is once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
