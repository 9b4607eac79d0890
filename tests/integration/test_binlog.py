"""A MySQL that would not log whole rows is refused, as its own variables tell through the API's account."""

from collections.abc import Iterator

import pytest

from chat_api.errors import Refused
from chat_api.rows import binlog
from chat_api.rows.database import Database
from tests.support.api import MySql, execute


@pytest.fixture(params=["binlog_row_image=MINIMAL", "binlog_format=STATEMENT"])
def unsafe(mysql: MySql, request: pytest.FixtureRequest) -> Iterator[str]:
    """A setting as it must not be; only for sessions that are opened meanwhile."""
    name, value = request.param.split("=")
    execute(mysql.root, f"SET GLOBAL {name} = {value}")
    yield request.param
    execute(mysql.root, f"SET GLOBAL {name} = {binlog.WANTED[name]}")


def test_our_mysql_logs_what_learning_needs(database: Database) -> None:
    binlog.check(database)


def test_a_mysql_that_would_lose_rows_is_refused_with_what_to_do(database: Database, unsafe: str) -> None:
    with pytest.raises(Refused, match=rf"MySQL runs with {unsafe}, so .*start MySQL again\."):
        binlog.check(database)
