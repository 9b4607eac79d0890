"""Requests to an embedding server: tried again where that may help, and every failure one of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import stamina

from memory_store.errors import Refused, StoreError, Unavailable

#: Answers after which the same request may succeed: too slow, too much, broken, starting.
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try; a server that asks to wait for longer than a pause is given up."""

    attempts: int
    timeout_s: float
    longest_pause_s: float


class Connection:
    """A server under one address. Thread-safe."""

    def __init__(self, url: str, *, key: str = "", connections: int = 4) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # One more for a question while passages take all of theirs.
        limits = httpx.Limits(max_connections=connections + 1)
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, limits=limits, trust_env=False)

    def get(self, path: str, patience: Patience) -> bytes:
        """Raises Unavailable and Refused."""
        return self._answer("GET", path, None, patience)

    def post(self, path: str, body: Mapping[str, Any], patience: Patience) -> bytes:
        """Raises Unavailable and Refused; neither quotes what was sent or answered."""
        return self._answer("POST", path, body, patience)

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None, patience: Patience) -> bytes:
        again = partial(pause, longest_s=patience.longest_pause_s)
        for attempt in stamina.retry_context(on=again, attempts=patience.attempts, timeout=None):
            with attempt:
                return self._once(method, path, body, patience.timeout_s)
        raise AssertionError  # the last attempt raises

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float) -> bytes:
        try:
            answer = self._client.request(method, path, json=body, timeout=timeout_s)
        except httpx.TimeoutException as exc:
            raise Unavailable("The embedding server did not answer in time.") from exc
        except httpx.HTTPError as exc:
            raise Unavailable(
                f"The embedding server at OBOEGAKI_EMBEDDER_URL cannot be reached ({type(exc).__name__})."
            ) from exc
        if answer.is_success:
            return answer.content
        raise _failure(answer)


class Overloaded(Unavailable):
    """The server asks to come back, after so many seconds if it says so."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def pause(exc: Exception, *, longest_s: float) -> bool | float:
    """Whether to try again, and where the server says it, after how many seconds."""
    if isinstance(exc, Overloaded) and exc.retry_after_s is not None:
        return exc.retry_after_s if exc.retry_after_s <= longest_s else False
    return isinstance(exc, Unavailable)


def _failure(answer: httpx.Response) -> StoreError:
    status = answer.status_code
    if status in _AGAIN:
        return Overloaded(f"The embedding server answered {status}.", _seconds(answer.headers.get("Retry-After")))
    if status in (401, 403):
        return Refused(f"The embedding server answered {status}: check OBOEGAKI_EMBEDDER_API_KEY.")
    if status == httpx.codes.NOT_FOUND:
        return Refused(
            f"The embedding server answered {status}: check OBOEGAKI_EMBEDDER_URL, OBOEGAKI_EMBEDDER_MODEL and"
            " whether OBOEGAKI_EMBEDDER names how it is spoken to."
        )
    return Refused(
        f"The embedding server answered {status}. If a request was too large for it, lower"
        " OBOEGAKI_EMBEDDER_MAX_TOKENS or OBOEGAKI_EMBEDDER_BATCH_TOKENS; its own log says more."
    )


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After; a date there is passed over, as clocks differ."""
    return float(header) if header is not None and header.strip().isdecimal() else None
