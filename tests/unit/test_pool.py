"""The pool over links that are told how to behave."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event

import pytest
from starlette.concurrency import run_in_threadpool

from chat_api import patience
from chat_api.errors import Unavailable
from chat_api.rows.pool import Pool


@dataclass(eq=False)
class Link:
    """A connection that does as it is told."""

    number: int
    lives: bool = True
    resets: bool = True
    closed: bool = False
    asked: int = 0

    def alive(self) -> bool:
        self.asked += 1
        return self.lives

    def reset(self) -> bool:
        return self.resets

    def close(self) -> None:
        self.closed = True


@dataclass
class Server:
    """Makes links, unless it is away."""

    away: bool = False
    made: list[Link] = field(default_factory=list)

    def connect(self) -> Link:
        if self.away:
            raise Unavailable("away")
        self.made.append(Link(len(self.made)))
        return self.made[-1]


@pytest.fixture
def server() -> Server:
    return Server()


def test_nothing_is_opened_before_it_is_needed(server: Server) -> None:
    Pool(server.connect, size=2)

    assert server.made == []


def test_a_connection_is_lent_again(server: Server) -> None:
    pool = Pool(server.connect, size=2)
    for _ in range(3):
        with pool.lend() as link:
            assert link.number == 0

    assert len(server.made) == 1


def test_two_at_once_never_have_the_same_one(server: Server) -> None:
    pool = Pool(server.connect, size=2)
    with pool.lend() as one, pool.lend() as other:
        assert one is not other


def test_a_connection_that_could_not_be_reset_is_never_lent_again(server: Server) -> None:
    pool = Pool(server.connect, size=1)
    with pool.lend() as link:
        link.resets = False
    with pool.lend() as another:
        assert another is not link

    assert link.closed


def test_an_error_in_the_borrowers_work_gives_the_connection_back(server: Server) -> None:
    pool = Pool(server.connect, size=1)
    with pytest.raises(ZeroDivisionError), pool.lend():
        raise ZeroDivisionError
    with pool.lend() as link:
        assert link.number == 0


def test_one_that_died_while_it_lay_idle_is_replaced(server: Server) -> None:
    pool = Pool(server.connect, size=1, trusted_s=0)
    with pool.lend() as link:
        link.lives = False
    with pool.lend() as another:
        assert another is not link

    assert link.closed


def test_where_one_died_while_it_lay_idle_the_others_are_not_asked_one_by_one(server: Server) -> None:
    pool = Pool(server.connect, size=3, trusted_s=0)
    with pool.lend(), pool.lend(), pool.lend():
        pass
    for link in server.made:
        link.lives = False
    with pool.lend() as another:
        assert another.number == 3

    assert [link.closed for link in server.made] == [True, True, True, False]
    assert sum(link.asked for link in server.made) == 1


def test_one_that_was_just_in_use_is_not_asked_again(server: Server) -> None:
    pool = Pool(server.connect, size=1, trusted_s=60)
    with pool.lend() as link:
        link.lives = False
    with pool.lend() as again:
        assert again is link


def test_no_more_than_its_size_are_lent(server: Server) -> None:
    pool = Pool(server.connect, size=1, wait_s=0)
    with pool.lend(), pytest.raises(Unavailable, match="in use"), pool.lend():
        pass
    with pool.lend():
        assert len(server.made) == 1


def test_who_waits_gets_what_is_given_back(server: Server) -> None:
    pool = Pool(server.connect, size=1, wait_s=30)
    started, done = Event(), Event()

    def borrow() -> int:
        started.set()
        with pool.lend() as link:
            assert done.is_set()
            return link.number

    with ThreadPoolExecutor(1) as thread:
        with pool.lend():
            waiting = thread.submit(borrow)
            started.wait(30)
            done.set()
        assert waiting.result(30) == 0


def test_a_server_that_is_away_takes_no_place_for_good(server: Server) -> None:
    pool = Pool(server.connect, size=1, wait_s=0)
    server.away = True
    for _ in range(3):
        with pytest.raises(Unavailable, match="away"), pool.lend():
            pass
    server.away = False

    with pool.lend() as link:
        assert link.number == 0


def test_closing_closes_what_is_idle_at_once_and_what_is_lent_when_it_comes_back(server: Server) -> None:
    pool = Pool(server.connect, size=2)
    with pool.lend() as lent:
        with pool.lend() as idle:
            pass
        pool.close()
        assert (idle.closed, lent.closed) == (True, False)

    assert lent.closed


def test_many_threads_share_few_connections(server: Server) -> None:
    pool = Pool(server.connect, size=3, wait_s=30)
    start, in_use = Barrier(8), set[int]()

    def borrow(_: int) -> None:
        start.wait(30)
        for _ in range(200):
            with pool.lend() as link:
                assert link.number not in in_use
                in_use.add(link.number)
                in_use.discard(link.number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(borrow, range(8)))
    assert len(server.made) <= 3


def test_a_request_that_has_waited_long_enough_takes_what_is_free_and_waits_no_more(server: Server) -> None:
    pool = Pool(server.connect, size=1, wait_s=3600)
    with patience.of_a_request(seconds=0), pool.lend(), pytest.raises(Unavailable), pool.lend():
        pass


def test_threads_of_a_request_share_its_patience_and_a_reply_has_its_own(server: Server) -> None:
    pool = Pool(server.connect, size=1, wait_s=3600)

    def take() -> None:
        with pool.lend():
            pass

    async def ask() -> None:
        with patience.of_a_request(seconds=0):
            with pool.lend(), pytest.raises(Unavailable):
                await run_in_threadpool(take)
            held = pool.lend()
            held.__enter__()
            writing = asyncio.create_task(run_in_threadpool(patience.unhurried(take)))
            done, _ = await asyncio.wait([writing], timeout=0.05)
            assert not done
            held.__exit__(None, None, None)
            await writing

    asyncio.run(ask())
