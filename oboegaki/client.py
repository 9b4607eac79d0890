"""A small client of our own HTTP API, for the commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from oboegaki.errors import CommandError


class Client:
    """Calls the API of a running instance; every refusal becomes one sentence."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  JSON either way
        """The JSON answer of a call. Raises CommandError."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as exc:
            raise CommandError(
                f"oboegaki does not answer on {self._http.base_url} ({type(exc).__name__})."
                " Start it with `make run` or `oboegaki serve`."
            ) from exc
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


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"oboegaki answered {answer.status_code}."


@contextmanager
def connected(base_url: str, key: str) -> Iterator[Client]:
    """A client for the time of a command."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False) as http:
        yield Client(http)
