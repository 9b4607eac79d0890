"""A small client of our own HTTP API, for the commands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from devstack.sockets import socket_path
from oboegaki.errors import Away, CommandError, NotThere, PartAway, Taken, Unfit
from oboegaki.instance import Instance
from oboegaki.remedies import remedies

CONTROL_SOCKET = "control.sock"

_TIMEOUT_S = 30.0
#: A large instance is compared for minutes without a word.
_SILENT_S = 1800.0


class Client:
    """Calls the API of a running instance; every refusal becomes one sentence."""

    def __init__(self, http: httpx.Client, *, start: str = "`make run`") -> None:
        """`start` is what starts one that does not run."""
        self._http = http
        self._start = start

    def call(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  JSON either way
        """The JSON answer of a call. Raises Away if nobody answers, PartAway, NotThere, else CommandError."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as exc:
            raise self._failure(exc) from exc
        if answer.is_error:
            raise _refusal(answer)
        return answer.json() if answer.content else None

    def lines(self, method: str, path: str, **request: Any) -> Iterator[Any]:  # noqa: ANN401  JSON either way
        """The lines of JSON of an answer, as they come; minutes may pass between two. Raises as `call` does."""
        try:
            with self._http.stream(method, path, timeout=_SILENT_S, **request) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                for line in answer.iter_lines():
                    yield json.loads(line)
        except httpx.HTTPError as exc:
            raise self._failure(exc) from exc

    def freshness(self, user: str, message_id: int, timeout_s: float) -> Any:  # noqa: ANN401
        """Waits until a message is learned, or for so many seconds."""
        return self.call(
            "GET",
            f"/v1/users/{quote(user, safe='')}/freshness",
            params={"wait_for": message_id, "timeout": timeout_s},
            timeout=timeout_s + 10,
        )

    def _failure(self, exc: httpx.HTTPError) -> CommandError:
        if isinstance(exc, httpx.ConnectError):
            return Away(f"oboegaki does not run here. Start it with {self._start}.")
        return CommandError(f"oboegaki runs but does not answer ({type(exc).__name__}).")


def address(instance: Instance) -> str:
    """Where the API is reached from this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
    return f"http://{everywhere.get(instance.api.host, instance.api.host)}:{instance.api.port}"


@contextmanager
def connected(instance: Instance) -> Iterator[Client]:
    """A client of the instance's running process, by its control socket, for the time of a command."""
    transport = httpx.HTTPTransport(uds=str(socket_path(instance.stack.home, CONTROL_SOCKET)))
    headers = {"Authorization": f"Bearer {instance.api.api_key.get_secret_value()}"}
    with httpx.Client(
        base_url="http://oboegaki", headers=headers, timeout=_TIMEOUT_S, transport=transport, trust_env=False
    ) as http:
        yield Client(http, start=remedies(containers=instance.stack.containers).start)


def _refusal(answer: httpx.Response) -> CommandError:
    match answer.status_code:
        case httpx.codes.SERVICE_UNAVAILABLE:
            return PartAway(_problem(answer))
        case httpx.codes.CONFLICT:
            return Taken(_problem(answer))
        case httpx.codes.UNPROCESSABLE_ENTITY:
            return Unfit(_problem(answer))
        case httpx.codes.NOT_FOUND:
            return NotThere(_problem(answer))
        case _:
            return CommandError(_problem(answer))


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"oboegaki answered {answer.status_code}."
