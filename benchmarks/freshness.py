"""How long after a commit something is searchable, beside how long its change event takes to be in Kafka."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.arrivals import Arrivals, arrivals_at
from benchmarks.figures import Curve, Figures, Plot, Result, distribution, p50_and_p99
from benchmarks.sentences import Chat
from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance, instance_at

_MESSAGES, _MESSAGES_QUICK = 200, 60
_WARM_UP = 5
_PER_SECOND = 10
#: No user of a series has more memories: much the same words of other messages hide none of them.
_LIMIT = 20
#: One in so many is polled for: it only tells what the waiting adds.
_POLLED = 4
_POLL_S = 0.005
_SEARCHABLE, _IN_KAFKA = "searchable", "in a Kafka consumer"
_DEADLINE_S = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, with the times at which its post was answered, and it was found to be there."""

    message_id: int
    answered: float
    learned: float
    searchable: float


#: Waits until a message is learned.
Wait = Callable[[httpx.Client, str, int], object]


def run(*, quick: bool) -> Result:
    """On an instance of its own."""
    count, rounds = (_MESSAGES_QUICK, 1) if quick else (_MESSAGES, 3)
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder, instance_at(Path(folder) / "home") as instance:
        instance.command("up")
        instance.serve()
        with instance.client() as client, arrivals_at(instance.consumer()) as arrivals:
            _one_by_one(client, "warm-up", _texts(0, _WARM_UP), _wait)
            runs = [_run(client, arrivals, count, seed) for seed in range(1, rounds + 1)]
        processes = _memory(instance)
    return Result(
        name="freshness",
        title=f"From commit to searchable, {count} messages measured in each series, runs: {rounds}",
        runs=[figures for figures, _ in runs],
        plot=Plot("ms after the commit", "share of messages", runs[-1][1]),
        note="Times count from the commit, as MySQL's binary log has it. In a Kafka consumer: a plain one has"
        " polled the record. Learned: the freshness call has said so; in the short 'polled' series the receipt is"
        " asked for every 5 ms instead, which leaves out the call's own pauses. Searchable: a recall has found it,"
        " which embeds a third text. At 10/s, every other message is an assistant's, and not measured."
        f" Resident memory afterwards: {processes}.",
    )


def _run(client: httpx.Client, arrivals: Arrivals, count: int, seed: int) -> tuple[Figures, Sequence[Curve]]:
    idle = _one_by_one(client, f"idle-{seed}", _texts(10 * seed, count), _wait)
    polled = _one_by_one(client, f"polled-{seed}", _texts(10 * seed + 1, count // _POLLED), _poll)
    load = _at_a_rate(client, f"load-{seed}", _texts(10 * seed + 2, count))
    figures: dict[str, float] = {}
    curves = []
    for name, series in (("idle", idle), ("idle, polled", polled), (f"{_PER_SECOND}/s", load)):
        steps = _steps(series, arrivals)
        for step, samples in steps.items():
            figures |= p50_and_p99(f"{name}: {step}", samples)
        figures |= _ratios(figures, name)
        curves += [distribution(f"{name}: {step}", steps[step]) for step in (_SEARCHABLE, _IN_KAFKA)]
    return figures, curves


def _steps(series: Sequence[Sent], arrivals: Arrivals) -> dict[str, list[float]]:
    """Seconds after the commit."""
    found = [(sent, arrivals.of(sent.message_id)) for sent in series]
    return {
        "post answered": [sent.answered - event.committed for sent, event in found],
        "written to Kafka": [event.written - event.committed for _, event in found],
        _IN_KAFKA: [event.at - event.committed for _, event in found],
        "facts in a Kafka consumer": [
            arrivals.of_facts(sent.message_id) - event.committed for sent, event in found
        ],
        "learned": [sent.learned - event.committed for sent, event in found],
        _SEARCHABLE: [sent.searchable - event.committed for sent, event in found],
    }


def _ratios(figures: Figures, name: str) -> Figures:
    def ratio(share: str) -> float:
        return figures[f"{name}: {_SEARCHABLE}, {share} (ms)"] / figures[f"{name}: {_IN_KAFKA}, {share} (ms)"]

    return {f"{name}: searchable / in Kafka, {share}": ratio(share) for share in ("p50", "p99")}


def _one_by_one(client: httpx.Client, name: str, texts: Sequence[str], wait: Wait) -> list[Sent]:
    return [_send(client, f"{name}-{number // _LIMIT}", text, wait) for number, text in enumerate(texts)]


def _at_a_rate(client: httpx.Client, name: str, texts: Sequence[str]) -> list[Sent]:
    """As many turns of assistants in between, as in a chat; only those of the users are looked for."""
    users, answer = len(texts) // _LIMIT, Chat(0).answered()
    with ThreadPoolExecutor(4 * _PER_SECOND) as pool:
        start, sending = time.perf_counter(), []
        for number, text in enumerate(texts):
            user = f"{name}-{number % users}"
            _until(start + 2 * number / _PER_SECOND)
            sending.append(pool.submit(_send, client, user, text, _wait))
            _until(start + (2 * number + 1) / _PER_SECOND)
            pool.submit(_post, client, user, "assistant", answer)
        return [each.result() for each in sending]


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.perf_counter()))


def _send(client: httpx.Client, user: str, text: str, wait: Wait) -> Sent:
    message_id = _post(client, user, "user", text)
    answered = time.time()
    wait(client, user, message_id)
    learned = time.time()
    wait_until(lambda: _finds(client, user, text, message_id), _DEADLINE_S)
    return Sent(message_id, answered, learned, time.time())


def _post(client: httpx.Client, user: str, role: str, text: str) -> int:
    message = {"user_id": user, "role": role, "content": text, "conversation_id": "only"}
    return int(client.post("/v1/messages", json=message).raise_for_status().json()["message_id"])


def _wait(client: httpx.Client, user: str, message_id: int) -> None:
    params: dict[str, str | int] = {"wait_for": message_id, "timeout": _DEADLINE_S}
    answer = client.get(f"/v1/users/{user}/freshness", params=params, timeout=2 * _DEADLINE_S)
    assert answer.raise_for_status().json()["learned"]


def _poll(client: httpx.Client, user: str, message_id: int) -> None:
    del user
    end = time.perf_counter() + _DEADLINE_S
    while client.get(f"/v1/admin/messages/{message_id}").raise_for_status().json()["receipt"] is None:
        assert time.perf_counter() < end
        time.sleep(_POLL_S)


def _finds(client: httpx.Client, user: str, text: str, message_id: int) -> bool:
    params: dict[str, str | int] = {"user_id": user, "query": text, "limit": _LIMIT}
    found = client.get("/v1/memories", params=params).raise_for_status().json()["memories"]
    return any(source["message_id"] == message_id for memory in found for source in memory["sources"])


def _texts(seed: int, count: int) -> list[str]:
    chat = Chat(seed)
    return [f"{chat.said()} ({seed}.{number})" for number in range(count)]


def _memory(instance: RunningInstance) -> str:
    sizes = [(process.name(), process.memory_info().rss / 2**20) for process in instance.processes()]
    return ", ".join(f"{name} {size:.0f} MiB" for name, size in sorted(sizes))
