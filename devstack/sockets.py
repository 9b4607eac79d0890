"""Where Unix sockets of an instance are."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from devstack.errors import Refused

#: Unix limits a socket's path to 107 bytes, macOS to 103.
_LONGEST = 100


def socket_path(home: Path, name: str) -> Path:
    """In the home's run folder, or in a folder of our own among the temporary files if that path is too long.

    Raises Refused if somebody else has taken the latter.
    """
    usual = home / "run" / name
    if len(os.fsencode(usual)) <= _LONGEST:
        return usual
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), f"oboegaki-{os.getuid()}-{digest}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{folder} belongs to somebody else. Set OBOEGAKI_HOME to a shorter path.")
    folder.chmod(0o700)
    return folder / name
