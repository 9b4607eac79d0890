"""oboegaki beside Mem0 as chat servers call it: the same turns, embedder and model, the model of a set latency.

Mem0's `Memory.add` runs for each turn as a FastAPI background task, in the server's threads. The model is a
server on this machine that takes its time and answers as many calls at once as a small machine's would.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.asked_facts import facts
from benchmarks.figures import Curve, Figures, Plot, Result, Wanted
from benchmarks.mem0_server import mem0_server
from benchmarks.sentences import Chat
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance, instance_at
from tests.support.llm_server import LlmServer, Reply, llm_server, says

_USERS = 4
_TURNS, _TURNS_QUICK = 60, 12
#: Few models on two cores answer so soon. With 1 s the embedder is our limit: 6 times Mem0's rate instead of 11.
_LATENCY_S = 3.0
#: Calls that the model works on at once, as a local server does by default.
_SLOTS = 2
_DEADLINE_S = 900


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said and was answered."""

    user_id: str
    said: str
    answered: str


@dataclass(frozen=True, slots=True)
class Learned:
    """How long it took until all turns were learned, and when how many were."""

    took_s: float
    calls: int
    prompt_characters: int
    curve: Curve


def run(*, quick: bool) -> Result:
    """Both in turn, each run on stores of its own."""
    turns, rounds = (_TURNS_QUICK, 1) if quick else (_TURNS, 3)
    runs = [_run(turns, seed) for seed in range(1, rounds + 1)]
    return Result(
        name="beside-mem0",
        title=f"{turns * _USERS} turns of {_USERS} users learned with a model of {_LATENCY_S:g} s, runs: {rounds}",
        runs=[figures for figures, _ in runs],
        wanted={
            "messages per second, oboegaki / Mem0": Wanted(10, at_most=False),
            "calls, oboegaki / Mem0": Wanted(0.1, at_most=True),
            "prompt characters, oboegaki / Mem0": Wanted(0.2, at_most=True),
        },
        plot=Plot("s since the first turn", "calls of the model answered", runs[-1][1]),
        note=f"The model answers {_SLOTS} calls at once. A turn is a message of the user and an answer. Mem0 2.2.1"
        " adds each turn in a background task of a FastAPI server, into Qdrant's local mode; oboegaki takes the"
        " same turns over HTTP and learns them through MySQL, Debezium and Kafka, until freshness says all.",
    )


def _run(turns: int, seed: int) -> tuple[Figures, Sequence[Curve]]:
    said = _said(turns, seed)
    with _slow_model() as model:
        mem0 = _with_mem0(said, model)
    with _slow_model() as model:
        ours = _with_oboegaki(said, model)
    messages = 2 * len(said)
    figures = {
        "Mem0 (messages/s)": messages / mem0.took_s,
        "oboegaki (messages/s)": messages / ours.took_s,
        "messages per second, oboegaki / Mem0": mem0.took_s / ours.took_s,
        "Mem0 (calls)": mem0.calls,
        "oboegaki (calls)": ours.calls,
        "calls, oboegaki / Mem0": ours.calls / mem0.calls,
        "Mem0 (prompt characters per call)": mem0.prompt_characters / mem0.calls,
        "oboegaki (prompt characters per call)": ours.prompt_characters / ours.calls,
        "prompt characters, oboegaki / Mem0": ours.prompt_characters / mem0.prompt_characters,
    }
    return figures, [mem0.curve, ours.curve]


def _said(turns: int, seed: int) -> list[Turn]:
    """The users' turns, one of each user after the other."""
    chat = Chat(seed)
    return [Turn(f"user-{at % _USERS}", chat.said(), chat.answered()) for at in range(turns * _USERS)]


def _with_mem0(turns: Sequence[Turn], model: "_SlowModel") -> Learned:
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder, mem0_server(Path(folder), model.url) as server:
        started = time.perf_counter()
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            for turn in turns:
                told = {"user_id": turn.user_id, "said": turn.said, "answered": turn.answered}
                client.post("/turns", json=told).raise_for_status()
            wait_until(lambda: server.learned() == len(turns), _DEADLINE_S)
        return model.learned("Mem0", started)


def _with_oboegaki(turns: Sequence[Turn], model: "_SlowModel") -> Learned:
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder, instance_at(Path(folder) / "home") as instance:
        instance.settings = {
            "OBOEGAKI_LLM_URL": model.url,
            "OBOEGAKI_LLM_MODEL": "m",
            "OBOEGAKI_ASK_CONCURRENCY": str(_SLOTS),
        }
        instance.command("up")
        instance.serve()
        with instance.client() as client:
            wait_until_it_learns(instance, client)
            started = time.perf_counter()
            for turn in turns:
                client.post("/v1/messages", json=_posted(turn)).raise_for_status()
            wait_until(lambda: all(_unlearned(client, user) == 0 for user in range(_USERS)), _DEADLINE_S)
        return model.learned("oboegaki", started)


def wait_until_it_learns(instance: RunningInstance, client: httpx.Client) -> None:
    """Returns once an instance that was just started learns."""
    wait_until(lambda: any(stage["name"] == "extract" and stage["owned"] for stage in _stages(client)))
    assert instance.served is not None


def _stages(client: httpx.Client) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = client.get("/v1/admin/status").raise_for_status().json()["stages"]
    return stages


def _posted(turn: Turn) -> dict[str, Any]:
    messages = [{"role": "user", "content": turn.said}, {"role": "assistant", "content": turn.answered}]
    return {"user_id": turn.user_id, "messages": [{**each, "conversation_id": "c"} for each in messages]}


def _unlearned(client: httpx.Client, user: int) -> int:
    return int(client.get(f"/v1/users/user-{user}/freshness").raise_for_status().json()["unlearned"])


class _SlowModel:
    """Answers a fact per message of a user, after its latency, in so many slots."""

    def __init__(self) -> None:
        self._slots = threading.Semaphore(_SLOTS)
        self._lock = threading.Lock()
        self._answered: list[tuple[float, int]] = []
        self.server: LlmServer | None = None

    @property
    def url(self) -> str:
        """Its address."""
        assert self.server is not None
        return self.server.url

    def __call__(self, asked: dict[str, Any]) -> Reply:
        """The answer to a prompt."""
        prompt = asked["messages"][-1]["content"]
        characters = sum(len(message["content"]) for message in asked["messages"])
        with self._slots:
            time.sleep(_LATENCY_S)
        with self._lock:
            self._answered.append((time.perf_counter(), characters))
        return says(facts(prompt))

    def learned(self, label: str, started: float) -> Learned:
        """What has been asked since then."""
        times = [at - started for at, _ in self._answered]
        curve = Curve(label, [0.0, *times], list(range(len(times) + 1)))
        return Learned(time.perf_counter() - started, len(times), sum(size for _, size in self._answered), curve)


@contextmanager
def _slow_model() -> Iterator[_SlowModel]:
    model = _SlowModel()
    with llm_server(script=model) as model.server:
        yield model
