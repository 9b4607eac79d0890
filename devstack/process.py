"""Plain processes that outlive the one that starts them: start, wait until ready, stop."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from devstack.errors import Failed, Missing

_POLL_S = 0.05
_QUOTED_LINES = 15
_QUOTED_BYTES = 64 * 1024


class Process(BaseModel):
    """A process of ours. Pid and start together name it for ever; a pid alone is given away again."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    started: str
    log: Path
    log_offset: int


def start(name: str, command: Sequence[str], *, home: Path) -> Process:
    """Starts a process in a session of its own, so that no terminal's Ctrl-C reaches it.

    Its output is appended to home/logs/NAME.log. Returns at once. Raises Missing if there is no such program.
    """
    log = home / "logs" / f"{name}.log"
    for folder in (log.parent, _pid_file(home, name).parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A Ctrl-C between the start and its note would leave a process that nobody finds.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        offset = os.fstat(descriptor).st_size
        pid = os.posix_spawnp(
            command[0],
            list(command),
            # Java takes file names with other characters than ASCII only where the locale says UTF-8.
            {**os.environ, "LC_ALL": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
            setsigmask=unblocked,
        )
        process = Process(name=name, pid=pid, started=_started(pid) or "", log=log, log_offset=offset)
        _write_atomically(_pid_file(home, name), process.model_dump_json())
    except FileNotFoundError as exc:
        raise Missing(f"{command[0]} is not there, so {name} cannot be started.") from exc
    finally:
        os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    return process


def note_self(home: Path, name: str) -> None:
    """Notes this very process under a name, so that it is found and stopped however it was started."""
    _pid_file(home, name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid, log = os.getpid(), home / "logs" / f"{name}.log"
    process = Process(name=name, pid=pid, started=_started(pid) or "", log=log, log_offset=0)
    _write_atomically(_pid_file(home, name), process.model_dump_json())


def find(home: Path, name: str) -> Process | None:
    """The process of that name if it runs, whoever started it."""
    try:
        process = Process.model_validate_json(_pid_file(home, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return process if is_running(process) else None


def is_running(process: Process) -> bool:
    """Whether this very process runs; another one that got its pid is not it."""
    started = _started(process.pid)
    return started is not None and started == process.started


def listens(process: Process, port: int) -> bool:
    """Whether it is this very process that listens on a port, and not another one that took it."""
    try:
        connections = psutil.Process(process.pid).net_connections("inet")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def wait_until(ready: Callable[[], bool], deadline: float, process: Process) -> None:
    """Returns once ready; deadline is a value of time.monotonic().

    Raises Failed, with the last log lines, as soon as the process has died or the deadline has passed.
    """
    while True:
        # First, for whoever answers may be another that was quicker to take the port.
        if not is_running(process):
            raise Failed(f"{process.name} stopped while starting. {last_lines(process)}")
        if ready():
            return
        if time.monotonic() > deadline:
            raise Failed(f"{process.name} did not get ready in time. {last_lines(process)}")
        time.sleep(_POLL_S)


def stop(home: Path, name: str, *, patience_s: float) -> bool:
    """Asks the process to end (TERM), waits, then ends it (KILL). Returns whether there was one.

    Raises Failed if not even that ends it in as much time again.
    """
    process = find(home, name)
    signals = (signal.SIGTERM, signal.SIGKILL)
    if process is not None and not any(_ends_by(process, each, patience_s) for each in signals):
        raise Failed(f"{name} (process {process.pid}) cannot be ended.")
    _pid_file(home, name).unlink(missing_ok=True)
    return process is not None


def last_lines(process: Process) -> str:
    """What the process wrote last, since this start, for people."""
    with process.log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(process.log_offset, size - _QUOTED_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-_QUOTED_LINES:]
    if not lines:
        return f"It wrote nothing to {process.log}."
    return "\n  ".join([f"The last lines of {process.log}:", *lines])


def _ends_by(process: Process, number: signal.Signals, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)
    # Not by waiting for the pid to go: it stays for as long as another parent does not look after its child.
    while is_running(process):
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return True


def _started(pid: int) -> str | None:
    # By Linux' own counter since boot: the time of day jumps in virtual machines, and psutil's figure with it.
    try:
        handle = psutil.Process(pid)
        if handle.status() == psutil.STATUS_ZOMBIE:
            return None
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists():
            return f"{handle.create_time():.2f}"
        ticks = stat.read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{ticks}"
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
        return None


def _pid_file(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_suffix(".new")
    partial.write_text(text)
    partial.replace(path)
