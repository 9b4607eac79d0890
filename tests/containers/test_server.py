"""The server size, as a small one of the release before grows into it: `make test-containers`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_api.release import release
from tests.containers.composed import ComposedInstance, composed_instance, obstacle
from tests.containers.stand_ins import EARLIER
from tests.containers.steps import as_written, memories, say, started_anew
from tests.support.deadline import wait_until

BEFORE = ("I bake bread on Sundays.", "I am allergic to buckwheat.")
RELEASES = Path(__file__).parent / "releases.yml"
USERS = [f"user-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed: `.env` lies there."""
    return tmp_path_factory.mktemp("moved")


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest, folder: Path) -> Iterator[ComposedInstance]:
    """It was small and of the release before, was brought to this one, and moved as docs/operations.md says."""
    if request.config.getoption("--stack") != "server":
        pytest.skip("The server size is started only with --stack server: `make test-containers`.")
    if why := obstacle("server"):
        pytest.skip(why)
    with composed_instance("oboegaki-test-server", OBOEGAKI_IMAGE_VERSION=EARLIER) as small:
        say(small, "mover", BEFORE[0])
        small.settings.clear()
        small.up()
        say(small, "mover", BEFORE[1])
        as_written(small, "When it grows: from the small size to the server size", folder)
        yield small.resized("server")


def test_what_was_said_before_an_upgrade_and_before_moving_is_remembered(moved: ComposedInstance) -> None:
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


@pytest.mark.parametrize(("api", "learning"), [(EARLIER, release()), (release(), EARLIER)])
def test_a_release_works_beside_the_one_before(moved: ComposedInstance, api: str, learning: str) -> None:
    both = ("up", "-d", "--no-deps", "--wait", *moved.ours)
    moved.settings.update(TEST_API_RELEASE=api, TEST_LEARNING_RELEASE=learning)
    try:
        moved.compose("-f", str(RELEASES), *both)
        message = say(moved, f"beside-{api}", "I paint ferries.")
        with moved.client() as client:
            client.patch(
                f"/v1/messages/{message}", params={"user_id": f"beside-{api}"}, json={"content": "I sell flowers."}
            )
        wait_until(lambda: memories(moved, f"beside-{api}") == {"I sell flowers."}, 120)
    finally:
        moved.settings.clear()
        moved.compose(*both)
    assert memories(moved, f"beside-{api}") == {"I sell flowers."}


def test_back_in_the_small_size_nothing_is_lost(moved: ComposedInstance, folder: Path) -> None:
    say(moved, "returner", "I paint ferries.")
    small = moved.resized("small")
    as_written(small, "Back to the small size", folder)
    say(small, "returner", "I sell flowers.")

    wait_until(lambda: memories(small, "returner") == {"I paint ferries.", "I sell flowers."}, 120)
    assert not moved.is_up("qdrant")
