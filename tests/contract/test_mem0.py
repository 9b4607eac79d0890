"""An unmodified mem0.Memory opens the collection of our server store and finds our memories in it.

On qdrant-client's local mode, for the reason that `stores` gives.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.making import LAYOUT, file, filing, memory, minute
from tests.contract.stores import server

ROOT = Path(__file__).parents[2]
TEA = memory(1, "I like green tea")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a filled store, which is closed: local mode lets one at a time open it."""
    folder = tmp_path_factory.mktemp("mem0")
    with server(folder, LAYOUT) as store:
        file(
            store.create("v1"),
            filing(1, "I like green tea", context="What do you drink?"),
            filing(2, "緑茶 green tea が好き", role="note"),
            filing(3, "I like green tea as well", user_id="Alice"),
        )
        store.activate("v1")
    return folder


@pytest.fixture(scope="module")
def answers(home: Path) -> dict[str, Any]:
    """What Mem0 says about it."""
    environment = {**os.environ, "MEM0_TELEMETRY": "False", "MEM0_DIR": str(home / "mem0")}
    # Warnings are errors there, too.
    command = [sys.executable, "-W", "error", "-m", "tests.contract.mem0_session", str(home)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_mem0_finds_our_memories(answers: dict[str, Any]) -> None:
    results = answers["search"]["results"]

    assert [each["memory"] for each in results] == ["I like green tea", "緑茶 green tea が好き"]
    assert results[0]["score"] > results[1]["score"]


def test_mem0_lists_a_users_memories_and_no_look_alikes(answers: dict[str, Any]) -> None:
    assert sorted(each["memory"] for each in answers["get_all"]["results"]) == [
        "I like green tea",
        "緑茶 green tea が好き",
    ]
    assert [each["memory"] for each in answers["get_all_of_alike"]["results"]] == ["I like green tea as well"]


def test_mem0_reads_a_memory_by_our_id_in_its_own_words(answers: dict[str, Any]) -> None:
    found = answers["get"]

    assert (found["id"], found["memory"], found["hash"]) == (TEA.id, TEA.text, TEA.hash)
    assert (found["user_id"], found["role"]) == ("alice", "user")
    assert (found["created_at"], found["updated_at"]) == (minute(1).isoformat(), minute(2).isoformat())
    assert found["metadata"]["sources"] == [{"message_id": 1, "revision": "r1"}]


def test_mem0_changes_nothing_in_our_store(answers: dict[str, Any], home: Path) -> None:
    assert answers
    with server(home, LAYOUT) as store:
        assert store.versions() == ["v1"]
        assert (store.live().count(), len(list(store.live().scan_receipts()))) == (3, 3)
        assert store.live().get(TEA.id) == TEA


def test_mem0_asks_nobody_but_its_embedder(answers: dict[str, Any]) -> None:
    assert answers["reached"] == ["127.0.0.1"]
