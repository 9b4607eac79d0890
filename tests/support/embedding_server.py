"""An embedding server in a thread of this process that plays TEI and OpenAI, and fails as it is told to."""

import json
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from memory_store.fake import HashEmbedder

_EMBEDDER = HashEmbedder()


@dataclass
class Answer:
    """What is sent instead of vectors."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class EmbeddingServer:
    """What it was asked, and what it is to answer first."""

    url: str = ""
    model: str = "tests/hash"
    max_texts: int = 32
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    first: deque[Answer] = field(default_factory=deque)
    #: Its vectors of texts of one length that are asked for together are another's, as TEI's were.
    mixes_up: bool = False
    #: It never answers what has this in it.
    silent_about: str = ""
    over: Event = field(default_factory=Event)

    def answer_first(self, *answers: Answer) -> None:
        """Answers the next requests for vectors so."""
        self.first.extend(answers)

    def batches(self) -> list[list[str]]:
        """The texts of each request for vectors."""
        return [body.get("inputs") or body["input"] for body in self.asked]

    def reply(self, path: str, body: dict[str, Any] | None) -> Answer:
        """What a request is answered with."""
        if path == "/info":
            info = {"model_id": self.model, "model_sha": "0123456789", "max_input_length": 512}
            return Answer(body=info | {"max_client_batch_size": self.max_texts})
        if body is None or path not in ("/embed", "/v1/embeddings"):
            return Answer(404, {"error": "no such path"})
        self.asked.append(body)
        if self.first:
            return self.first.popleft()
        texts = body.get("inputs") or body["input"]
        if self.silent_about and any(self.silent_about in text for text in texts):
            self.over.wait()
        asked = texts[::-1] if self.mixes_up and len({len(text) for text in texts}) == 1 else texts
        vectors = _EMBEDDER.passages(asked)[:, : body.get("dimensions")].tolist()
        if path == "/embed":
            return Answer(body=vectors)
        data = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        return Answer(body={"object": "list", "data": data[::-1]})


@contextmanager
def embedding_server(port: int = 0, *, host: str = "127.0.0.1") -> Iterator[EmbeddingServer]:
    """The server, on that port or one of its own."""
    state = EmbeddingServer()
    connected: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connected.append(self.connection)

        def do_GET(self) -> None:
            self._send(state.reply(self.path, None))

        def do_POST(self) -> None:
            state.keys.append(self.headers["Authorization"])
            read = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(state.reply(self.path, json.loads(read)))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Says nothing."""

        def _send(self, answer: Answer) -> None:
            sent = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(sent)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    state.url = f"http://{host}:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        # A connection that is kept alive would be served on.
        for each in connected:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join()
