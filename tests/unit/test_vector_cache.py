"""Vectors on disk: equal results with and without them, and nothing there of what was erased."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_store.embed import embed
from memory_store.embedders.opening import opened_cache
from memory_store.fake import HashEmbedder
from memory_store.models import Filing
from memory_store.settings import EmbedderSettings
from memory_store.vector_cache import VectorCache
from tests.contract.making import filing, gone

TEA = HashEmbedder().passages(["I like green tea"])[0].tobytes()
TEA_AFTER_CATS = HashEmbedder().passages(["cats\nI like green tea"])[0].tobytes()


class Counting(HashEmbedder):
    """Keeps what it was asked."""

    def __init__(self, name: str = "hash-64") -> None:
        self.name = name
        self.asked: list[str] = []

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return HashEmbedder().passages(texts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "vectors.db"


@pytest.fixture
def cache(path: Path) -> Iterator[VectorCache]:
    made = VectorCache(path, most_bytes=10_000_000)
    yield made
    made.close()


def files(path: Path) -> bytes:
    """All that is in the cache's files."""
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


def asked(cache: VectorCache, *filings: Filing) -> list[str]:
    """What has to be embedded to file these."""
    embedder = Counting()
    embed(filings, embedder, cache)
    return embedder.asked


def test_what_was_filed_once_is_not_embedded_again(cache: VectorCache) -> None:
    said = filing(1, "I like green tea", "rain", context="cats")
    first = asked(cache, said)

    assert first == ["I like green tea", "rain", "cats\nI like green tea", "cats\nrain"]
    assert asked(cache, said) == []
    assert asked(cache, filing(2, "rain", "snow")) == ["snow"]


def test_vectors_are_equal_with_and_without_it(cache: VectorCache) -> None:
    said = [filing(1, "I like green tea", "rain", context="cats"), filing(2), filing(3, "rain")]
    plain = embed(said, HashEmbedder())
    for _ in range(2):
        kept = embed(said, HashEmbedder(), cache)
        assert np.array_equal(kept.text, plain.text)
        assert np.array_equal(kept.context, plain.context)


def test_what_another_embedder_made_is_not_taken(cache: VectorCache) -> None:
    embed([filing(1, "rain")], Counting(), cache)
    other = Counting("other-64")
    embed([filing(1, "rain")], other, cache)

    assert other.asked == ["rain"]
    assert asked(cache, filing(1, "rain")) == []


@pytest.mark.parametrize("later", [gone(1, "deleted", offset=5), gone(1, "dead", offset=5), filing(1, "I moved")])
def test_the_vector_of_an_erased_text_is_in_no_file_of_the_cache(
    cache: VectorCache, path: Path, later: Filing
) -> None:
    embed([filing(1, "I like green tea")], HashEmbedder(), cache)
    assert TEA in files(path)
    embed([later], HashEmbedder(), cache)

    assert TEA not in files(path)


def test_the_vector_with_a_turn_before_goes_when_that_turn_is_erased(cache: VectorCache, path: Path) -> None:
    embed([filing(2, "I like green tea", context="cats")], HashEmbedder(), cache)
    assert TEA_AFTER_CATS in files(path)
    embed([filing(2, "I like green tea")], HashEmbedder(), cache)

    assert TEA_AFTER_CATS not in files(path)
    assert TEA in files(path)


def test_a_text_that_another_message_says_too_stays_until_that_is_erased(cache: VectorCache, path: Path) -> None:
    embed([filing(1, "I like green tea"), filing(2, "I like green tea")], HashEmbedder(), cache)
    embed([gone(1, "deleted", offset=5)], HashEmbedder(), cache)
    assert asked(cache, filing(2, "I like green tea")) == []
    embed([gone(2, "deleted", offset=5)], HashEmbedder(), cache)

    assert TEA not in files(path)


def test_traces_that_a_kill_left_go_when_it_is_opened_again(cache: VectorCache, path: Path) -> None:
    embed([filing(1, "I like green tea")], HashEmbedder(), cache)
    assert TEA in files(path)
    # The file as a kill leaves it: nothing closed, the log not emptied.
    killed = path.parent.parent / "killed" / path.name
    killed.parent.mkdir()
    for each in path.parent.iterdir():
        (killed.parent / each.name).write_bytes(each.read_bytes())
    again = VectorCache(killed, most_bytes=10_000_000)
    embed([gone(1, "deleted", offset=5)], HashEmbedder(), again)

    assert TEA not in files(killed)
    again.close()


def test_it_keeps_to_its_size_and_lets_go_of_what_was_used_longest_ago(path: Path) -> None:
    cache = VectorCache(path, most_bytes=600_000)
    embed([filing(1, "used again and again")], HashEmbedder(), cache)
    for message in range(2, 3000, 50):
        embed([filing(each, f"said as {each}") for each in range(message, message + 50)], HashEmbedder(), cache)
        embed([filing(1, "used again and again")], HashEmbedder(), cache)

    assert len(files(path)) < 1_500_000
    assert asked(cache, filing(1, "used again and again")) == []
    assert asked(cache, filing(2, "said as 2")) == ["said as 2"]
    cache.close()


def test_what_was_filed_from_another_log_is_thrown_away(cache: VectorCache, path: Path) -> None:
    cache.belongs_to("log-1")
    embed([filing(1, "I like green tea")], HashEmbedder(), cache)
    cache.belongs_to("log-1")
    assert TEA in files(path)
    cache.belongs_to("log-2")

    assert TEA not in files(path)
    assert asked(cache, filing(1, "I like green tea")) == ["I like green tea"]


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_file_that_cannot_be_read_is_started_anew(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    cache = VectorCache(path, most_bytes=10_000_000)

    assert asked(cache, filing(1, "rain")) == ["rain"]
    assert asked(cache, filing(1, "rain")) == []
    cache.close()


def test_switched_off_it_leaves_nothing_behind(cache: VectorCache, path: Path) -> None:
    embed([filing(1, "I like green tea")], HashEmbedder(), cache)
    cache.close()
    with opened_cache(EmbedderSettings(embedding_cache_mb=0), path.parent.parent) as none:
        assert none is None

    assert list(path.parent.iterdir()) == []
