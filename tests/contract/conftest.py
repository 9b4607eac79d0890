"""Every test that asks for `store` or `version` runs on each of the three stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import LAYOUT
from tests.contract.stores import ALL, DURABLE, Opener


@pytest.fixture(params=ALL)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    """An empty store."""
    with ALL[request.param](tmp_path, LAYOUT) as opened:
        yield opened


@pytest.fixture
def version(store: MemoryStore) -> MemoryVersion:
    """An empty version of it."""
    return store.create("v1")


@pytest.fixture(params=DURABLE)
def opener(request: pytest.FixtureRequest) -> Opener:
    """Opens a store that outlives its process."""
    return DURABLE[request.param]
