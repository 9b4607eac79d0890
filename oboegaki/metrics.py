"""Every metric of oboegaki, with its unit and what it means; and the meters that fill them.

Only here are they named: docs/metrics.md is made from it, and the dashboard and the alert rules are tested against
it. No label holds a user, a message or an address.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

Kind = Literal["counter", "gauge", "histogram"]

_PREFIX = "oboegaki_"
#: What a request or a step of it takes, and what a language model or a batch may take, in seconds.
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_MOST_TOKENS = 10_000_000
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Described:
    """A metric: its full name, with its unit, and what it means."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Described:
    return Described(f"{_PREFIX}{name}_total", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Described:
    return Described(f"{_PREFIX}{name}", "gauge", meaning, labels)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...] = _QUICK) -> Described:
    return Described(f"{_PREFIX}{name}", "histogram", meaning, labels, buckets)


BUILD = _gauge("build_info", "Always 1; `version` is the release that runs.", "version")

REQUESTS = _histogram(
    "http_request_duration_seconds",
    "Requests by method, template of the route (`none` where there is none or a gate refused before) and class of"
    " the status, until the answer was sent in full.",
    *("method", "route", "status"),
)
IN_FLIGHT = _gauge("http_requests_in_flight", "Requests that are being answered.")
REFUSALS = _counter("http_refusals", "Answers with a status of 400 or more, by that status.", "status")
ROWS = _counter("rows_written", "Rows of messages, by what was done to them, committed.", "change")
LENT = _gauge("mysql_connections_in_use", "Connections of the pool to MySQL that are in use.")
POOL = _gauge("mysql_connections_max", "The most there may be (`OBOEGAKI_MYSQL_POOL_SIZE`).")
RECALLS = _histogram(
    "recall_duration_seconds",
    "Recalls by step: `pending` looks for what is not learned, `search` for memories, `total` is all of it.",
    "step",
)
DEGRADED = _counter("recalls_degraded", "Recalls that went without memories: the store or the embedder was away.")

LLM_CALLS = _histogram(
    "llm_call_duration_seconds",
    "Calls of the language model, for a `reply` or for `learning` (facts and profiles), `answered` or `failed`.",
    *("purpose", "outcome"),
    buckets=_SLOW,
)
LLM_TOKENS = _counter(
    "llm_tokens",
    "Tokens of those calls, where the server tells them: `prompt` or `answer`.",
    "purpose",
    "direction",
)

TEXTS = _counter("embedding_texts", "Texts embedded, `passages` of memories or `questions`.", "kind")
EMBEDDINGS = _histogram("embedding_duration_seconds", "Calls of the embedder.", "kind", buckets=_SLOW)
CACHED = _counter(
    "embedding_cache_requests",
    "Vectors looked for in the cache of memories' `vectors` on disk: `hit` or `miss`.",
    *("cache", "result"),
)

RUNNING = _gauge("learning_running", "1 while learning runs in this process, 0 while it waits to start.")
READ = _counter("learning_records_read", "Records that a stage is done with (messages in `ask`).", "stage")
WRITTEN = _counter(
    "learning_records_written",
    "What a stage wrote: facts records in `extract` and `ask`, profiles, filings in `project`.",
    "stage",
)
DEAD = _counter("learning_dead_letters", "Records that a stage set aside since the process started.", "stage")
OWNED = _gauge("learning_partitions_owned", "Partitions that Kafka has given to this process.", "stage")
OWNERS = _counter(
    "learning_partition_changes", "Partitions `assigned` to this process and `revoked` from it.", "stage", "change"
)
WAITING = _gauge(
    "learning_waiting", "1 while something in a stage waits for a part that is away or busy.", "stage"
)
STOPPED = _gauge("learning_stopped", "1 once a stage has stopped as too many records were set aside.", "stage")
BATCH = _histogram(
    "learning_batch_records",
    "Records in a batch that a stage handled (messages in a window of `ask`).",
    "stage",
    buckets=_RECORDS,
)
TOOK = _histogram("learning_batch_duration_seconds", "How long such a batch took.", "stage", buckets=_SLOW)
FAILURES = _counter(
    "learning_failures", "Tries that failed, by kind of error; each is tried again or set aside.", "stage", "kind"
)
REWINDS = _counter("learning_rewinds", "Partitions that were set back to read records again.", "stage")
FACTS = _counter("learning_facts_written", "Facts written to the facts log, rewritten ones too.")
FILED = _counter("learning_memories_filed", "Memories filed in the store, refiled ones too.")
LAG = _gauge(
    "learning_lag_records",
    "At most so many records of a partition that this process reads are not handled yet.",
    *("stage", "partition"),
)
OLDEST = _gauge(
    "learning_oldest_in_hand_seconds",
    "Age of the oldest record in hand: since it was written to Kafka. 0 with none in hand.",
    "stage",
)
RESTARTS = _counter("connector_restarts", "Restarts of Debezium's connector by this process.")
CONNECTOR = _gauge("connector_waiting", "1 while the connector has failed, or was stopped or paused by hand.")

