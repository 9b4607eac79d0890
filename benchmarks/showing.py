"""Results on the terminal, as JSON and as plots."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Grid, Plot, Result
from benchmarks.machine import Machine


def show(result: Result, console: Console) -> None:
    """A table of medians, with the least and the most of the runs."""
    table = Table(title=result.title, title_justify="left")
    table.add_column("figure", overflow="fold")
    for heading in ("median", "least", "most", "wanted"):
        table.add_column(heading, justify="right")
    for name, median in result.medians().items():
        of_runs = [run[name] for run in result.runs]
        table.add_row(name, _number(median), _number(min(of_runs)), _number(max(of_runs)), _verdict(result, name))
    console.print(table)
    if result.grid is not None:
        console.print(_across(result.grid))
    console.print(result.note, style="dim", markup=False, highlight=False)


def _across(grid: Grid) -> Table:
    table = Table()
    table.add_column("", overflow="fold")
    for heading in grid.columns:
        table.add_column(heading, justify="right")
    for name, figures in grid.rows:
        table.add_row(name, *(" ".join(_share(each) for each in column) for column in figures))
    return table


def _share(figure: float) -> str:
    return f"{figure:.2f}".removeprefix("0") if figure < 0.995 else "1.0"


def write_json(path: Path, machine: Machine, results: Sequence[Result]) -> None:
    """All figures of all runs, with the machine's size."""
    told = {"machine": asdict(machine), "benchmarks": {result.name: result.as_dict() for result in results}}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def draw(folder: Path, machine: Machine, result: Result) -> list[Path]:
    """The plot of a result, as PNG and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = _drawn(result.plot, result.title, str(machine))
    paths = [folder / f"{result.name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        figure.savefig(path)
    return paths


def _drawn(plot: Plot, title: str, below: str) -> Figure:
    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for curve in plot.curves:
        axes.plot(curve.x, curve.y, label=curve.label)
    axes.set(
        title=title, xlabel=f"{plot.x_axis}\n{below}", ylabel=plot.y_axis, xlim=(plot.x_from, None), ylim=(0, None)
    )
    axes.xaxis.label.set_fontsize("small")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return figure


def _verdict(result: Result, name: str) -> str:
    wanted = result.wanted.get(name)
    if wanted is None:
        return ""
    kept = wanted.kept_by(result.medians()[name])
    return f"{wanted} [{'green]kept' if kept else 'red]missed'}[/]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
