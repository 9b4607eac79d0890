"""The database away, connections lost, more threads than connections: told apart, and over when it is over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from chat_api.errors import Unavailable
from chat_api.messages import NewMessage
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from tests.support.api import MySql, execute, gone, sessions
from tests.support.services import now


@pytest.fixture
def own(mysql: MySql) -> Iterator[Database]:
    """Two connections of a test's own, which are used unasked whether they still live."""
    with closing(Database(mysql.api, pool_size=2, trusted_s=3600)) as made:
        yield made


@pytest.fixture
def own_rows(own: Database) -> Rows:
    return Rows(own, clock=now)


def test_a_server_that_is_away_is_unavailable(mysql: MySql) -> None:
    with closing(Database(gone(mysql.api), pool_size=1)) as away:
        for _ in range(3):
            with pytest.raises(Unavailable):
                away.ping()


def test_connections_that_the_server_closed_are_replaced(
    mysql: MySql, own: Database, own_rows: Rows, user: str
) -> None:
    before = sessions(mysql)
    own.ping()
    [mine] = sessions(mysql) - before
    execute(mysql.root, f"KILL {mine}")

    with pytest.raises(Unavailable):
        own.ping()
    own_rows.add_messages(user, [NewMessage("user", "a", "c")])
    assert len(own_rows.messages(user, "c", limit=5)) == 1


def test_more_threads_than_connections_wait_their_turn(own_rows: Rows, user: str) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: own_rows.add_messages(user, [NewMessage("user", f"{n}", "c")]), range(200)))

    assert len(own_rows.messages(user, "c", limit=1000)) == 200
