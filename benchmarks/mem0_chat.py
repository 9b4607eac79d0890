"""The same chat as many build it, in a process of its own: a route of FastAPI that searches Mem0 and asks a model.

It learns by `Memory.add` in a background task.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel

from benchmarks.instant_model import as_text
from benchmarks.mem0_server import mem0_memory
from tests.support.deadline import wait_until
from tests.support.services import free_ports

_START_S = 180


class ChatTurn(BaseModel):
    """What a user says; whatever else our API takes is ignored."""

    user_id: str
    message: str


class Mem0Chat:
    """Where it answers."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return httpx.get(f"{self.address}/learned", timeout=30, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def learned(self) -> int:
        """Turns that `add` has come back from."""
        return int(httpx.get(f"{self.address}/learned", timeout=120, trust_env=False).raise_for_status().json())


@contextmanager
def mem0_chat(folder: Path, llm_url: str) -> Iterator[Mem0Chat]:
    """A running one; `folder` takes its store."""
    [port] = free_ports(1)
    process = get_context("spawn").Process(target=_serve, args=(folder, llm_url, port))
    process.start()
    try:
        chat = Mem0Chat(port)
        wait_until(chat.answers, _START_S)
        yield chat
    finally:
        # What it has not learned yet would hold its end up.
        process.kill()
        process.join()


class _OneByOne:
    """Qdrant's local mode, called by one thread at a time: with two, its searches fail and its writes are lost."""

    def __init__(self, local: object) -> None:
        self._local = local
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it has
        found = getattr(self._local, name)
        if not callable(found):
            return found

        def called(*args: object, **kwargs: object) -> object:
            with self._lock:
                return found(*args, **kwargs)

        return called


def _serve(folder: Path, llm_url: str, port: int) -> None:
    uvicorn.run(_app(folder, llm_url), port=port, log_level="error", access_log=False, backlog=1024)


def _app(folder: Path, llm_url: str) -> FastAPI:
    app, memory, lock = FastAPI(), mem0_memory(folder, llm_url), threading.Lock()
    local = memory.vector_store.client
    local._client = _OneByOne(local._client)  # noqa: SLF001  what speaks to the collections is nowhere else to be had
    model = httpx.Client(base_url=llm_url, timeout=60, trust_env=False)
    count = 0

    def add(turn: ChatTurn, reply: str) -> None:
        nonlocal count
        said = [{"role": "user", "content": turn.message}, {"role": "assistant", "content": reply}]
        try:
            memory.add(said, user_id=turn.user_id)
        finally:
            with lock:
                count += 1

    @app.post("/v1/chat")
    def chat(turn: ChatTurn, tasks: BackgroundTasks) -> dict[str, object]:
        found = memory.search(turn.message, filters={"user_id": turn.user_id}, top_k=10)["results"]
        known = "\n".join(each["memory"] for each in found)
        messages = [{"role": "system", "content": known}, {"role": "user", "content": turn.message}]
        answer = model.post("chat/completions", json={"model": "m", "messages": messages}).raise_for_status()
        reply = as_text(answer.content)
        tasks.add_task(add, turn, reply)
        return {"reply": reply, "recalled": found}

    @app.get("/learned")
    async def learned() -> int:
        return count

    return app
