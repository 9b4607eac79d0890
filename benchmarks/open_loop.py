"""Requests that come when they come, however long the answers take, and what each of them took.

A latency counts from the moment that a request was to be sent at: where the server or this process is late, that
is part of it, as it is for a user.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit


@dataclass(slots=True)
class Answers:
    """Seconds of each request that was answered as asked, and how many were not, by status; 0 is none at all."""

    took: list[float] = field(default_factory=list)
    failed: dict[int, int] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        """How many were not answered as asked."""
        return sum(self.failed.values())


#: Sends a request and tells its status.
Send = Callable[[int], Awaitable[int]]


def moments(rate: float, count: int, seed: int) -> list[float]:
    """Seconds from the start at which so many independent requests come at a rate per second."""
    chance = random.Random(seed)  # noqa: S311  no secret
    at, found = 0.0, []
    for _ in range(count):
        at += chance.expovariate(rate)
        found.append(at)
    return found


async def sent_at(times: Sequence[float], send: Send) -> Answers:
    """Each request at its time, whatever has become of the ones before."""
    answers, start = Answers(), time.perf_counter()

    async def one(number: int, at: float) -> None:
        await asyncio.sleep(start + at - time.perf_counter())
        try:
            status = await send(number)
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        if status == HTTPStatus.OK:
            answers.took.append(time.perf_counter() - start - at)
        else:
            answers.failed[status] = answers.failed.get(status, 0) + 1

    async with asyncio.TaskGroup() as tasks:
        for number, at in enumerate(times):
            tasks.create_task(one(number, at))
    return answers


class Caller:
    """A client that costs little of the processor, which the server needs; keeps its connections."""

    def __init__(self, address: str, key: str = "none") -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._key = key
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: object) -> tuple[int, bytes]:
        """Status and body of an answer whose length is told."""
        reader, writer = await self._connection()
        writer.write(self._request(path, body))
        status, headers = await _head(reader)
        read = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status, read

    async def stream(self, path: str, body: object, first: bytes, began: Callable[[], object]) -> bytes:
        """All of a streamed answer; `began` is called once `first` is in it."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(self._request(path, body, "Connection: close\r\n"))
            read, told = b"", False
            while piece := await reader.read(65536):
                read += piece
                if not told and first in read:
                    told = True
                    began()
            return read
        finally:
            writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    def _request(self, path: str, body: object, more: str = "") -> bytes:
        told = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(told)}\r\n{more}\r\n"
        )
        return head.encode() + told

    def close(self) -> None:
        """Ends its connections."""
        for _, writer in self._idle:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), {name.lower(): value.strip().lower() for name, value in pairs}
