"""An instance that anything may happen to, and a Kafka for consumers that come and go."""

from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom

import pytest

from memory_consumer.kafka import topics
from memory_consumer.settings import ConsumerSettings
from tests.chaos.faults import Disk, disk
from tests.chaos.history import History
from tests.support.instance import RunningInstance, instance_at
from tests.support.logs import Logs
from tests.support.services import delete_topics, running_kafka, stack_settings


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """What is drawn by lot follows from it; shown where a test fails."""
    given: int | None = pytestconfig.getoption("--seed")
    made = SystemRandom().randrange(10**6) if given is None else given
    print(f"--seed {made}")  # noqa: T201  pytest shows it where the test fails
    return made


@pytest.fixture
def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311  faults, not secrets


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos") / "home"


@pytest.fixture(scope="module")
def kafka_disk(home: Path) -> Iterator[Disk | None]:
    """A disk of its own for Kafka; None where nothing may be mounted."""
    with disk(home / "kafka") as made:
        yield made


@pytest.fixture(scope="module")
def instance(home: Path, kafka_disk: Disk | None) -> Iterator[RunningInstance]:
    """All of its parts are up; whatever a test does to it, no process of it stays."""
    _ = kafka_disk  # mounted before Kafka writes there, and until it has ended
    with instance_at(home) as made:
        made.command("up")
        yield made


@pytest.fixture
def served(instance: RunningInstance) -> Iterator[RunningInstance]:
    """The one process serves."""
    instance.serve()
    yield instance
    instance.kill()


@pytest.fixture(scope="module")
def history() -> History:
    """All calls of the instance, as it keeps what earlier tests said."""
    return History()


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsumerSettings]:
    with running_kafka(stack_settings(tmp_path_factory.mktemp("kafka"))) as found:
        yield found


@pytest.fixture
def settings(broker: ConsumerSettings, tmp_path: Path) -> Iterator[ConsumerSettings]:
    """A Kafka with empty topics."""
    made = broker.model_copy(update={"home": tmp_path})
    topics.ensure(made)
    yield made
    delete_topics(broker)


@pytest.fixture
def logs(settings: ConsumerSettings) -> Logs:
    return Logs(settings)
