"""How fast a backlog is learned, beside the embedder alone on the texts that this takes."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from benchmarks.arrivals import arrivals_at
from benchmarks.embedder_alone import embedded_alone, filed
from benchmarks.figures import Curve, Figures, Plot, Result, Wanted
from benchmarks.sentences import threads
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance, instance_at
from tests.support.services import now

_MESSAGES, _MESSAGES_QUICK = 1000, 300
_TURNS, _USERS = 20, 10
_LOOK_S = 0.1
_DEADLINE_S = 600
_RATIO = "learning / embedder alone"


@dataclass(frozen=True, slots=True)
class Look:
    """Facts filed by then, and the processor time taken by the one process and by the other parts."""

    at: float
    facts: int
    cpu_s: float
    others_cpu_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Looks at how many facts are filed, from the first one on at which there were any."""

    waited_s: float
    looks: Sequence[Look]

    @property
    def facts(self) -> int:
        """How many were filed after the first look."""
        return self.looks[-1].facts - self.looks[0].facts

    @property
    def per_second(self) -> float:
        """As many, over the time since."""
        return self.facts / (self.looks[-1].at - self.looks[0].at)

    @property
    def cpu_each_s(self) -> float:
        """Processor time that the one process took for each."""
        return (self.looks[-1].cpu_s - self.looks[0].cpu_s) / self.facts

    @property
    def others_cpu_each_s(self) -> float:
        """The same of MySQL, Kafka and Connect."""
        return (self.looks[-1].others_cpu_s - self.looks[0].others_cpu_s) / self.facts


def run(*, quick: bool) -> Result:
    """On an instance of its own, learning stopped while each backlog is written."""
    count, rounds = (_MESSAGES_QUICK, 1) if quick else (_MESSAGES, 3)
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder, instance_at(Path(folder) / "home") as instance:
        instance.command("up")
        runs = [_run(instance, count, seed) for seed in range(1, rounds + 1)]
    return Result(
        name="learning",
        title=f"A backlog of {count} messages learned, runs: {rounds}",
        runs=[figures for figures, _ in runs],
        wanted={_RATIO: Wanted(0.8, at_most=False)},
        plot=Plot("s since the first was filed", "facts", runs[-1][1]),
        note="All change events are in Kafka before learning starts. Its speed counts from the first facts filed"
        " to the last ones, the embedder's over the same texts: each fact alone, and after the turn before."
        " Processor time says the same on a machine that is busy with something else.",
    )


def _run(instance: RunningInstance, count: int, seed: int) -> tuple[Figures, Sequence[Curve]]:
    ids = _write(instance, count, seed)
    instance.serve()
    with instance.client() as client:
        progress = _learned(instance, client, count)
        _check_all_learned(client)
    instance.stop_serving()
    alone = embedded_alone(filed(instance.consumer(), ids))
    facts = alone.facts
    figures = {
        "learning (facts/s)": progress.per_second,
        "embedder alone (facts/s)": facts / alone.took_s,
        _RATIO: progress.per_second * alone.took_s / facts,
        "embedder alone (texts/s)": alone.texts / alone.took_s,
        "processor time per fact: oboegaki (ms)": 1000 * progress.cpu_each_s,
        "processor time per fact: MySQL, Kafka, Connect (ms)": 1000 * progress.others_cpu_each_s,
        "processor time per fact: embedder alone (ms)": 1000 * alone.cpu_s / facts,
        "embedder alone / oboegaki in processor time": alone.cpu_s / facts / progress.cpu_each_s,
        "facts": facts,
        "texts": alone.texts,
        "until the first facts are filed (s)": progress.waited_s,
    }
    first = progress.looks[0]
    curves = [
        Curve(
            "learning",
            [each.at - first.at for each in progress.looks],
            [each.facts - first.facts for each in progress.looks],
        ),
        Curve("embedder alone", [0.0, alone.took_s], [0, facts]),
    ]
    return figures, curves


def _write(instance: RunningInstance, count: int, seed: int) -> set[int]:
    """Writes the rows and returns once all their change events are in Kafka."""
    with (
        closing(Database(instance.database(), pool_size=1)) as database,
        arrivals_at(instance.consumer()) as arrivals,
    ):
        rows, ids = Rows(database, clock=now), set[int]()
        for thread in threads(count, turns=_TURNS, users=_USERS, seed=seed):
            ids |= {added.message_id for added in rows.add_messages(thread.user_id, thread.messages)}
        wait_until(lambda: len(arrivals) == count, _DEADLINE_S)
        return ids


def _learned(instance: RunningInstance, client: httpx.Client, count: int) -> Progress:
    served, parts = time.perf_counter(), instance.processes()
    before = _status(client)["memories"] or 0
    looks: list[Look] = []
    while time.perf_counter() < served + _DEADLINE_S:
        status, at = _status(client), time.perf_counter()
        filed = (status["memories"] or 0) - before
        if filed and (not looks or filed > looks[-1].facts):
            looks.append(Look(at, filed, *_cpu_s(instance, parts)))
        if sum(stage.get("written", 0) for stage in status["stages"] if stage["name"] == "project") >= count:
            return Progress(looks[0].at - served, looks)
        time.sleep(_LOOK_S)
    raise TimeoutError("The backlog was not learned in time.")


def _cpu_s(instance: RunningInstance, parts: Sequence[psutil.Process]) -> tuple[float, float]:
    taken = {part.pid: sum(part.cpu_times()[:2]) for part in parts}
    own = taken.pop(instance.served.pid if instance.served else 0)
    return own, sum(taken.values())


def _status(client: httpx.Client) -> dict[str, Any]:
    status: dict[str, Any] = client.get("/v1/admin/status").raise_for_status().json()
    return status


def _check_all_learned(client: httpx.Client) -> None:
    for user in range(_USERS):
        assert client.get(f"/v1/users/user-{user}/freshness").raise_for_status().json()["unlearned"] == 0
