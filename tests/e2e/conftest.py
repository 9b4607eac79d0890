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


@pytest.fixture
def serving(instance: RunningInstance) -> Iterator[RunningInstance]:
    """The one process serves."""
    instance.serve()
    yield instance
    instance.stop_serving()


@pytest.fixture
def data() -> Path:
    """Real conversations, which do not come with the project."""
    if not DATA.is_dir():
        pytest.skip(f"There are no conversations in {DATA}: they are not part of the project.")
    return DATA