#: In the order of docs/metrics.md.
SECTIONS: tuple[tuple[str, tuple[Described, ...]], ...] = (
    ("The process", (BUILD,)),
    ("The API", (REQUESTS, IN_FLIGHT, REFUSALS, ROWS, LENT, POOL, RECALLS, DEGRADED)),
    ("Language model", (LLM_CALLS, LLM_TOKENS)),
    ("Embedding", (TEXTS, EMBEDDINGS, CACHED)),
    (
        "Learning",
        (
            *(RUNNING, READ, WRITTEN, DEAD, OWNED, OWNERS, WAITING, STOPPED, BATCH, TOOK, FAILURES, REWINDS),
            *(FACTS, FILED, LAG, OLDEST, RESTARTS, CONNECTOR),
        ),
    ),
)

#: Of stages, what their report counts, and what it says just now.
_COUNTED = {"events": READ, "written": WRITTEN, "dead": DEAD}
_STATES: Mapping[Described, Callable[[Mapping[str, Any]], float]] = {
    OWNED: lambda stage: stage["owned"],
    WAITING: lambda stage: stage["waiting_for"] is not None,
    STOPPED: lambda stage: stage["stopped"],
}
_CONNECTOR, _NOT_STARTED = "connector", "learning"


class Metrics:
    """The metrics of a process: a meter of the chat path, of the stages and of embedding, safe from any thread."""

    def __init__(self, release: str) -> None:
        # When each was first counted is of no use to anybody here.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._gauge(BUILD).labels(version=release).set(1)
        self._requests, self._in_flight = self._histogram(REQUESTS), self._gauge(IN_FLIGHT)
        self._refusals, self._rows = self._counter(REFUSALS), self._counter(ROWS)
        self._recalls, self._degraded = self._histogram(RECALLS), self._counter(DEGRADED)
        self._llm_calls, self._llm_tokens = self._histogram(LLM_CALLS), self._counter(LLM_TOKENS)
        self._texts, self._embeddings = self._counter(TEXTS), self._histogram(EMBEDDINGS)
        self._cached = self._counter(CACHED)
        self._batch, self._took = self._histogram(BATCH), self._histogram(TOOK)
        self._failures, self._rewinds = self._counter(FAILURES), self._counter(REWINDS)
        self._owners = self._counter(OWNERS)
        self._facts, self._filed = self._counter(FACTS), self._counter(FILED)

    def text(self) -> bytes:
        """All of them as Prometheus reads them."""
        return generate_latest(self.registry)

    @contextmanager
    def answering(self, host: str, port: int) -> Iterator[None]:
        """Whoever asks there is told them, without a key. Raises OSError where it cannot be listened on."""
        server, _ = start_http_server(port, host, self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    def watch_pool(self, lent: Callable[[], int], size: int) -> None:
        """Also tells how many connections to MySQL are in use."""
        self._gauge(LENT).set_function(lent)
        self._gauge(POOL).set(size)

    def watch_learning(
        self,
        stages: Callable[[], Sequence[Mapping[str, Any]]],
        lag: Callable[[], Mapping[tuple[str, int], int]],
        oldest: Callable[[], Mapping[str, datetime | None]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Also tells, whenever it is asked, what the stages of this process report, as `oboegaki status` does."""
        self.registry.register(_Stages(stages, lag, oldest, clock))

    def came(self) -> None:
        self._in_flight.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._in_flight.dec()
        self._requests.labels(method, route, f"{status // 100}xx").observe(seconds)
        if status >= HTTPStatus.BAD_REQUEST:
            self._refusals.labels(str(status)).inc()

    def wrote(self, change: str, rows: int) -> None:
        self._rows.labels(change).inc(rows)

    def recalled(self, steps: Mapping[str, float], *, degraded: bool) -> None:
        for step, seconds in steps.items():
            self._recalls.labels(step).observe(seconds)
        if degraded:
            self._degraded.inc()

    def asked_for_reply(
        self, seconds: float, *, answered: bool, prompt_tokens: int | None = None, answer_tokens: int | None = None
    ) -> None:
        self._asked("reply", seconds, answered=answered, prompt=prompt_tokens, answer=answer_tokens)

    def asked_to_learn(
        self, seconds: float, *, answered: bool, prompt_tokens: int | None, answer_tokens: int | None
    ) -> None:
        """A language model was asked for facts or for a profile; tokens where its server tells them."""
        self._asked("learning", seconds, answered=answered, prompt=prompt_tokens, answer=answer_tokens)

    def embedded(self, kind: str, texts: int, seconds: float) -> None:
        self._texts.labels(kind).inc(texts)
        self._embeddings.labels(kind).observe(seconds)

    def looked_up(self, cache: str, *, hits: int, misses: int) -> None:
        self._cached.labels(cache, "hit").inc(hits)
        self._cached.labels(cache, "miss").inc(misses)

    def handled(self, stage: str, records: int, seconds: float) -> None:
        self._batch.labels(stage).observe(records)
        self._took.labels(stage).observe(seconds)

    def failed(self, stage: str, kind: str) -> None:
        self._failures.labels(stage, kind).inc()

    def rewound(self, stage: str) -> None:
        self._rewinds.labels(stage).inc()

    def owns(self, stage: str, *, assigned: int = 0, revoked: int = 0) -> None:
        self._owners.labels(stage, "assigned").inc(assigned)
        self._owners.labels(stage, "revoked").inc(revoked)

    def learned(self, facts: int) -> None:
        self._facts.inc(facts)

    def filed(self, memories: int) -> None:
        self._filed.inc(memories)

    def _asked(
        self, purpose: str, seconds: float, *, answered: bool, prompt: int | None, answer: int | None
    ) -> None:
        self._llm_calls.labels(purpose, "answered" if answered else "failed").observe(seconds)
        for direction, tokens in (("prompt", prompt), ("answer", answer)):
            # A server may tell anything.
            self._llm_tokens.labels(purpose, direction).inc(min(max(tokens or 0, 0), _MOST_TOKENS))

    def _counter(self, of: Described) -> Counter:
        return Counter(of.name, of.help, of.labels, registry=self.registry)

    def _gauge(self, of: Described) -> Gauge:
        return Gauge(of.name, of.help, of.labels, registry=self.registry)

    def _histogram(self, of: Described) -> Histogram:
        return Histogram(of.name, of.help, of.labels, registry=self.registry, buckets=of.buckets)


class _Stages(Collector):
    """What the stages have counted themselves, so that it is not counted twice."""

    def __init__(
        self,
        stages: Callable[[], Sequence[Mapping[str, Any]]],
        lag: Callable[[], Mapping[tuple[str, int], int]],
        oldest: Callable[[], Mapping[str, datetime | None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._stages = stages
        self._lag = lag
        self._oldest = oldest
        self._clock = clock

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        # Nothing is asked while it is registered: learning has not started yet.
        return ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        told = {stage["name"]: stage for stage in self._stages()}
        stages = {name: stage for name, stage in told.items() if "events" in stage}
        yield _family(RUNNING, {(): float(_NOT_STARTED not in told)})
        for field, of in _COUNTED.items():
            yield _family(of, {(name,): stage[field] for name, stage in stages.items()})
        for of, state in _STATES.items():
            yield _family(of, {(name,): float(state(stage)) for name, stage in stages.items()})
        yield _family(LAG, {(stage, str(number)): float(lag) for (stage, number), lag in self._lag().items()})
        now = self._clock()
        ages = {stage: 0.0 if at is None else (now - at).total_seconds() for stage, at in self._oldest().items()}
        yield _family(OLDEST, {(stage,): max(0.0, age) for stage, age in ages.items()})
        with suppress(KeyError):
            connector = told[_CONNECTOR]
            yield _family(RESTARTS, {(): connector["restarts"]})
            yield _family(CONNECTOR, {(): float(connector["waiting_for"] is not None)})


def _family(of: Described, values: Mapping[tuple[str, ...], float]) -> CounterMetricFamily | GaugeMetricFamily:
    made = (CounterMetricFamily if of.kind == "counter" else GaugeMetricFamily)(of.name, of.help, labels=of.labels)
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made
