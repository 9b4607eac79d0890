"""What a benchmark comes to: figures by name, one set per run, and the line through them. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

#: Figures of one run by name; the name ends in the unit where there is one.
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A bound that a figure is to keep."""

    bound: float
    at_most: bool

    def kept_by(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one pair of axes."""

    x_axis: str
    y_axis: str
    curves: Sequence[Curve]
    #: Where the x axis begins.
    x_from: float = 0.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures that are read across: a name, then some figures per column."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Sequence[float]]]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found in its runs."""

    name: str
    title: str
    runs: Sequence[Figures]
    plot: Plot
    #: How it was measured.
    note: str
    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    grid: Grid | None = None

    def medians(self) -> dict[str, float]:
        """The median over the runs of each figure."""
        return {name: median(run[name] for run in self.runs) for name in self.runs[0]}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        medians = self.medians()
        return {
            "title": self.title,
            "medians": medians,
            "runs": [dict(run) for run in self.runs],
            "wanted": {n: {"bound": str(w), "kept": w.kept_by(medians[n])} for n, w in self.wanted.items()},
            "note": self.note,
            **({} if self.grid is None else {"grid": asdict(self.grid)}),
        }


def percentile(samples: Sequence[float], share: float) -> float:
    """The least sample that at least this share of all do not exceed."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def p50_and_p99(name: str, samples: Sequence[float]) -> dict[str, float]:
    """Two figures of samples in seconds, in milliseconds."""
    return {f"{name}, {label} (ms)": 1000 * percentile(samples, share) for label, share in _SHARES.items()}


def distribution(label: str, samples: Sequence[float]) -> Curve:
    """Which share of samples in seconds stays under how many milliseconds."""
    ordered = sorted(samples)
    return Curve(
        label,
        [1000 * sample for sample in ordered],
        [(number + 1) / len(ordered) for number in range(len(ordered))],
    )


_SHARES = {"p50": 0.50, "p99": 0.99}
