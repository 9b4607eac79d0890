"""The whole native stack, started once per run by the command itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instance import RunningInstance, instance_at

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """MySQL, Kafka and Connect are up; each test starts and stops the one process as it needs it."""
    with instance_at(tmp_path_factory.mktemp("instance") / "home") as made:
        made.command("up")
        yield made


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed midway leaves neither a process nor settings to those after it."""
    shared: RunningInstance | None = request.getfixturevalue("instance") if _shares(request) else None
    yield
    if shared is not None:
        shared.settings.clear()
        shared.stop_serving()


def _shares(request: pytest.FixtureRequest) -> bool:
    return "instance" in request.fixturenames


@pytest.fixture
def serving(instance: RunningInstance) -> RunningInstance:
    """The one process serves."""
    instance.serve()
    return instance


@pytest.fixture
def data() -> Path:
    """Real conversations, which do not come with the project."""
    if not DATA.is_dir():
        pytest.skip(f"There are no conversations in {DATA}: they are not part of the project.")
    return DATA
