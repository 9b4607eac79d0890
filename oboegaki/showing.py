"""`oboegaki status`: the parts, whether they run, and what the learning has done."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack import process, stack
from oboegaki.client import Client, connected
from oboegaki.errors import CommandError
from oboegaki.instance import Instance

_GOOD, _BAD = "[green]yes[/green]", "[red]no[/red]"


def show(instance: Instance, console: Console) -> bool:
    """Prints a table of the parts and one of the stages. Returns whether all of it runs."""
    parts = Table(title="Parts", title_justify="left")
    for heading in ("part", "running", "ready", "port", "pid", "detail"):
        parts.add_column(heading)
    well, told = True, asked(instance)
    for name, running, ready, port, pid, detail in _parts(instance, answers=told is not None):
        well = well and running and ready
        parts.add_row(name, _GOOD if running else _BAD, _GOOD if ready else _BAD, str(port), pid, detail)
    console.print(parts)
    if told is not None:
        console.print(_stages(told))
    return well


def waits_for(client: Client) -> str:
    """What learning waits for, to be put behind its name; nothing where it goes on."""
    stages = client.call("GET", "/v1/admin/status")["stages"]
    causes = [said(stage) for stage in stages if stage["waiting_for"] and stage["name"] != "healing"]
    return f" {causes[0]}" if causes else ""


def said(stage: Mapping[str, Any]) -> str:
    """What a stage waits for, or why it stopped."""
    return str(stage["waiting_for"]) if stage.get("stopped") else f"waits: {stage['waiting_for']}"


def asked(instance: Instance) -> dict[str, Any] | None:
    """What the running process says of itself; None where none runs or it refuses."""
    try:
        with connected(instance) as client:
            found: dict[str, Any] = client.call("GET", "/v1/admin/status", timeout=5)
            return found
    except CommandError:
        return None


def _parts(instance: Instance, *, answers: bool) -> Iterator[tuple[str, bool, bool, int, str, str]]:
    for part in stack.status(instance.stack, instance.secrets):
        yield part.name, part.running, part.ready, part.port, str(part.pid or ""), part.detail
    found = process.find(instance.stack.home, "oboegaki")
    pid = str(found.pid) if found else ""
    running = found is not None or answers
    detail = "ready" if answers else "does not answer" if running else "not running"
    yield "oboegaki", running, answers, instance.api.port, pid, detail


def _stages(told: dict[str, Any]) -> Table:
    memories = "" if told["memories"] is None else f", {told['memories']} memories in version {told['version']}"
    table = Table(title=f"Learning since the start{memories}", title_justify="left")
    for heading in ("stage", "records read", "written", "set aside", "partitions", "waits for"):
        table.add_column(heading)
    for stage in told["stages"]:
        numbers = [str(stage.get(name, "")) for name in ("events", "written", "dead", "owned")]
        table.add_row(stage["name"], *numbers, stage["waiting_for"] or "")
    return table
