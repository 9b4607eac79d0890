"""A language model's server on this machine, OpenAI-compatible, that answers what it was told to."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

#: What each completion is said to have cost.
USAGE = {"prompt_tokens": 700, "completion_tokens": 50, "total_tokens": 750}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; `cut` ends the connection in the middle of it, `silent` never sends it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False
    #: Sent one by one in place of the body, and ended with the connection.
    pieces: Sequence[bytes] = ()
    #: What the server waits for after the first piece.
    held: Event | None = None


Script = Callable[[dict[str, Any]], Reply]


def says(content: object, *, finish_reason: str = "stop", **message: object) -> Reply:
    """A completion; what is no text is said as JSON."""
    text = content if isinstance(content, str | None) else json.dumps(content, ensure_ascii=False)
    return completion({"role": "assistant", "content": text, **message}, finish_reason)


def completion(message: Mapping[str, object], finish_reason: str = "stop") -> Reply:
    """A completion with this message."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    told = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": USAGE,
    }
    return Reply(json.dumps(told).encode())


def streams(*texts: str, held: Event | None = None, done: bool = True, costs: bool = False) -> Reply:
    """A completion in pieces, as server-sent events; without `done` it breaks off, `costs` end it."""
    chunks: list[dict[str, object]] = [{"delta": {"role": "assistant", "content": text}} for text in texts]
    if done:
        chunks.append({"delta": {}, "finish_reason": "stop"})
    told = [{"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}] * len(chunks)
    events = [{**head, "choices": [{"index": 0, **chunk}]} for head, chunk in zip(told, chunks, strict=True)]
    if costs:
        events.append({**told[0], "choices": [], "usage": USAGE})
    pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(pieces=[*pieces, *([b"data: [DONE]\n\n"] if done else [])], held=held)


def fails(status: int, told: str = "no", **headers: str) -> Reply:
    """An error as such servers send it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps({"error": {"message": told, "type": "error"}}).encode(), status, named)


class LlmServer(ThreadingHTTPServer):
    """Answers completions by a script, in whatever thread they are asked in, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, script: Script, models: Mapping[str, object], host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.script = script
        self.models = models
        self.over = Event()
        #: Set once somebody did not wait for the end of a streamed answer.
        self.left = Event()
        self._lock = Lock()
        self._asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """Every completion that was asked for, with the request's headers under `headers`, in lower case."""
        with self._lock:
            return list(self._asked)

    @property
    def prompts(self) -> list[str]:
        """What the user's part of each prompt was."""
        return [each["messages"][-1]["content"] for each in self.asked]

    def remember(self, asked: dict[str, Any]) -> None:
        """Notes what was asked."""
        with self._lock:
            self._asked.append(asked)


class _Handler(BaseHTTPRequestHandler):
    server: LlmServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.remember({**asked, "path": self.path, "headers": headers})
        self._send(self.server.script(asked) if self.path == "/v1/chat/completions" else fails(404))

    def do_GET(self) -> None:
        known = self.server.models if self.path == "/v1/models" else None
        self._send(fails(404) if known is None else Reply(json.dumps(known).encode()))

    def _send(self, reply: Reply) -> None:
        if reply.silent:
            self.server.over.wait()
            self.close_connection = True
            return
        if reply.pieces:
            self._stream(reply)
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) * (2 if reply.cut else 1)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = self.close_connection or reply.cut

    def _stream(self, reply: Reply) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for number, piece in enumerate(reply.pieces):
                self.wfile.write(piece)
                self.wfile.flush()
                if number == 0 and reply.held is not None:
                    reply.held.wait(60)
        except OSError:
            self.server.left.set()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def llm_server(
    *replies: Reply, script: Script | None = None, models: object = None, host: str = "127.0.0.1"
) -> Iterator[LlmServer]:
    """A server that gives these replies one after the other, the last for good; or follows a script."""
    told = models if isinstance(models, dict) else {"object": "list", "data": [{"id": "m", "object": "model"}]}
    with LlmServer(script or _in_turn(replies), told, host) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def _in_turn(replies: tuple[Reply, ...]) -> Script:
    rest, lock = list(replies), Lock()

    def script(_asked: dict[str, Any]) -> Reply:
        with lock:
            return rest.pop(0) if len(rest) > 1 else rest[0]

    return script
