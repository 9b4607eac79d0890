"""`make bench`: each figure with its median over several runs, and the ratios to what it is measured beside."""

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import (
    backlog,
    beside_mem0,
    chat,
    extraction,
    freshness,
    learning,
    metering,
    quality,
    recall,
    verifying,
)
from benchmarks.figures import Result
from benchmarks.machine import this_machine
from benchmarks.showing import draw, show, write_json


class Benchmark(StrEnum):
    """What can be measured."""

    BACKLOG = "backlog"
    CHAT = "chat"
    EXTRACTION = "extraction"
    FRESHNESS = "freshness"
    LEARNING = "learning"
    METERING = "metering"
    QUALITY = "quality"
    RECALL = "recall"
    VERIFY = "verify"
    BESIDE_MEM0 = "beside-mem0"
    MYSQL_CLIENTS = "mysql-clients"


_MEASURED: dict[Benchmark, Callable[..., Result]] = {
    Benchmark.BACKLOG: backlog.run,
    Benchmark.CHAT: chat.run,
    Benchmark.EXTRACTION: extraction.run,
    Benchmark.FRESHNESS: freshness.run,
    Benchmark.LEARNING: learning.run,
    Benchmark.METERING: metering.run,
    Benchmark.QUALITY: quality.run,
    Benchmark.RECALL: recall.run,
    Benchmark.VERIFY: verifying.run,
    Benchmark.BESIDE_MEM0: beside_mem0.run,
}


def main(
    names: Annotated[list[Benchmark] | None, typer.Argument(help="Which ones; all without any.")] = None,
    *,
    quick: Annotated[bool, typer.Option(help="Fewer messages and questions, and one run.")] = False,
    json: Annotated[Path | None, typer.Option(help="File to write all figures to.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder to draw a plot of each benchmark in.")] = None,
) -> None:
    """Measures on this machine, with MySQL, Kafka and Debezium of its own."""
    console, machine = Console(), this_machine()
    console.print(str(machine), markup=False, highlight=False)
    results = []
    for name in names or list(Benchmark):
        if name is Benchmark.MYSQL_CLIENTS:
            _mysql_clients(console)
            continue
        with console.status(f"Measuring {name} …"):
            result = _MEASURED[name](quick=quick)
        show(result, console)
        results.append(result)
        for path in draw(plots, machine, result) if plots else ():
            console.print(f"Drawn: {path}", markup=False)
    if json:
        write_json(json, machine, results)


def _mysql_clients(console: Console) -> None:
    # It prints its own tables, as it compares clients rather than measures ours.
    if find_spec("benchmarks.mysql_clients") is None:
        console.print("benchmarks/mysql_clients.py is not there.")
        return
    import_module("benchmarks.mysql_clients").main()


if __name__ == "__main__":
    typer.run(main)
