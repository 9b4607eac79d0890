"""One MySQL and one Kafka for the whole run; tests keep apart by random users and by topics of their own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from memory_consumer.kafka import topics
from memory_consumer.settings import ConsumerSettings
from tests.support.api import Api, MySql, new_store, new_user, serving, settings_for
from tests.support.logs import Logs
from tests.support.services import delete_topics, now, running_kafka, running_mysql, stack_settings


@pytest.fixture(scope="session")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySql]:
    with running_mysql(stack_settings(tmp_path_factory.mktemp("mysql"))) as server:
        yield server


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsumerSettings]:
    with running_kafka(stack_settings(tmp_path_factory.mktemp("kafka"))) as found:
        yield found


@pytest.fixture
def kafka(broker: ConsumerSettings) -> Iterator[ConsumerSettings]:
    """A Kafka without topics."""
    yield broker
    delete_topics(broker)


@pytest.fixture
def settings(kafka: ConsumerSettings, tmp_path: Path) -> ConsumerSettings:
    made = kafka.model_copy(update={"home": tmp_path})
    topics.ensure(made)
    return made


@pytest.fixture
def logs(settings: ConsumerSettings) -> Logs:
    return Logs(settings)


@pytest.fixture(scope="session")
def database(mysql: MySql) -> Iterator[Database]:
    with closing(Database(mysql.api, pool_size=8)) as made:
        yield made


@pytest.fixture(scope="session")
def rows(database: Database) -> Rows:
    return Rows(database, clock=now)


@pytest.fixture
def user() -> str:
    return new_user()


@pytest.fixture
def api(mysql: MySql, database: Database, rows: Rows) -> Iterator[Api]:
    store = new_store()
    with serving(settings_for(mysql.api), database, store) as client:
        yield Api(client, database, rows, store)
