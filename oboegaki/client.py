"""A small client of our own HTTP API, for the commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from devstack.sockets import socket_path
from oboegaki.errors import Away, CommandError, NotThere, PartAway
from oboegaki.instance import Instance

CONTROL_SOCKET = "control.sock"

_TIMEOUT_S = 30.0


class Client:
    """Calls the API of a running instance; every refusal becomes one sentence."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  JSON either way
        """The JSON answer of a call. Raises Away if nobody answers, PartAway, NotThere, else CommandError."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.ConnectError as exc:
            raise Away("oboegaki does not run here. Start it with `make run`.") from exc
        except httpx.HTTPError as exc:
            raise CommandError(f"oboegaki runs but does not answer ({type(exc).__name__}).") from exc
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise PartAway(_problem(answer))
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotThere(_problem(answer))
        if answer.is_error:
            raise CommandError(_problem(answer))
        return answer.json() if answer.content else None

    def freshness(self, user: str, message_id: int, timeout_s: float) -> Any:  # noqa: ANN401
        """Waits until a message is learned, or for so many seconds."""
        return self.call(
            "GET",
            f"/v1/users/{quote(user, safe='')}/freshness",
            params={"wait_for": message_id, "timeout": timeout_s},
            timeout=timeout_s + 10,
        )


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
        yield Client(http)


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"oboegaki answered {answer.status_code}."
