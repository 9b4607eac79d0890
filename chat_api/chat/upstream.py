"""The language model's server, OpenAI-compatible: the one place that speaks to it and sees its errors."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import openai
from pydantic import BaseModel

from chat_api.errors import NoReply
from chat_api.metering import Meter, Unmetered
from chat_api.settings import ApiSettings

_AWAY = "The language model's server cannot be reached."
_SLOW = "The language model did not answer in time."


class Declined(NoReply):
    """The server answered with an error of its own."""

    def __init__(self, status: int, body: bytes, retry_after: str | None) -> None:
        super().__init__(f"The language model's server answered {status}.")
        self.status = status
        self.body = body
        self.retry_after = retry_after


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Costs(BaseModel):
    usage: _Usage | None = None


class Upstream:
    """Asks for completions as they are given, and hands answers back as they come. Each call raises NoReply.

    The time-out of the settings holds for each wait: for an answer, or for the next piece of a streamed one.
    """

    def __init__(
        self,
        settings: ApiSettings,
        meter: Meter | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._meter = meter or Unmetered()
        self._timer = timer
        self.model = settings.llm_model
        self._client = openai.AsyncOpenAI(
            base_url=settings.llm_url,
            api_key=settings.llm_api_key.get_secret_value(),
            max_retries=0,
            http_client=_connections(settings),
        )

    async def complete(self, body: Mapping[str, Any]) -> bytes:
        """The answer's body. `messages` and `model` have to be in the request's; any other field may be."""
        with self._metered() as told, _translated():
            answer = await self._client.chat.completions.with_raw_response.create(**_asked(body))
            told.append(bytes(answer.content))
            return told[0]

    @asynccontextmanager
    async def streamed(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a streamed answer, once the server has begun to answer; leaving ends the request."""
        with self._metered(), _translated():
            made = self._client.chat.completions.with_streaming_response.create(**_asked(body), stream=True)
            async with made as answer:
                yield _lines(answer)

    async def models(self) -> bytes:
        """The server's list of its models."""
        with _translated():
            return bytes((await self._client.models.with_raw_response.list()).content)

    @contextmanager
    def _metered(self) -> Iterator[list[bytes]]:
        """Counts an answer, or that there was none; what it cost, where it is put into the list."""
        asked = self._timer()
        told: list[bytes] = []
        try:
            yield told
        except NoReply:
            self._meter.asked_for_reply(self._timer() - asked, answered=False)
            raise
        used = _usage(told[0]) if told else _Usage()
        self._meter.asked_for_reply(
            self._timer() - asked,
            answered=True,
            prompt_tokens=used.prompt_tokens,
            answer_tokens=used.completion_tokens,
        )

    async def aclose(self) -> None:
        """Ends its connections."""
        await self._client.close()


def _usage(answer: bytes) -> _Usage:
    try:
        return _Costs.model_validate_json(answer).usage or _Usage()
    except ValueError:
        # Many a server tells nothing, or something else: then the tokens are not counted.
        return _Usage()


def _connections(settings: ApiSettings) -> Any:  # noqa: ANN401  the client names the class of another httpx
    # Ours, so that what it raises in the middle of an answer is known, and no reply waits for a connection.
    return httpx.AsyncClient(
        timeout=settings.llm_timeout.total_seconds(),
        limits=httpx.Limits(max_connections=settings.max_replies, max_keepalive_connections=20),
        follow_redirects=True,
    )


def _asked(body: Mapping[str, Any]) -> dict[str, Any]:
    # `extra_body` takes what the client does not know, and leaves the rest of it as it is.
    return {"model": body["model"], "messages": [], "extra_body": dict(body)}


async def _lines(answer: Any) -> AsyncIterator[str]:  # noqa: ANN401  of a class that the client keeps to itself
    with _translated():
        async for line in answer.iter_lines():
            yield line


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (openai.APITimeoutError, httpx.TimeoutException) as exc:
        raise NoReply(_SLOW) from exc
    except openai.APIStatusError as exc:
        # What the client makes of a body is not always what the server sent.
        sent = exc.response
        raise Declined(exc.status_code, sent.content, sent.headers.get("Retry-After")) from exc
    except (openai.OpenAIError, httpx.HTTPError) as exc:
        raise NoReply(_AWAY) from exc
