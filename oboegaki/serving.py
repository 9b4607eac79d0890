"""`oboegaki serve`: the API, the learning and the store in one process; `api` and `consume`: one of the two each.

Apart they need a store that several processes share. Without the API, a process is reached by its control socket.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from chat_api.app import create_app
from chat_api.auth.audit_file import AuditFile
from chat_api.release import release
from chat_api.rows.database import Database
from devstack import connect, process
from devstack.sockets import socket_path
from memory_consumer.verify.differences import KINDS, Kind
from memory_consumer.verify.look import Line
from memory_consumer.verify.verifier import Verifier
from memory_store.embedders.opening import opened, opened_cache
from memory_store.errors import NoLiveVersion, Unavailable
from memory_store.layout import layout_of
from memory_store.opening import opened_store
from memory_store.port import MemoryStore
from oboegaki import erasing, workers
from oboegaki.client import CONTROL_SOCKET
from oboegaki.errors import CommandError
from oboegaki.instance import Instance
from oboegaki.learning import Learner
from oboegaki.metrics import Metrics
from oboegaki.verifying import until, verifier
from oboegaki.watching import ConnectorWatch
from oboegaki.workers import Worker

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_GRACE_S = 5
#: What is missing comes by itself when rows are read anew.
_HEALED: tuple[Kind, ...] = ("orphaned",)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to us: uvicorn would raise them again before the learning has stopped."""
        yield


def serve_apart(instance: Instance, *, api: bool, worker: Worker | None = None) -> None:
    """The API without learning, or learning alone. Raises as `serve`, and CommandError for an embedded store."""
    _check_shared(instance)
    serve(instance, api=api, learns=not api, worker=worker)


def serve_by_workers(instance: Instance, count: int) -> None:
    """The API without learning, in so many processes behind one port. Raises as `serve_apart`.

    Each has its own connections to MySQL, its own limits and counts, and its own metrics and audit log.
    """
    _check_shared(instance)
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    with ExitStack() as parts:
        public = _public_socket(instance, parts)
        process.note_self(instance.stack.home, "oboegaki")
        workers.run(count, public.fileno())


def _check_shared(instance: Instance) -> None:
    if instance.store.store == "embedded":
        raise CommandError(
            "The embedded store belongs to one process: use `oboegaki serve`. For `oboegaki api` and `oboegaki"
            " consume` set OBOEGAKI_STORE=server and OBOEGAKI_QDRANT_URL."
        )


