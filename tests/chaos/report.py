"""What the faults came to: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault, and how long until what is said is learned again."""

    fault: str
    #: Calls acknowledged before it.
    acknowledged: int
    #: None where the next fault came before anybody looked.
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    recoveries: Sequence[Recovery]
    calls: int
    unanswered: int
    messages: int
    rows: int
    memories: int
    refusals: Sequence[str]


def told(recovery: Recovery) -> Recovery:
    """Says it at once, for those who watch."""
    after = "not waited for" if recovery.seconds is None else f"learned again after {recovery.seconds:.1f} s"
    Console().print(f"{recovery.acknowledged} calls, {recovery.fault}: {after}", highlight=False)
    return recovery


def show(outcome: Outcome, seed: int) -> None:
    """A table by kind."""
    table = Table("what happened", "times", "median s", "slowest s", title=f"Learned again after (--seed {seed})")
    for fault in sorted({each.fault for each in outcome.recoveries}):
        of_kind = [each for each in outcome.recoveries if each.fault == fault]
        took = [each.seconds for each in of_kind if each.seconds is not None]
        figures = (f"{median(took):.1f}", f"{max(took):.1f}") if took else ("", "")
        table.add_row(fault, str(len(of_kind)), *figures)
    console = Console()
    console.print(table)
    console.print(
        f"{outcome.calls} calls acknowledged, {outcome.unanswered} not answered; {outcome.messages} messages,"
        f" {outcome.rows} rows and {outcome.memories} memories are what they must be.",
        *(f"Told again: {refusal}" for refusal in outcome.refusals),
        sep="\n",
    )


def write(outcome: Outcome, seed: int, path: Path | None) -> None:
    """All of it, recovery by recovery, if there is a file for it."""
    if path is None:
        return
    path.write_text(json.dumps({"seed": seed, **asdict(outcome)}, ensure_ascii=False, indent=1), encoding="utf-8")
