"""What a chat waits for: beside learning, beside Mem0 in background tasks, beside recall, and 500 of them at once.

The model answers at once, so whatever is waited for is ours. Requests come at random moments of a stated rate,
however long the answers take, and a latency counts from the moment that a request was to be sent at.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import psutil

from benchmarks.beside_mem0 import wait_until_it_learns
from benchmarks.figures import Curve, Figures, Plot, Result, Wanted, distribution, p50_and_p99, percentile
from benchmarks.full_store import Filling, full_instance, user_name
from benchmarks.instant_model import HELD, InstantModel, instant_model
from benchmarks.mem0_chat import Mem0Chat, mem0_chat
from benchmarks.open_loop import Answers, Caller, Send, moments, sent_at
from benchmarks.sentences import Chat
from connectors.register import NAME
from devstack import connect
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance, instance_at

_USERS = 10
_WARM_UP = 5
_DEADLINE_S = 600
#: What keeps learning on two cores busy, yet not behind.
_RATE = 4.0
#: Tried one after the other, until Mem0 does not keep up.
_RATES = (2.0, 4.0, 8.0, 16.0, 32.0)
#: Less of the turns than this learned at their end: whatever learns does not keep up.
_KEPT_UP = 0.8
_STREAMS, _STREAMS_PER_S = 500, 25
_FILLING, _FILLING_QUICK = Filling(users=10, each=1_000), Filling(users=10, each=100)

_ON_OFF = "learning on / off"
_ASKED = "beside Mem0, asked (requests/s)"
_BESIDE = "Mem0 in background tasks / oboegaki, p99"
_ADDED = "recall adds, p50 (ms)"
_BEGUN = f"of {_STREAMS} streams at once, begun"
_ENDED = f"of {_STREAMS} streams at once, ended"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    requests: int
    questions: int
    rounds: int
    filling: Filling
    #: How long requests come for at each rate beside Mem0: a queue shows by its growing.
    beside_s: float


_FULL = Size(requests=160, questions=50, rounds=3, filling=_FILLING, beside_s=20)
_QUICK = Size(requests=30, questions=20, rounds=1, filling=_FILLING_QUICK, beside_s=6)


def run(*, quick: bool) -> Result:
    """On instances of its own: one that learns, and one whose memories are many and whose learning is away."""
    size = _QUICK if quick else _FULL
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder, instant_model() as model:
        with _learning(Path(folder) / "home", model) as instance:
            rounds = list(_rounds(instance, Path(folder), model, size))
        recalled = _recalled(Path(folder) / "full", model, size)
    runs = [{**recall, **figures} for recall, (figures, _) in zip(recalled, rounds, strict=True)]
    return Result(
        name="chat",
        title=f"What a chat waits for, {size.requests} requests of each kind, runs: {size.rounds}",
        runs=runs,
        wanted={
            f"{_ON_OFF}, p50": Wanted(1.05, at_most=True),
            f"{_ON_OFF}, p99": Wanted(1.05, at_most=True),
            _BESIDE: Wanted(5, at_most=False),
            _ADDED: Wanted(50, at_most=True),
            _BEGUN: Wanted(_STREAMS, at_most=False),
            _ENDED: Wanted(_STREAMS, at_most=False),
        },
        plot=Plot("ms", "share of requests", rounds[-1][1]),
        note=f"POST /v1/chat, {_RATE:g} per second. With learning off the connector is stopped, so that nothing"
        " reaches Kafka. Mem0 2.2.1 has the same embedder and model, searches before each reply and adds the turn"
        " in a background task of FastAPI, into Qdrant's local mode; it is asked more often from run to run until"
        f" less than {_KEPT_UP:.0%} of the turns are learned when the last one comes, and oboegaki, which recalls"
        f" each time too, then as often. {_STREAMS_PER_S} streams a second begin, and none ends before all have."
        f" Recall is over {size.filling.users * size.filling.each:,} memories.",
    )


def _recalled(home: Path, model: InstantModel, size: Size) -> list[Figures]:
    with full_instance(home, size.filling) as instance:
        instance.settings = _told(model)
        instance.serve()
        with instance.client() as client:
            return [_with_and_without(client, size, seed) for seed in range(size.rounds)]


def _with_and_without(client: httpx.Client, size: Size, seed: int) -> Figures:
    chat, took = Chat(900 + seed), {"always": list[float](), "never": list[float]()}
    for number in range(-_WARM_UP, size.questions):
        asked = chat.asked()
        # By turns, so that both have the same of whatever else the machine does.
        for recall, samples in took.items():
            body = {"user_id": user_name(number % size.filling.users), "message": asked, "recall": recall}
            start = time.perf_counter()
            client.post("/v1/chat", json=body).raise_for_status()
            if number >= 0:
                samples.append(time.perf_counter() - start)
    return {
        **p50_and_p99("one by one, recall", took["always"]),
        **p50_and_p99("one by one, no recall", took["never"]),
        _ADDED: 1000 * (median(took["always"]) - median(took["never"])),
    }


@contextmanager
def _learning(home: Path, model: InstantModel) -> Iterator[RunningInstance]:
    with instance_at(home) as instance:
        instance.settings = _told(model)
        instance.command("up")
        instance.serve()
        with instance.client() as client:
            wait_until_it_learns(instance, client)
        yield instance


def _told(model: InstantModel) -> dict[str, str]:
    return {"OBOEGAKI_LLM_URL": model.url, "OBOEGAKI_LLM_MODEL": "m"}


def _rounds(
    instance: RunningInstance, folder: Path, model: InstantModel, size: Size
) -> Iterator[tuple[Figures, Sequence[Curve]]]:
    rates: Sequence[float] = _RATES
    for seed in range(size.rounds):
        pair, curves = _on_and_off(instance, size, seed)
        beside, more = _beside_mem0(instance, folder / f"mem0-{seed}", model, size, seed, rates=rates)
        # Slower ones need not be tried again.
        rates = [rate for rate in _RATES if rate >= beside[_ASKED]]
        yield {**pair, **beside, **_streams(instance, model, seed)}, [*curves, *more]


def _on_and_off(instance: RunningInstance, size: Size, seed: int) -> tuple[Figures, Sequence[Curve]]:
    found: dict[bool, Answers] = {}
    learned = 0.0
    said = [f"beside-{seed - 1}"] if seed else []
    # Which comes first changes each time.
    for learns in (True, False) if seed % 2 == 0 else (False, True):
        _let_learn(instance, learns, f"warm-{seed}-{learns}", said)
        times = moments(_RATE, size.requests, seed)
        name = f"{seed}-{learns}"
        found[learns] = _asked(instance.address, instance.key(), times, name, seed=seed)
        if learns:
            learned = _learned(instance, name, len(times))
        said.append(name)
    _let_learn(instance, True, f"warm-{seed}-end", said)
    figures: dict[str, float] = {}
    for learns, answers in found.items():
        figures |= p50_and_p99(f"learning {'on' if learns else 'off'}", answers.took)
    figures |= {
        f"{_ON_OFF}, {name}": percentile(found[True].took, share) / percentile(found[False].took, share)
        for name, share in (("p50", 0.50), ("p99", 0.99))
    }
    figures["learned when the last one comes (share of rows)"] = learned
    figures["refused beside learning"] = found[True].refused + found[False].refused
    curves = [distribution(f"learning {'on' if on else 'off'}", answers.took) for on, answers in found.items()]
    return figures, curves


def _let_learn(instance: RunningInstance, learns: bool, user: str, said: Sequence[str]) -> None:
    """Returns once what was said under these names is learned, or the connector has stopped."""
    wanted, call = ("RUNNING", "resume") if learns else ("STOPPED", "stop")
    stack, secrets = instance.stack(), instance.secrets()
    address = f"{stack.connect_url()}/connectors/{NAME}/{call}"
    httpx.put(address, auth=connect.auth(secrets), timeout=60, trust_env=False).raise_for_status()
    wait_until(lambda: connect.connector(stack, secrets) == wanted, _DEADLINE_S)
    with instance.client() as client:
        for number in range(_WARM_UP):
            body = {"user_id": user, "message": Chat(number).said(), "recall": "always"}
            client.post("/v1/chat", json=body).raise_for_status()
        if learns:
            names = [user, *(f"{name}-{number}" for name in said for number in range(_USERS))]
            wait_until(lambda: all(_unlearned(client, each) == 0 for each in names), _DEADLINE_S)


def _learned(instance: RunningInstance, name: str, turns: int) -> float:
    """The share of rows of so many turns that is learned now; a turn has two."""
    with instance.client() as client:
        return 1 - sum(_unlearned(client, f"{name}-{number}") for number in range(_USERS)) / (2 * turns)


def _unlearned(client: httpx.Client, user: str) -> int:
    return int(client.get(f"/v1/users/{user}/freshness").raise_for_status().json()["unlearned"])


def _asked(
    address: str, key: str, times: Sequence[float], name: str, *, seed: int, recall: str = "auto"
) -> Answers:
    return asyncio.run(_ask_all(address, key, times, partial(_body, name, Chat(seed), recall)))


def _body(name: str, chat: Chat, recall: str, number: int) -> dict[str, object]:
    user = f"{name}-{number % _USERS}"
    return {"user_id": user, "conversation_id": "only", "message": chat.said(), "recall": recall}


async def _ask_all(
    address: str, key: str, times: Sequence[float], body: Callable[[int], dict[str, object]]
) -> Answers:
    bodies = [body(number) for number in range(len(times))]
    with closing(Caller(address, key)) as caller:

        async def send(number: int) -> int:
            status, _ = await caller.post("/v1/chat", bodies[number])
            return status

        sent: Send = send
        return await sent_at(times, sent)


def _beside_mem0(
    instance: RunningInstance,
    folder: Path,
    model: InstantModel,
    size: Size,
    seed: int,
    *,
    rates: Sequence[float],
) -> tuple[Figures, Sequence[Curve]]:
    with mem0_chat(folder, model.url) as mem0:
        rate, theirs, learned = _saturated(mem0, size, seed, rates)
    times = moments(rate, round(rate * size.beside_s), seed)
    ours = _asked(instance.address, instance.key(), times, f"beside-{seed}", seed=seed, recall="always")
    learned_by_us = _learned(instance, f"beside-{seed}", len(times))
    figures = {
        _ASKED: rate,
        "Mem0 has then learned (share of turns)": learned,
        "oboegaki has then learned (share of rows)": learned_by_us,
        "failed with Mem0": theirs.refused,
        **p50_and_p99("Mem0 in background tasks", theirs.took),
        **p50_and_p99("oboegaki as often", ours.took),
        _BESIDE: percentile(theirs.took, 0.99) / percentile(ours.took, 0.99),
        "refused by oboegaki as often": ours.refused,
    }
    return figures, [distribution("Mem0 in background tasks", theirs.took), distribution("as often", ours.took)]


def _saturated(mem0: Mem0Chat, size: Size, seed: int, rates: Sequence[float]) -> tuple[float, Answers, float]:
    said = 0
    for rate in rates:
        times = moments(rate, round(rate * size.beside_s), seed)
        answers = _asked(mem0.address, "none", times, f"{seed}-{rate}", seed=seed, recall="always")
        learned = (mem0.learned() - said) / len(times)
        if learned < _KEPT_UP or rate == _RATES[-1]:
            return rate, answers, learned
        said += len(times) - answers.refused
        _wait_until_learned(mem0, said)
    raise AssertionError


def _wait_until_learned(mem0: Mem0Chat, turns: int) -> None:
    wait_until(lambda: mem0.learned() >= turns, _DEADLINE_S)


def _streams(instance: RunningInstance, model: InstantModel, seed: int) -> Figures:
    assert instance.served is not None
    process = psutil.Process(instance.served.pid)
    before = process.memory_info().rss
    begun, ended, waited, most = asyncio.run(_stream_all(instance, model, process, seed))
    return {
        _BEGUN: begun,
        _ENDED: ended,
        "until a stream had its first words, at most (s)": waited,
        "memory that a stream adds (KiB)": (most - before) / _STREAMS / 1024,
        "memory of the process with all of these (MiB)": most / 2**20,
    }


async def _stream_all(
    instance: RunningInstance, model: InstantModel, process: psutil.Process, seed: int
) -> tuple[int, int, float, int]:
    start, firsts = time.perf_counter(), list[float]()
    with closing(Caller(instance.address, instance.key())) as caller:

        async def one(number: int) -> bool:
            await asyncio.sleep(number / _STREAMS_PER_S)
            body = {"user_id": f"stream-{seed}-{number}", "message": f"こんにちは {HELD}", "stream": True}
            read = await caller.stream(
                "/v1/chat",
                body,
                b"event: delta",
                lambda: firsts.append(time.perf_counter() - start - number / _STREAMS_PER_S),
            )
            return b"event: done" in read

        running = [asyncio.create_task(one(number)) for number in range(_STREAMS)]
        while len(firsts) + sum(task.done() for task in running) < _STREAMS:
            assert time.perf_counter() - start < _DEADLINE_S
            await asyncio.sleep(0.05)
        most = process.memory_info().rss
        await asyncio.to_thread(model.release)
        told = await asyncio.gather(*running, return_exceptions=True)
    return len(firsts), sum(each is True for each in told), max(firsts, default=0.0), most
