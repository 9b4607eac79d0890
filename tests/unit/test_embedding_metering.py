"""What is embedded is told to a meter, and what a cache spared."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from memory_store.embed import embed
from memory_store.embedders.shared import Shared
from memory_store.errors import Unavailable
from memory_store.fake import HashEmbedder
from memory_store.metering import Metered
from memory_store.vector_cache import VectorCache
from oboegaki.metrics import Metrics
from tests.contract.making import filing
from tests.support.api import AwayEmbedder


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("0")


@pytest.fixture
def cache(tmp_path: Path, metrics: Metrics) -> Iterator[VectorCache]:
    made = VectorCache(tmp_path / "vectors.db", most_bytes=10_000_000, meter=metrics)
    yield made
    made.close()


def told(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"oboegaki_embedding_{name}", labels)


def test_each_call_of_the_embedder_is_told_with_its_texts_and_its_time(metrics: Metrics) -> None:
    ticks = count(step=0.5)
    shared = Shared(Metered(HashEmbedder(), metrics, timer=lambda: next(ticks)))
    shared.passages(["tea", "rain", "snow"])
    shared.queries(["tea?", "rain?"])

    assert told(metrics, "texts_total", kind="passages") == 3
    assert told(metrics, "texts_total", kind="questions") == 2
    assert told(metrics, "duration_seconds_sum", kind="passages") == 0.5


def test_what_was_filed_once_is_a_hit(metrics: Metrics, cache: VectorCache) -> None:
    for _ in range(2):
        embed([filing(1, "tea", "rain")], HashEmbedder(), cache)

    assert told(metrics, "cache_requests_total", cache="vectors", result="miss") == 2
    assert told(metrics, "cache_requests_total", cache="vectors", result="hit") == 2


def test_a_call_that_fails_embedded_nothing(metrics: Metrics) -> None:
    with pytest.raises(Unavailable):
        Metered(AwayEmbedder(), metrics).queries(["tea?"])

    assert told(metrics, "texts_total", kind="questions") is None
