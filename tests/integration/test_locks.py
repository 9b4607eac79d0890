"""Of several processes on one MySQL one works at a time, and nobody waits who is told to stop."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from chat_api.errors import Unavailable
from chat_api.rows.locks import alone
from chat_api.rows.migrate import grant, migrate
from tests.support.api import MySql, execute, session
from tests.support.deadline import wait_until
from tests.support.services import free_ports


def waiting(mysql: MySql) -> int:
    return sum(row[6] == "User lock" for row in execute(mysql.root, "SHOW PROCESSLIST"))


def test_whoever_asks_for_the_same_name_waits_and_another_name_does_not(mysql: MySql) -> None:
    reached = Event()

    def take() -> None:
        with alone(mysql.api, "opening"):
            reached.set()

    with ThreadPoolExecutor(1) as pool:
        with alone(mysql.api, "opening"):
            with alone(mysql.api, "another"):
                second = pool.submit(take)
            wait_until(lambda: waiting(mysql) == 1)
            assert not reached.is_set()
        second.result(30)


def test_a_stop_ends_the_wait(mysql: MySql) -> None:
    stopping = Event()

    def take() -> None:
        with alone(mysql.api, "opening", stopped=stopping.is_set):
            pytest.fail("It was somebody else's turn.")

    with ThreadPoolExecutor(1) as pool, session(mysql.root) as other:
        other.cmd_query(f"DO GET_LOCK('oboegaki.opening.{mysql.api.database}', 0)")
        second: Future[None] = pool.submit(take)
        wait_until(lambda: waiting(mysql) == 1)
        stopping.set()

        with pytest.raises(Unavailable, match="was stopped while another one"):
            second.result(30)


def test_what_an_outage_of_mysql_means_is_told_of_what_was_to_be_done(mysql: MySql) -> None:
    away = replace(mysql.root, port=free_ports(1)[0])

    with (
        pytest.raises(Unavailable, match=r"does not answer .* so it is not known whose turn it is"),
        alone(away, "x"),
    ):
        pytest.fail("Nobody gave it a turn.")
    with pytest.raises(Unavailable, match=r"does not answer .* so no rights were given"):
        grant(away, ["SELECT 1"])
    with pytest.raises(Unavailable, match=r"does not answer .* so nothing was migrated"):
        migrate(away)
