"""Another embedder: refused at the start, until a rebuild is asked for by the command that the refusal names."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.deadline import wait_until
from tests.support.embedding_server import EmbeddingServer, embedding_server
from tests.support.instance import RunningInstance

USER = "rebuilder"
SAID = ["I bake bread on Sundays.", "My dog is called Pochi.", "I moved to Lisbon in May."]


@pytest.fixture(scope="module", autouse=True)
def _embedded_as_before(instance: RunningInstance) -> Iterator[None]:
    """Those after these tests find the embedder that these found."""
    yield
    instance.stop_serving()
    instance.settings.clear()
    instance.command("rebuild")


@pytest.fixture
def other(instance: RunningInstance) -> Iterator[EmbeddingServer]:
    """A server with another embedder; the settings name it only where a test says so."""
    with embedding_server() as server:
        yield server
        instance.stop_serving()
        instance.settings.clear()


def said(instance: RunningInstance) -> None:
    with instance.client() as client:
        for content in SAID:
            message = {"user_id": USER, "role": "user", "content": content}
            client.post("/v1/messages", json=message).raise_for_status()


def filed(client: httpx.Client) -> int:
    """How many records of the facts log this process has filed."""
    stages = client.get("/v1/admin/status").json()["stages"]
    return sum(stage["events"] for stage in stages if stage["name"] == "project")


def recalled(instance: RunningInstance) -> list[dict[str, Any]]:
    """What is remembered once all is learned."""
    with instance.client() as client:
        wait_until(lambda: client.get(f"/v1/users/{USER}/freshness").json().get("unlearned") == 0, 120)
        answer = client.get("/v1/memories", params={"user_id": USER, "query": "What is my dog called?"}).json()
    assert not answer["degraded"]
    return [{key: memory[key] for key in ("id", "text")} for memory in answer["memories"]]


def test_another_embedder_is_refused_and_the_command_it_names_builds_the_memories_anew(
    instance: RunningInstance, other: EmbeddingServer
) -> None:
    instance.serve()
    said(instance)
    before = recalled(instance)
    instance.stop_serving()
    instance.settings.update(OBOEGAKI_EMBEDDER="tei", OBOEGAKI_EMBEDDER_URL=other.url)

    assert "`oboegaki rebuild`" in instance.command("serve", status=1)
    assert "The next start" in instance.command("rebuild")
    instance.serve()
    after = recalled(instance)
    assert "Stop it first" in instance.command("rebuild", status=1)
    instance.stop_serving()
    instance.serve()

    assert sorted(map(str, after)) == sorted(map(str, before))
    assert after[0]["text"] == SAID[1]
    assert recalled(instance) == after
    assert "degraded" not in instance.command("status")


def test_a_rebuild_with_the_same_embedder_embeds_nothing_again_that_was_never_changed(
    instance: RunningInstance, other: EmbeddingServer
) -> None:
    instance.settings.update(OBOEGAKI_EMBEDDER="tei", OBOEGAKI_EMBEDDER_URL=other.url)
    instance.serve("--rebuild")
    said(instance)
    recalled(instance)
    instance.stop_serving()
    other.asked.clear()
    instance.serve("--rebuild")
    with instance.client() as client:
        wait_until(lambda: filed(client) >= len(SAID), 120)
    recalled(instance)

    # Others' messages were edited and deleted: their earlier words are in the log until it is compacted, and are
    # embedded on the way where a batch ends between them and what replaced them.
    asked = {text for batch in other.batches() for text in batch}
    assert not [text for text in asked for said in SAID if said in text]
