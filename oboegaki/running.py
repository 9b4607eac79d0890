"""`oboegaki run`: everything started in order, watched, and stopped in order."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import httpx
from rich.console import Console

from devstack import kafka, process, stack
from devstack.errors import Failed
from devstack.ports import Port, check_free
from devstack.process import Process
from oboegaki import discovery, welcome
from oboegaki.bringing_up import Steps, bring_up, refuse_foreign_kafka, steps
from oboegaki.client import address
from oboegaki.errors import CommandError
from oboegaki.instance import Instance

NAME = "oboegaki"
_READY_S = 120.0
_STOP_S = 30.0
_PROBE_S = 2.0
_WATCH_S = 0.5
_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(Exception):
    """The user wants all of it to stop."""


def run(instance: Instance, console: Console, *, rebuild: bool = False) -> None:
    """Runs until Ctrl-C. Raises StackError, CommandError and what tables and topics refuse; nothing runs then."""
    refuse_foreign_kafka(instance)
    with _only_one(instance), _stoppable():
        _refuse_if_served(instance)
        try:
            with steps(console) as reported:
                parts = _start(instance, reported, rebuild=rebuild)
            welcome.show(instance, console, discovery.find() if instance.api.llm_url is None else ())
            _watch(parts)
        except _Stopped:
            console.print()
        finally:
            _ignore_further_signals()
            with console.status("Stopping …"):
                stopped = stop(instance)
            console.print(f"Stopped: {', '.join(stopped) or 'nothing ran'}. Data stays in {instance.stack.home}.")


@contextmanager
def brought_up(instance: Instance, console: Console) -> Iterator[None]:
    """MySQL, Kafka and Kafka Connect for the time of a block: what runs already, or started and stopped again.

    In containers, and with somebody else's Kafka, they are others' to start. Raises as `run`.
    """
    others = instance.stack.containers or not instance.has_own_kafka()
    if others or kafka.answers(instance.stack, instance.secrets):
        yield
        return
    with _only_one(instance), _stoppable():
        try:
            with steps(console) as reported:
                bring_up(instance, reported)
            yield
        except _Stopped:
            raise CommandError("This was stopped before its end. It can be begun again.") from None
        finally:
            _ignore_further_signals()
            with console.status("Stopping …"):
                stack.stop(instance.stack)


def stop(instance: Instance) -> list[str]:
    """Stops whatever of the instance runs, readers before what they read from; returns the names."""
    ours = [NAME] if process.stop(instance.stack.home, NAME, patience_s=_STOP_S) else []
    return ours + stack.stop(instance.stack)


def start_serving(instance: Instance, *, rebuild: bool = False) -> Process:
    """Starts `oboegaki serve` and returns once it answers. Raises Taken, and Failed with its last log lines."""
    check_free([Port(instance.api.port, NAME, "OBOEGAKI_PORT")])
    command = [sys.executable, "-m", "oboegaki", "serve", *(["--rebuild"] if rebuild else [])]
    served = process.start(NAME, command, home=instance.stack.home)
    process.wait_until(lambda: _answers(instance), time.monotonic() + _READY_S, served)
    return served


def _refuse_if_served(instance: Instance) -> None:
    # Before anything is touched: a refusal must not stop what others use.
    found = process.find(instance.stack.home, NAME)
    if found is not None and _answers(instance):
        raise CommandError(
            f"`oboegaki serve` runs here already (process {found.pid}). Stop it first: `oboegaki down`."
        )
    if found is None:
        check_free([Port(instance.api.port, NAME, "OBOEGAKI_PORT")])


def _start(instance: Instance, reported: Steps, *, rebuild: bool) -> list[Process]:
    home = instance.stack.home
    # One that outlived a killed `run`: it may be of another version of the program.
    process.stop(home, NAME, patience_s=_STOP_S)
    bring_up(instance, reported)
    reported.on_part(NAME, "starting")
    served = start_serving(instance, rebuild=rebuild)
    reported.on_part(NAME, "ready")
    found = (process.find(home, name) for name in ("mysql", "kafka", "connect"))
    return [served, *(part for part in found if part is not None)]


def _watch(parts: list[Process]) -> None:
    while True:
        for part in parts:
            if not process.is_running(part):
                raise Failed(f"{part.name} stopped by itself. {process.last_lines(part)}")
        time.sleep(_WATCH_S)


def _answers(instance: Instance) -> bool:
    try:
        return httpx.get(f"{address(instance)}/health/live", timeout=_PROBE_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _only_one(instance: Instance) -> Iterator[None]:
    home = instance.stack.home
    with ExitStack() as held:
        descriptor = os.open(home / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
        held.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise CommandError(
                f"oboegaki already runs in {home}, in another terminal. Stop it there with Ctrl-C, or set"
                " OBOEGAKI_HOME and the ports for a second instance."
            ) from exc
        yield


@contextmanager
def _stoppable() -> Iterator[None]:
    def stopped(_number: int, _frame: FrameType | None) -> None:
        # Stopping takes seconds; an impatient second Ctrl-C must not leave half of the parts running.
        _ignore_further_signals()
        raise _Stopped

    before = {number: signal.signal(number, stopped) for number in _STOPPED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_further_signals() -> None:
    for number in _STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)
