"""`oboegaki verify`: whether rows, logs and memories agree, and what differs."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chat_api.settings import DATABASE
from devstack import connect
from devstack.errors import StackError
from memory_consumer.errors import Transient
from memory_consumer.kafka import log_writer
from memory_consumer.letters.resnapshot import nudge, resnapshot
from memory_consumer.verify.differences import KINDS
from memory_consumer.verify.logs import KafkaLogs
from memory_consumer.verify.look import Line, Places
from memory_consumer.verify.repair import Means
from memory_consumer.verify.rows import MySqlRows, Reader
from memory_consumer.verify.verifier import Verifier
from memory_store.embedders.opening import opened
from memory_store.layout import layout_of
from memory_store.opening import opened_store
from memory_store.port import Embedder, MemoryStore, MemoryVersion
from oboegaki.client import connected
from oboegaki.errors import REFUSALS, Away
from oboegaki.healing import HELD
from oboegaki.instance import Instance

#: Differences of a kind that are shown one by one.
_SHOWN = 10
_BROKEN_OFF = "oboegaki ended before it had told what it found. Its log is in the folder `logs` of the home."
_ENDS = "oboegaki is being stopped, so nothing can be told. Verify again once it runs."
_PLACES = {
    "rows": "rows in MySQL",
    "messages": "living messages in the messages log",
    "learned": "learned messages in the facts log",
    "receipts": "receipts of learned messages in the store",
    "pending": "messages that wait for the language model",
    "facts": "facts listed in the facts log",
    "memories": "memories in the store",
}


def verifier(instance: Instance, store: MemoryStore, embedder: Embedder, *, learns: bool) -> Verifier:
    """What verifies an instance in the process that owns its store; `learns` where it learns, too."""
    consumer = instance.consumer
    reader = Reader(
        host=instance.api.mysql_host,
        port=instance.api.mysql_port,
        database=DATABASE,
        user="oboegaki_readonly",
        password=instance.secrets.mysql_readonly,
    )
    places = Places(
        rows=MySqlRows(reader),
        captured=partial(_captured, instance),
        nudge=partial(nudge, consumer),
        restart=partial(_restarted, instance),
        logs=lambda: KafkaLogs(consumer),
        version=lambda: _live(store, consumer.facts_version),
        learns=learns,
    )
    means = Means(
        reread=partial(resnapshot, consumer),
        restart=partial(_restarted, instance),
        write=partial(log_writer.write, consumer),
        embedder=embedder,
        clock=lambda: datetime.now(UTC),
    )
    return Verifier(consumer.home, places, means)


def verify(load: Callable[[], Instance], out: Console, *, user: str | None, repair: bool, as_json: bool) -> int:
    """Prints what was found; answers the exit status: 0 clean, 1 differences, 2 where it could not be told."""
    told = _with_progress(concluded(_lines(load, user, repair=repair)))
    return as_json_object(told, out.file) if as_json else as_tables(told, out, user)


def concluded(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, the last of which is a report or tells why there is none, whatever ends them."""
    try:
        for line in lines:
            yield line
            if "report" in line or "unsure" in line:
                return
    except REFUSALS as exc:
        yield {"unsure": str(exc)}
    else:
        yield {"unsure": _BROKEN_OFF}


def until(ends: Callable[[], bool], lines: Iterator[Line]) -> Iterator[Line]:
    """The lines of a verification; broken off, with why, where its process ends."""
    for line in lines:
        yield line
        if "report" not in line and ends():
            yield {"unsure": _ENDS}
            return


def _lines(load: Callable[[], Instance], user: str | None, *, repair: bool) -> Iterator[Line]:
    instance = load()
    wanted = {"repair": repair} | ({} if user is None else {"user_id": user})
    try:
        with connected(instance) as client:
            yield from client.lines("POST", "/v1/admin/verify", params=wanted)
    except Away:
        # Nobody owns the store, so this process may.
        yield from _lines_here(instance, user, repair=repair)


def _lines_here(instance: Instance, user: str | None, *, repair: bool) -> Iterator[Line]:
    with ExitStack() as parts:
        embedder = parts.enter_context(opened(instance.embedder, instance.stack.home))
        store = parts.enter_context(opened_store(instance.store, instance.stack.home, layout_of(embedder)))
        yield from verifier(instance, store, embedder, learns=False).run(user, repair=KINDS if repair else ())


