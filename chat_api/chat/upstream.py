"""The language model's server, OpenAI-compatible: the one place that speaks to it and sees its errors."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
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
    #: Of a streamed answer: none in the piece that only tells what it cost.
    choices: list[Any] | None = None


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
        #: Whether the server can be asked what a streamed answer cost.
        self._tells_costs = True
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
            told.append(_costs(answer.content).usage)
            return bytes(answer.content)

    @asynccontextmanager
    async def streamed(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a streamed answer, once the server has begun to answer; leaving ends the request.

        The server is asked to tell at the end what it cost. Where the body does not ask for that, it is not in the
        lines.
        """
        with self._metered() as told, _translated():
            async with AsyncExitStack() as until_read:
                counted = _counted(body)
                answer = await self._begun(body, counted, until_read)
                yield _lines(answer, told, hides_costs=counted != body)

    async def _begun(self, body: Mapping[str, Any], counted: Mapping[str, Any], until_read: AsyncExitStack) -> Any:  # noqa: ANN401  of a class that the client keeps to itself
        create = self._client.chat.completions.with_streaming_response.create
        if self._tells_costs and counted != body:
            try:
                return await until_read.enter_async_context(create(**_asked(counted), stream=True))
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                # Some take no field that they do not know. What else was wrong is refused once more.
                answer = await until_read.enter_async_context(create(**_asked(body), stream=True))
                self._tells_costs = False
                return answer
        return await until_read.enter_async_context(create(**_asked(body), stream=True))

    async def models(self) -> bytes:
        """The server's list of its models."""
        with _translated():
            return bytes((await self._client.models.with_raw_response.list()).content)

    @contextmanager
    def _metered(self) -> Iterator[list[_Usage | None]]:
        """Counts an answer, or that there was none; what it cost, where it is put into the list."""
        asked = self._timer()
        told: list[_Usage | None] = []
        try:
            yield told
        except NoReply:
            self._meter.asked_for_reply(self._timer() - asked, answered=False)
            raise
        used = (told[-1] if told else None) or _Usage()
        self._meter.asked_for_reply(
            self._timer() - asked,
            answered=True,
            prompt_tokens=used.prompt_tokens,
            answer_tokens=used.completion_tokens,
        )

    async def aclose(self) -> None:
        """Ends its connections."""
        await self._client.close()


def _costs(answer: bytes | str) -> _Costs:
    try:
        return _Costs.model_validate_json(answer)
    except ValueError:
        # Many a server tells nothing, or something else: then the tokens are not counted.
        return _Costs()


def _counted(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request, asking for what its answer costs; as it is where it does so, or cannot be read."""
    options = {} if (told := body.get("stream_options")) is None else told
    return {**body, "stream_options": {**options, "include_usage": True}} if isinstance(options, dict) else body


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


async def _lines(
    answer: Any,  # noqa: ANN401  of a class that the client keeps to itself
    told: list[_Usage | None],
    *,
    hides_costs: bool,
) -> AsyncIterator[str]:
    hidden = False
    with _translated():
        async for line in answer.iter_lines():
            if hidden and not line:
                # It ends what was hidden.
                hidden = False
                continue
            costs = _costs(line.removeprefix("data:")) if '"usage"' in line else _Costs()
            if costs.usage is not None:
                # Some tell it again and again, always in all.
                told[:] = [costs.usage]
            hidden = hides_costs and costs.usage is not None and not costs.choices
            if not hidden:
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
