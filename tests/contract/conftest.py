"""Every test that asks for `store` or `version` runs on each of the stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import LAYOUT
from tests.contract.stores import ALL, DURABLE, Opener

#: What is run over HTTP beside the rest; all of it is where containers are: it takes as long as everything else.
_OVER_HTTP = ("test_store_versions.py", "test_store_superseding.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the suite over HTTP to `make test-containers`, but for a part."""
    if config.getoption("--stack") != "native":
        return
    left = [item for item in items if _is_over_http(item) and item.path.name not in _OVER_HTTP]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def _is_over_http(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.id.startswith("http")


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
