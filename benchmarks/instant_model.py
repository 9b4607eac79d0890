"""A language model that answers at once, in a process of its own: OpenAI-compatible, for chats and for facts.

A streamed answer whose prompt holds `HELD` stops after its first piece until `release` was called.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.asked_facts import facts
from tests.support.deadline import wait_until
from tests.support.llm_server import says, streams
from tests.support.services import free_ports

HELD = "(held)"
_SAID = "はい、覚えておきます。"


class InstantModel:
    """Where it answers, and its one lever."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"
        self.url = f"{self._root}/v1"

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return httpx.get(f"{self.url}/models", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def release(self) -> None:
        """Lets all answers that are held now go on to their end."""
        httpx.post(f"{self._root}/release", timeout=60, trust_env=False).raise_for_status()


@contextmanager
def instant_model() -> Iterator[InstantModel]:
    """A running one."""
    [port] = free_ports(1)
    process = get_context("spawn").Process(target=_serve, args=(port,))
    process.start()
    try:
        model = InstantModel(port)
        wait_until(model.answers)
        yield model
    finally:
        process.terminate()
        process.join()


def _serve(port: int) -> None:
    uvicorn.run(_app(), port=port, log_level="error", access_log=False, backlog=1024)


def _app() -> Starlette:
    released = [asyncio.Event()]

    async def complete(request: Request) -> Response:
        asked: dict[str, Any] = await request.json()
        prompt = asked["messages"][-1]["content"]
        if asked.get("stream"):
            held = released[0] if HELD in prompt else None
            return StreamingResponse(_pieces(held), media_type="text/event-stream")
        told = facts(prompt)
        # A prompt with turns of a user in it is for learning; a chat's last message is what the user says.
        answer = says(told if told["memory"] else _SAID)
        return Response(answer.body, media_type="application/json")

    async def models(_request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "m", "object": "model"}]})

    async def release(_request: Request) -> Response:
        released.pop().set()
        released.append(asyncio.Event())
        return JSONResponse({})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/models", models),
            Route("/release", release, methods=["POST"]),
        ]
    )


async def _pieces(held: asyncio.Event | None) -> AsyncIterator[bytes]:
    first, *rest = streams("はい、", "覚えておきます。").pieces
    yield first
    if held is not None:
        await held.wait()
    for piece in rest:
        yield piece


def as_text(answer: bytes) -> str:
    """The reply in an answer of it."""
    said: str = json.loads(answer)["choices"][0]["message"]["content"]
    return said
