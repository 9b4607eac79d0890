"""What is too much at once is refused, and nothing waits for good."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from chat_api import patience
from chat_api.chat.streaming import Channel
from chat_api.errors import Unavailable
from chat_api.web import problems
from chat_api.web.gates import JsonGate, LoadGate, SizeGate
from chat_api.web.together import Together
from tests.support.deadline import eventually


class Held:
    """An app that answers once it is let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.entered = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.entered.release()
        if scope["path"] != "/fast":
            await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def full() -> AsyncIterator[tuple[httpx.AsyncClient, Held, list[asyncio.Task[httpx.Response]]]]:
    """A gate for two, and two under way."""
    app = Held()
    gate = LoadGate(app, most=2, open_to_all={"/health/live"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://api") as client:
        running = [asyncio.create_task(client.get("/v1/memories")) for _ in range(2)]
        for _ in running:
            await app.entered.acquire()
        yield client, app, running


def through(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))


def test_more_than_may_be_under_way_are_told_to_come_again() -> None:
    async def work() -> None:
        async with full() as (client, app, running):
            refused = await client.get("/v1/memories")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
            assert refused.headers["Content-Type"] == "application/problem+json"
            app.go_on.set()
            assert [(await each).status_code for each in running] == [200, 200]
            assert [(await client.get("/v1/memories")).status_code for _ in range(3)] == [200, 200, 200]

    through(work)


def test_health_answers_however_much_is_under_way() -> None:
    async def work() -> None:
        async with full() as (client, app, running):
            health = asyncio.create_task(client.get("/health/live"))
            await app.entered.acquire()
            app.go_on.set()
            assert (await health).status_code == 200
            await asyncio.gather(*running)

    through(work)


def test_what_waits_for_a_thread_is_no_more_than_may_be_under_way() -> None:
    async def work() -> None:
        app, go_on, most = FastAPI(), threading.Event(), 50

        @app.get("/slow")
        def slow() -> None:
            go_on.wait(60)

        gate = LoadGate(app, most=most, open_to_all=())
        threads = to_thread.current_default_thread_limiter()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://api") as client:
            asked = [asyncio.create_task(client.get("/slow")) for _ in range(4 * most)]
            try:
                await eventually(lambda: sum(each.done() for each in asked) == 3 * most)
                waiting = most - int(threads.total_tokens)
                await eventually(lambda: threads.statistics().tasks_waiting == waiting)
            finally:
                go_on.set()
            told = [(await each).status_code for each in asked]
        assert (told.count(503), told.count(200)) == (3 * most, most)

    through(work)


def test_of_many_who_ask_at_once_whether_it_is_ready_one_looks() -> None:
    async def work() -> None:
        looks, go_on, failing = 0, threading.Event(), True

        def look() -> str:
            nonlocal looks
            looks += 1
            go_on.wait(60)
            if failing:
                raise Unavailable("away")
            return "ready"

        ready = Together(look)
        asked = [asyncio.create_task(ready()) for _ in range(100)]
        await eventually(lambda: looks)
        # Who asked first and left leaves the others their answer.
        asked[0].cancel()
        go_on.set()
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in told] == [asyncio.CancelledError, *[Unavailable] * 99]
        failing = False
        assert (await ready(), looks) == ("ready", 2)

    through(work)


def test_a_body_that_stops_coming_is_refused_and_leaves_its_place() -> None:
    async def work() -> None:
        app = FastAPI()
        problems.install(app)

        @app.post("/v1/messages")
        async def said(body: dict[str, str]) -> dict[str, str]:
            return body

        async def stops() -> AsyncIterator[bytes]:
            yield b'{"content":'
            await asyncio.Event().wait()

        async def comes() -> AsyncIterator[bytes]:
            yield b'{"content":'
            yield b'"tea"}'

        slow = LoadGate(SizeGate(JsonGate(app), max_bytes=1000, stalled_s=0.05), most=1, open_to_all=())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(slow), base_url="http://api") as client:
            told = await client.post("/v1/messages", content=stops())
            assert (told.status_code, told.headers["Connection"]) == (408, "close")
            assert told.json()["detail"] == "Nothing more of the body came for 0.05 s. Send it again."
            assert (await client.post("/v1/messages", content=comes())).json() == {"content": "tea"}

    through(work)


def test_an_answer_may_take_longer_than_a_body() -> None:
    async def work() -> None:
        left = asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            leaving = asyncio.ensure_future(receive())
            await asyncio.wait([leaving], timeout=0.2)
            left.set()
            assert (await leaving)["type"] == "http.disconnect"

        async def send(_message: Message) -> None: ...

        scope: Scope = {"type": "http", "headers": []}
        await SizeGate(app, max_bytes=1000, stalled_s=0.05)(scope, receive, send)

    through(work)


def test_a_client_that_goes_away_leaves_its_place() -> None:
    async def work() -> None:
        async with full() as (client, _, running):
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            assert (await client.get("/fast")).status_code == 200

    through(work)


def test_work_is_not_begun_for_who_has_waited_too_long() -> None:
    patience.check()
    with patience.of_a_request(seconds=3600):
        patience.check()
    with patience.of_a_request(seconds=-1), pytest.raises(Unavailable):
        patience.check()


def test_a_client_that_reads_nothing_is_gone_after_a_while() -> None:
    async def work() -> None:
        channel: Channel[str] = Channel(1, stalled_s=0.01)
        left = asyncio.Event()
        channel.on_leaving = left.set
        for piece in ("one", "two", "three"):
            await channel.send(piece)

        assert left.is_set()
        assert [piece async for piece in channel.received()] == []

    through(work)


def test_a_client_that_leaves_lets_whoever_sends_go_on() -> None:
    async def work() -> None:
        channel: Channel[str] = Channel(1, stalled_s=3600)
        sending = asyncio.create_task(_send(channel, 5))
        received = channel.received()
        assert await anext(received) == "0"
        await received.aclose()
        await sending

    through(work)


async def _send(channel: Channel[str], pieces: int) -> None:
    for piece in range(pieces):
        await channel.send(str(piece))
