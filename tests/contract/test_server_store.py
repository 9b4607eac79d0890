"""What only the server store promises: its collections, its alias, and what interrupted work leaves.

On qdrant-client's local mode, for the reason that `stores` gives.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from memory_store.errors import Unavailable
from memory_store.opening import opened_store
from memory_store.server import ServerStore, is_local
from tests.contract.making import LAYOUT, file, filing, recalled
from tests.contract.stores import on_http


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    made = QdrantClient(":memory:")
    yield made
    made.close()


@pytest.fixture
def store(client: QdrantClient) -> Iterator[ServerStore]:
    made = ServerStore(client, LAYOUT)
    yield made
    made.close()


def collections(client: QdrantClient) -> list[str]:
    return sorted(each.name for each in client.get_collections().collections)


def test_a_version_is_two_collections_and_the_live_one_an_alias(client: QdrantClient, store: ServerStore) -> None:
    store.create("v1")
    store.create("v2")
    store.activate("v1")
    store.activate("v2")

    assert collections(client) == ["oboegaki_v1", "oboegaki_v1_receipts", "oboegaki_v2", "oboegaki_v2_receipts"]
    aliases = client.get_aliases().aliases
    assert [(each.alias_name, each.collection_name) for each in aliases] == [("oboegaki", "oboegaki_v2")]


def test_the_points_have_an_unnamed_vector_and_no_sparse_one_by_the_name_that_mem0_asks(
    client: QdrantClient, store: ServerStore
) -> None:
    store.create("v1")
    params = client.get_collection("oboegaki_v1").config.params
    cosine = models.VectorParams(size=64, distance=models.Distance.COSINE)

    assert params.vectors == {"": cosine, "ctx": cosine}
    assert list(params.sparse_vectors or ()) == ["words"]


def test_what_an_interrupted_creation_leaves_is_not_listed_and_its_name_free(
    client: QdrantClient, store: ServerStore
) -> None:
    client.create_collection("oboegaki_v1", vectors_config={})

    assert store.versions() == []
    file(store.create("v1"), filing(1, "I like tea"))
    assert recalled(store.open("v1"), "tea") == ["I like tea"]


def test_what_an_interrupted_drop_leaves_is_listed_and_can_be_dropped(
    client: QdrantClient, store: ServerStore
) -> None:
    store.create("v1")
    client.delete_collection("oboegaki_v1")

    assert store.versions() == ["v1"]
    store.drop("v1")
    assert (store.versions(), collections(client)) == ([], [])


def test_stores_with_other_prefixes_are_no_concern(client: QdrantClient, store: ServerStore) -> None:
    other = ServerStore(client, LAYOUT, prefix="oboegaki_test")
    file(other.create("v1"), filing(1, "Other"))
    other.activate("v1")
    file(store.create("v1"), filing(1, "Ours"))
    store.activate("v1")

    assert (store.versions(), other.versions()) == (["v1"], ["v1"])
    assert (recalled(store.live(), "what"), recalled(other.live(), "what")) == (["Ours"], ["Other"])


def test_another_process_sees_at_once_which_version_is_live(client: QdrantClient, store: ServerStore) -> None:
    other = ServerStore(client, LAYOUT)
    store.create("v1")
    store.create("v2")
    seen = []
    for name in ("v1", "v2", "v1"):
        store.activate(name)
        seen.append(other.live().name)

    assert seen == ["v1", "v2", "v1"]


def test_closing_the_store_leaves_the_callers_client_open(client: QdrantClient, store: ServerStore) -> None:
    store.create("v1")
    store.close()

    assert collections(client) == ["oboegaki_v1", "oboegaki_v1_receipts"]


def test_a_client_that_was_closed_makes_the_store_unavailable() -> None:
    client = QdrantClient(":memory:")
    store = ServerStore(client, LAYOUT)
    version = store.create("v1")
    client.close()

    with pytest.raises(Unavailable, match="cannot be used"):
        store.versions()
    with pytest.raises(Unavailable, match="cannot be used"):
        version.count()


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_what_is_said_goes_to_the_server_and_through_no_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    with opened_store(on_http(), tmp_path, LAYOUT) as store:
        assert store.versions() == []


def test_a_server_that_is_not_there_is_unavailable() -> None:
    # Port 1 is nobody's; the check would only warn of the same.
    client = QdrantClient(url="http://127.0.0.1:1", check_compatibility=False)
    assert not is_local(client)

    with pytest.raises(Unavailable, match="cannot be reached"):
        ServerStore(client, LAYOUT).versions()
    client.close()
