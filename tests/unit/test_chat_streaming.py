"""What is handed from a task to a client that may be slow, or leave."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from chat_api.auth.callers import Caller
from chat_api.auth.shares import Shares
from chat_api.chat.limit import Limit
from chat_api.chat.streaming import Channel, Streamed, Tasks
from chat_api.errors import Overloaded, TooMany

_SOON_S = 30.0


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, _SOON_S))


def test_what_was_sent_is_received_in_its_order_until_the_end() -> None:
    async def work() -> None:
        channel: Channel[int] = Channel(1)
        tasks = Tasks()
        tasks.start(sent(channel, range(100)))
        assert [item async for item in channel.received()] == list(range(100))

    run(work())


def test_who_sends_waits_for_a_slow_client() -> None:
    async def work() -> None:
        channel: Channel[int] = Channel(2)
        task = Tasks().start(sent(channel, range(4)))
        done, _ = await asyncio.wait([task], timeout=0)
        assert not done
        received = channel.received()
        assert [await anext(received) for _ in range(4)] == [0, 1, 2, 3]
        await task

    run(work())


def test_who_has_left_holds_nobody_up_and_is_noticed_once() -> None:
    async def work() -> None:
        left: list[None] = []
        channel: Channel[int] = Channel(1)
        channel.on_leaving = lambda: left.append(None)
        task = Tasks().start(sent(channel, range(100)))
        received = channel.received()
        await anext(received)
        await received.aclose()
        await task
        assert left == [None]

    run(work())


def test_who_stays_to_the_end_has_not_left() -> None:
    async def work() -> None:
        left: list[None] = []
        channel: Channel[int] = Channel()
        channel.on_leaving = lambda: left.append(None)
        await sent(channel, range(3))
        assert [item async for item in channel.received()] == [0, 1, 2]
        assert left == []

    run(work())


@pytest.mark.parametrize("gone", [True, False])
def test_a_stream_whose_response_never_starts_is_left(*, gone: bool) -> None:
    async def work() -> None:
        left: list[None] = []
        channel: Channel[bytes] = Channel(1)
        channel.on_leaving = lambda: left.append(None)
        task = Tasks().start(many(channel))
        received = channel.received()

        async def receive() -> Message:
            if not gone:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            raise OSError("The client is gone.")

        response = Streamed(received, received, {})
        scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
        with pytest.raises((ClientDisconnect, OSError)):
            await response(scope, receive, send)
        await task
        assert left == [None]

    run(work())


def test_a_stream_that_nobody_began_can_be_left_and_then_ends() -> None:
    async def work() -> None:
        left: list[None] = []
        channel: Channel[int] = Channel(1)
        channel.on_leaving = lambda: left.append(None)
        task = Tasks().start(sent(channel, range(100)))
        received = channel.received()
        await received.aclose()
        await task
        await received.aclose()
        assert [item async for item in received] == []
        assert left == [None]

    run(work())


def test_an_end_waits_for_what_is_under_way() -> None:
    async def work() -> None:
        finished: list[None] = []

        async def soon() -> None:
            await asyncio.sleep(0)
            finished.append(None)

        tasks = Tasks()
        tasks.start(soon())
        await tasks.close()
        assert finished == [None]

    run(work())


def test_what_is_too_many_is_refused_until_one_ends() -> None:
    limit, admin = Limit(1, Shares("replies", of_user=1, of_tenant=1)), Caller("k", "admin")
    with limit.one(admin), pytest.raises(Overloaded), limit.one(admin):
        pytest.fail("there is no place left")
    with pytest.raises(ValueError, match="failed"), limit.one(admin):
        raise ValueError("failed")
    with limit.one(admin):
        pass


def test_one_users_replies_leave_room_for_anothers_by_whatever_key_they_are_asked_for() -> None:
    limit = Limit(4, Shares("replies", of_user=1, of_tenant=2))
    with limit.one(Caller("phone", "user", "alice")):
        with pytest.raises(TooMany, match="replies of this user"), limit.one(Caller("jwt:alice", "user", "alice")):
            pytest.fail("that is the same user")
        with limit.one(Caller("k", "user", "bob")), limit.one(Caller("k", "tenant", "alice")):
            pass
    with limit.one(Caller("phone", "user", "alice")):
        pass


async def many(channel: Channel[bytes]) -> None:
    for _ in range(100):
        await channel.send(b"x")
    await channel.send(None)


async def sent(channel: Channel[int], items: range) -> None:
    for item in items:
        await channel.send(item)
    await channel.send(None)