def _captured(instance: Instance) -> str | None:
    try:
        return connect.captured(instance.stack, instance.secrets)
    except StackError:
        return None


def _restarted(instance: Instance) -> None:
    try:
        connect.restart_connector(instance.stack, instance.secrets)
    except StackError as exc:
        raise Transient(str(exc)) from exc


def _live(store: MemoryStore, name: str) -> MemoryVersion:
    live = store.live()
    if live.name != name:
        raise Transient(f"The memories of version {name} are not built yet: version {live.name} is live.")
    return live


def _with_progress(lines: Iterator[Line]) -> Iterator[Line]:
    """All lines but those of progress, which are shown on stderr while they last."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("starting", total=None, done="")
        for line in lines:
            if (step := line.get("progress")) is not None:
                done = "" if step["done"] is None else f"{step['done']:,}"
                shown.update(task, description=step["step"], done=done)
            else:
                yield line


def as_json_object(lines: Iterator[Line], file: IO[str]) -> int:
    """Writes one object as it comes, so that any number of differences fits; answers the exit status."""
    last: Line = {}
    file.write('{"differences": [')
    between = ""
    for line in lines:
        if "difference" in line:
            file.write(f"{between}\n{json.dumps(line['difference'], ensure_ascii=False)}")
            between = ","
        elif "mended" in line:
            file.write('\n], "left": [')
            between = ""
        else:
            last = line
    file.write(f'\n], "status": {_status(last)}, {json.dumps(last, ensure_ascii=False)[1:]}\n')
    file.flush()
    return _status(last)


def as_tables(lines: Iterator[Line], out: Console, user: str | None = None) -> int:
    """Prints counts, some differences of each kind and a verdict on that `user`; answers the exit status."""
    last: Line = {}
    found = _Found("Differences")
    for line in lines:
        if "difference" in line:
            found.add(line["difference"])
        elif "mended" in line:
            found.show(out)
            found = _Found("Left after mending")
        else:
            last = line
    if "report" in last:
        _show_counts(last["report"]["counts"], out)
    found.show(out)
    if "report" in last:
        out.print(_verdict(last["report"], user), markup=False, highlight=False)
        if (held := last["report"].get("held")) is not None:
            out.print(f"{held} {HELD}", style="yellow", markup=False, highlight=False)
    else:
        out.print(last["unsure"], style="yellow", markup=False, highlight=False)
    return _status(last)


class _Found:
    """The differences of one look: all are counted, the first of each kind are kept to be shown."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._kept: dict[str, list[dict[str, Any]]] = {}
        self._counted: Counter[str] = Counter()

    def add(self, difference: dict[str, Any]) -> None:
        if difference["under_way"]:
            return
        kind = difference["kind"]
        self._counted[kind] += 1
        if self._counted[kind] <= _SHOWN:
            self._kept.setdefault(kind, []).append(difference)

    def show(self, out: Console) -> None:
        if not self._counted:
            return
        table = Table(title=self._title, title_justify="left")
        for heading in ("kind", "message", "user", "where", "what"):
            table.add_column(heading, overflow="fold")
        for kind, kept in self._kept.items():
            for each in kept:
                table.add_row(kind, str(each["message_id"]), each["user_id"], each["place"], each["detail"])
            if (more := self._counted[kind] - len(kept)) > 0:
                table.add_row(kind, f"{more} more", "", "", "all of them with --json")
        out.print(table)


def _show_counts(counts: dict[str, int], out: Console) -> None:
    table = Table(show_header=False)
    for name, words in _PLACES.items():
        if counts[name] or name != "pending":
            table.add_row(words, str(counts[name]))
    out.print(table)


def _verdict(report: dict[str, Any], user: str | None) -> str:
    lost, under_way = sum(report["differences"].values()), report["under_way"]
    going = f" {under_way} under way: changed just now, or being learned." if under_way else ""
    if lost:
        kinds = ", ".join(f"{kind}: {number}" for kind, number in report["differences"].items())
        return f"{lost} differences ({kinds}). `oboegaki verify --repair` mends what can be mended.{going}"
    if user is not None and not any(report["counts"].values()):
        return f"There is nothing of {user}: no row, no record, no memory. Is the name right?{going}"
    return f"Rows, logs and memories agree.{going}"


def _status(line: Line) -> int:
    if "report" not in line:
        return 2
    return 1 if line["report"]["differences"] else 0
