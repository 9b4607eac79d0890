"""The server size, as a small one grows into it: `make test-containers`."""

from collections.abc import Iterator

import pytest

from tests.containers.composed import ComposedInstance, composed_instance, obstacle
from tests.containers.steps import as_written, memories, say, started_anew
from tests.support.deadline import wait_until

BEFORE = ("I bake bread on Sundays.", "I am allergic to buckwheat.")
USERS = [f"user-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedInstance]:
    """It was small, was talked to, and was moved as docs/operations.md says, to two consumers."""
    if request.config.getoption("--stack") != "server":
        pytest.skip("The server size is started only with --stack server: `make test-containers`.")
    if why := obstacle("server"):
        pytest.skip(why)
    with composed_instance("oboegaki-test-server") as small:
        for said in BEFORE:
            say(small, "mover", said)
        chapter = "When it grows: from the small size to the server size"
        as_written(small, chapter, tmp_path_factory.mktemp("moved"))
        grown = small.grown()
        yield grown
        grown.end()


def test_what_was_said_before_moving_is_remembered_after_it(moved: ComposedInstance) -> None:
    wait_until(lambda: memories(moved, "mover") == set(BEFORE), 120)

    say(moved, "mover", "I sell flowers.")
    assert memories(moved, "mover") == {*BEFORE, "I sell flowers."}


def test_without_one_of_two_consumers_the_other_learns_everybodys(moved: ComposedInstance) -> None:
    assert len(moved.compose("ps", "-q", "--status", "running", "memory_consumer").split()) == 2
    for user in USERS:
        say(moved, user, "I paint ferries.")

    moved.compose("up", "-d", "--no-deps", "--wait", "--scale", "memory_consumer=1", "memory_consumer")
    for user in USERS:
        say(moved, user, "I sell flowers.")
    assert all(memories(moved, user) == {"I paint ferries.", "I sell flowers."} for user in USERS)


@pytest.mark.parametrize("service", ["memory_consumer", "chat_api", "qdrant"])
def test_whatever_is_killed_comes_back_and_nothing_is_lost(moved: ComposedInstance, service: str) -> None:
    user = f"survivor-of-{service}"
    say(moved, user, "I paint ferries.")
    before = moved.inspected(service)["State"]["StartedAt"]
    moved.part(service).kill()
    wait_until(lambda: started_anew(moved, service, before), 120)
    wait_until(moved.answers, 60)
    say(moved, user, "I sell flowers.")

    assert memories(moved, user) == {"I paint ferries.", "I sell flowers."}


def test_while_the_memories_are_away_what_was_said_is_answered_with(moved: ComposedInstance) -> None:
    say(moved, "patient", "I paint ferries.")
    moved.compose("stop", "qdrant")
    with moved.client() as client:
        client.post("/v1/messages", json={"user_id": "patient", "role": "user", "content": "I sell flowers."})
        told = client.get("/v1/memories", params={"user_id": "patient", "query": "What do I sell?"}).json()
    moved.compose("start", "qdrant")

    assert told["degraded"]
    assert "I sell flowers." in [row["content"] for row in told["pending"]]
    wait_until(lambda: memories(moved, "patient") == {"I paint ferries.", "I sell flowers."}, 120)
