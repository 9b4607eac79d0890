"""A session of an unmodified Mem0 on our collection: `python -m tests.contract.mem0_session HOME`, prints JSON.

It is a process of its own, as Mem0 reads its environment when it is imported. Mem0 has no embedder that works
without a download or a key, but one that speaks to any OpenAI-compatible server: this process plays that server.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from mem0 import Memory

from tests.contract.making import EMBEDDER, LAYOUT, memory


class Embeddings(BaseHTTPRequestHandler):
    """POST /v1/embeddings, as OpenAI answers it."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vectors = EMBEDDER.queries(asked["input"]).tolist()
        data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        answer = json.dumps({"object": "list", "model": asked["model"], "data": data, "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def embedding_server() -> Iterator[str]:
    """The base address of a server of embeddings on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Embeddings) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def config(home: Path, address: str) -> dict[str, Any]:
    """What a user of Mem0 would write to open version v1 of our store."""
    openai = {"provider": "openai", "config": {"api_key": "none", "openai_base_url": address, "model": "any"}}
    points = {"collection_name": "oboegaki_v1", "path": str(home / "qdrant"), "embedding_model_dims": LAYOUT.dim}
    return {
        # Without on_disk Mem0 removes what is in the folder before it opens it.
        "vector_store": {"provider": "qdrant", "config": {**points, "on_disk": True}},
        "embedder": openai,
        "llm": openai,
        "history_db_path": str(home / "history.db"),
    }


def main() -> None:
    """Asks Mem0 and says what it answered and where it connected to."""
    home, reached = Path(sys.argv[1]), set()

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            reached.add(str(details[1][0]))
        elif event == "socket.getaddrinfo":
            reached.add(str(details[0]))

    sys.addaudithook(watch)
    with embedding_server() as address:
        mem0 = Memory.from_config(config(home, address))
        answers = {
            "search": mem0.search("I like green tea", filters={"user_id": "alice"}),
            "get_all": mem0.get_all(filters={"user_id": "alice"}),
            "get_all_of_alike": mem0.get_all(filters={"user_id": "Alice"}),
            "get": mem0.get(memory(1, "I like green tea").id),
            "reached": sorted(reached),
        }
        mem0.close()
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