def serve(
    instance: Instance,
    *,
    rebuild: bool = False,
    api: bool = True,
    learns: bool = True,
    worker: Worker | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; with `rebuild`, the memories are built anew first.

    Raises CommandError where a port is taken, and for the store and the embedder OwnedElsewhere, WrongLayout where
    another embedder is set without a rebuild, Refused and Unavailable; LearnedOtherwise for another extractor.
    """
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    for talkative in ("httpx", "httpx2", "mysql.connector", "uvicorn", "faststream", "stamina"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    home = instance.stack.home
    _open_many_files()
    with ExitStack() as parts:
        metrics = Metrics(release())
        embedder = parts.enter_context(opened(instance.embedder, home, metrics))
        store = parts.enter_context(opened_store(instance.store, home, layout_of(embedder)))
        if not rebuild:
            _check_live(store)
        parts.enter_context(closing(AuditFile(home / "logs" / _audit_log(worker))))
        # Workers learn nothing, and what is cached is for learning.
        cached = opened_cache(instance.embedder, home, metrics) if worker is None else nullcontext()
        cache = parts.enter_context(cached)
        if worker is None:
            process.note_self(home, "oboegaki")
        pool_size = instance.api.mysql_pool_size
        database = parts.enter_context(closing(Database(instance.api.account(), pool_size=pool_size)))
        metrics.watch_pool(lambda: database.lent, instance.api.mysql_pool_size)
        verifies = verifier(instance, store, embedder, learns=True)
        heal = partial(verifies.run, repair=_HEALED, unattended=True)
        stopping = asyncio.Event()
        learner = Learner(
            instance, store, embedder, database, cache=cache, rebuild=rebuild, heal=heal, metrics=metrics
        )
        watch = _watch(instance)

        def stages() -> Sequence[Mapping[str, Any]]:
            return (*learner.stages(), watch.stage()) if learns else ()

        if learns:
            metrics.watch_learning(stages, learner.lag, learner.oldest)
        app = create_app(
            instance.api,
            database=database,
            store=store,
            embedder=embedder,
            stages=stages,
            verify=partial(_verified, verifies, stopping.is_set),
            trail=erasing.Erasing(instance.consumer, lambda: datetime.now(UTC)).trail if learns else None,
            meter=metrics,
            exposition=metrics.text,
        )
        sockets = _listening(instance, parts, public=api) if worker is None else _shared(instance, parts, worker)
        _tell_metrics(instance, parts, metrics, 0 if worker is None else worker.number)
        lifeline = None if worker is None else worker.lifeline
        asyncio.run(_serve(app, learner if learns else None, watch, sockets, stopping, lifeline=lifeline))


def _verified(by: Verifier, ends: Callable[[], bool], user_id: str | None, repair: bool) -> Iterator[Line]:
    return until(ends, by.run(user_id, repair=KINDS if repair else ()))


def leave() -> None:
    """Ends the process, once all that it served is closed, whatever its threads are in.

    One may be in a call of a model or of an embedder, and would hold the end of the interpreter up.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _check_live(store: MemoryStore) -> None:
    """Raises WrongLayout: better now, with what to do, than as a recall that never works."""
    with suppress(NoLiveVersion, Unavailable):
        store.live()


def _watch(instance: Instance) -> ConnectorWatch:
    return ConnectorWatch(
        state=partial(connect.connector, instance.stack, instance.secrets),
        mend=partial(connect.mend_connector, instance.stack, instance.secrets),
        settle=partial(connect.settle_connector, instance.stack, instance.secrets),
        clock=lambda: datetime.now(UTC),
    )


async def _serve(
    app: FastAPI,
    learner: Learner | None,
    watch: ConnectorWatch,
    sockets: list[socket.socket],
    stopping: asyncio.Event,
    *,
    lifeline: int | None = None,
) -> None:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_GRACE_S
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if lifeline is not None:
        loop.add_reader(lifeline, _once(partial(loop.remove_reader, lifeline), stop))

    async def learn(by: Learner) -> None:
        await by.run(stopping)
        stop()

    async with asyncio.TaskGroup() as tasks:
        if learner is not None:
            tasks.create_task(learn(learner))
            tasks.create_task(watch.run(stopping))
        await server.serve(sockets)
        stop()
    if learner is not None and learner.refusal is not None:
        raise learner.refusal


def _listening(instance: Instance, parts: ExitStack, *, public: bool) -> list[socket.socket]:
    control = _control_socket(socket_path(instance.stack.home, CONTROL_SOCKET))
    parts.callback(control.close)
    return [_public_socket(instance, parts), control] if public else [control]


def _once(*calls: Callable[[], object]) -> Callable[[], None]:
    # A pipe that has ended can be read from for good.
    def run() -> None:
        for call in calls:
            call()

    return run


def _shared(instance: Instance, parts: ExitStack, worker: Worker) -> list[socket.socket]:
    """What a worker listens on; the first one also answers the commands."""
    public = socket.socket(fileno=worker.listens_on)
    parts.callback(public.close)
    if worker.number:
        return [public]
    control = _control_socket(socket_path(instance.stack.home, CONTROL_SOCKET))
    parts.callback(control.close)
    return [public, control]


def _audit_log(worker: Worker | None) -> str:
    # Each its own: one that moves a full file away would not have the others follow.
    return f"audit-{worker.number}.log" if worker is not None and worker.number else "audit.log"


def _open_many_files() -> None:
    """Each connection is an open file, and many systems allow a process 1,024 unless it asks for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell_metrics(instance: Instance, parts: ExitStack, metrics: Metrics, number: int) -> None:
    """Answers `/metrics` at a port of their own, where one is set. Raises CommandError where it is taken."""
    port, host = instance.metrics.metrics_port, instance.metrics.metrics_host
    if port is None:
        return
    port += number
    try:
        parts.enter_context(metrics.answering(host, port))
    except OSError as exc:
        raise CommandError(
            f"Port {port} on {host} cannot be listened on for metrics ({exc.strerror}). Stop what uses it, or set"
            " OBOEGAKI_METRICS_PORT to a free port."
        ) from exc


def _public_socket(instance: Instance, parts: ExitStack) -> socket.socket:
    api = instance.api
    try:
        public = socket.create_server((api.host, api.port), backlog=512)
    except OSError as exc:
        raise CommandError(
            f"Port {api.port} on {api.host} cannot be listened on ({exc.strerror}). Stop what uses it, or set"
            " OBOEGAKI_PORT to a free port."
        ) from exc
    parts.callback(public.close)
    # asyncio does so only for sockets that name their protocol; without it most answers wait 40 ms.
    public.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return public


def _control_socket(path: Path) -> socket.socket:
    # Only the owner of the store gets here, so a socket that is there was left by one that was killed.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    path.chmod(0o600)
    made.listen(64)
    return made
