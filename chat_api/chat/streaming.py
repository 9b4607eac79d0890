"""A reply as it comes: made in a task of its own, so that it is written however the client leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from chat_api.chat.turns import Answer, Begun
from chat_api.errors import ChatError

T = TypeVar("T")

#: Pieces of a reply that may wait for a slow client; the model's server then waits too.
_MOST_WAITING = 64
#: How long a client may read nothing before it counts as gone: others want its place.
_STALLED_S = 60.0
#: How long an end of the process waits for replies under way; those left have their question kept, and no reply.
_LAST_S = 2.0


@dataclass(frozen=True, slots=True)
class Recalled:
    """The first event: what the reply can draw on."""

    begun: Begun | Answer


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event: the reply is whole and written."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event where there is no reply."""

    error: ChatError


Event = Recalled | Delta | Done | Failed


class Channel(Generic[T]):
    """Hands what comes from a task to the client; who has left gets no more, and holds nothing up."""

    def __init__(self, most_waiting: int = _MOST_WAITING, *, stalled_s: float = _STALLED_S) -> None:
        self._waiting: asyncio.Queue[T | None] = asyncio.Queue(most_waiting)
        self._left = False
        self._stalled_s = stalled_s
        #: What to do where the client leaves before the end.
        self.on_leaving: Callable[[], object] | None = None

    async def send(self, item: T | None) -> None:
        """Waits while the client is slow, not for good. None ends the stream."""
        if self._left:
            return
        try:
            async with asyncio.timeout(self._stalled_s):
                await self._waiting.put(item)
        except TimeoutError:
            self.leave()
            # A client that does read again finds that it is over.
            self._waiting.put_nowait(None)

    def received(self) -> "Received[T]":
        """What was sent, until the stream ends."""
        return Received(self)

    async def next(self) -> T | None:
        """What was sent next; None at the end, and where the client has left."""
        if self._left:
            return None
        item = await self._waiting.get()
        if item is None:
            self._left = True
        return item

    def leave(self) -> None:
        """Lets whoever sends go on without the client. Does nothing where the stream has ended."""
        if self._left:
            return
        self._left = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        if self.on_leaving is not None:
            self.on_leaving()


class Received(Generic[T]):
    """The client's end of a channel. No generator: the close of one that was never begun would do nothing."""

    def __init__(self, channel: Channel[T]) -> None:
        self._channel = channel

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._channel.next()
        if item is None:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """To have left, unless the stream has ended."""
        self._channel.leave()


class Closing(Protocol):
    """What has to be closed."""

    async def aclose(self) -> object:
        """Ends it."""


class Streamed(StreamingResponse):
    """A response whose source is closed however it ends, also where it never starts."""

    def __init__(self, source: Closing, content: AsyncIterator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Awaits nothing for a channel, so it is done also where the server cancels this.
            await self._source.aclose()


class Tasks:
    """The tasks under way, held until they end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs it beside the request."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        """Waits for what is under way, not for long, and ends the rest."""
        running: Sequence[asyncio.Task[None]] = tuple(self._running)
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=_LAST_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
