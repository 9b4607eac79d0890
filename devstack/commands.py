"""Programs that are run to their end, with their output handed on while they run."""

import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Sequence

from devstack.errors import Failed, Missing

_QUOTED_LINES = 15


def run(command: Sequence[str], *, failure: str, on_line: Callable[[str], None]) -> None:
    """Raises Failed with the sentence and the last lines of output if it ends with an error, Missing if
    there is no such program."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not on PATH.")
    last: deque[str] = deque(maxlen=_QUOTED_LINES)
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            last.append(line.rstrip())
            on_line(line.rstrip())
    if running.returncode != 0:
        raise Failed("\n  ".join([f"{failure} It said:", *last]))
