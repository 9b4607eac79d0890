"""A completion from the request to the rows: what was said, what is remembered, the model's answer as it comes."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

from chat_api import patience, unforeseen
from chat_api.auth.callers import Caller
from chat_api.chat import prompt as prompts
from chat_api.chat.limit import Limit
from chat_api.chat.prompt import Prompt, Turn
from chat_api.chat.repliers import offline
from chat_api.chat.streaming import Channel, Received, Tasks
from chat_api.chat.turns import Turns
from chat_api.chat.upstream import Upstream
from chat_api.completions import open_webui, refusals, shapes
from chat_api.completions.history_rows import HistoryRows
from chat_api.completions.prefixes import SentTurn
from chat_api.completions.shapes import CompletionIn
from chat_api.completions.statements import History, Place
from chat_api.errors import ChatError, Gone, NoReply, NotFound
from chat_api.recall.recollection import Recollection
from chat_api.settings import ApiSettings
from chat_api.users import RecallPolicy
from chat_api.web import problems

_PREFACE = "What follows is remembered of the user from earlier talks. Use it where it helps, and mind the dates."
#: So that no more than this was sent to a client that left than what is written of it.
_MOST_WAITING = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a completion, and whose memory it is about: nobody's where nothing is to be kept."""

    request: CompletionIn
    caller: Caller
    user_id: str | None
    conversation_id: str | None = None
    #: As the user set it, if None.
    recall: RecallPolicy | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A request whose turns are written, and what its answer can draw on."""

    asked: Asked
    place: Place | None
    prompt: Prompt
    #: What the model's server is asked; nothing where there is none.
    body: Mapping[str, object]

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of itself beside OpenAI's shape."""
        if self.place is None:
            return {}
        asked = {} if self.place.asked_id is None else {"X-Oboegaki-Message": str(self.place.asked_id)}
        return {"X-Oboegaki-Conversation": quote(self.place.conversation_id, safe=""), **asked}


@dataclass(slots=True)
class Heard:
    """What a streamed answer has said so far."""

    pieces: list[str] = field(default_factory=list)
    finished: bool = False

    def take(self, line: str) -> None:
        """Adds the next line."""
        piece, last = shapes.delta_of(line)
        self.pieces.append(piece)
        self.finished = self.finished or last

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


class Completions:
    """Answers requests in OpenAI's shape. Raises Unavailable, TooMany and Invalid.

    Raises NoReply as well; what was said is kept then.
    """

    def __init__(
        self,
        settings: ApiSettings,
        histories: HistoryRows,
        turns: Turns,
        upstream: Upstream | None,
        limit: Limit,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._histories = histories
        self._turns = turns
        self._upstream = upstream
        self._limit = limit
        self._clock = clock
        self._tasks = Tasks()

    async def complete(self, asked: Asked) -> tuple[Begun, bytes]:
        """The answer as the model's server gave it."""
        with self._limit.one(asked.caller):
            begun = await run_in_threadpool(self._begin, asked)
            if self._upstream is None:
                return begun, await self._offline(begun)
            answer = await self._upstream.complete(begun.body)
            await self._write(begun, shapes.reply_of(answer))
            return begun, answer

    async def stream(self, asked: Asked) -> tuple[Begun, Received[bytes] | AsyncGenerator[bytes, None]]:
        """The answer's lines as they come, once the server has begun to answer.

        Where the client leaves, the model is asked no further, and what was said so far is written.
        """
        async with AsyncExitStack() as until_begun:
            until_begun.enter_context(self._limit.one(asked.caller))
            begun = await run_in_threadpool(self._begin, asked)
            if self._upstream is None:
                return begun, self._offline_stream(begun)
            lines = await until_begun.enter_async_context(self._upstream.streamed(begun.body))
            channel: Channel[bytes] = Channel(_MOST_WAITING)
            task = self._tasks.start(self._relay(begun, lines, channel, until_begun.pop_all()))
            channel.on_leaving = task.cancel
            return begun, channel.received()

    async def models(self) -> bytes:
        """The models that can be asked for."""
        if self._upstream is not None:
            return await self._upstream.models()
        only = {"id": shapes.OFFLINE_MODEL, "object": "model", "created": 0, "owned_by": "oboegaki"}
        return json.dumps({"object": "list", "data": [only]}).encode()

    async def model(self, model_id: str) -> dict[str, object]:
        """One of them. Raises NotFound."""
        try:
            known = json.loads(await self.models())["data"]
            return next(dict(each) for each in known if each["id"] == model_id)
        except StopIteration:
            raise NotFound("There is no such model.") from None
        except (ValueError, TypeError, KeyError) as exc:
            raise NoReply("The language model's server sent something that is no list of models.") from exc

    async def close(self) -> None:
        """Waits for the answers under way, not for long."""
        await self._tasks.close()

    def _begin(self, asked: Asked) -> Begun:
        patience.check()
        if asked.user_id is None:
            last = open_webui.text_of(asked.request.messages[-1].get("content"))
            return self._begun(asked, None, Prompt(message=last, now=self._clock()))
        sent = shapes.turns(asked.request.messages, self._settings.max_content_characters)
        history = History(sent, asked.conversation_id, str(uuid4()))
        place = self._histories.take(asked.user_id, history) if sent else None
        return self._begun(asked, place, self._prompt(asked.user_id, asked.recall, sent, place))

    def _begun(self, asked: Asked, place: Place | None, prompt: Prompt) -> Begun:
        # Here in a thread: the body may hold megabytes, and the event loop is everybody's.
        body = {} if self._upstream is None else _passed_on(asked.request, prompt, self._upstream.model)
        return Begun(asked, place, prompt, body)

    def _prompt(
        self, user_id: str, asked: RecallPolicy | None, sent: list[SentTurn], place: Place | None
    ) -> Prompt:
        user = self._turns.user(user_id)
        recall = asked or user.recall
        message = next((turn.text for turn in reversed(sent) if turn.role == "user"), "")
        without = place.asked_id if place else None
        found = Recollection()
        if message:
            found = self._turns.recollection(user_id, message, recall, without=without)
        return Prompt(
            message=message,
            now=self._turns.now(user),
            turns=[Turn(turn.role, turn.text) for turn in sent[:-1]],
            known=prompts.known(self._turns.known(user_id, recall)),
            remembered=prompts.remembered(found),
            recent=prompts.recent(found, without=place.ids if place else ()),
            system=user.persona,
        )

    async def _write(self, begun: Begun, said: str, *, cut: bool = False) -> None:
        text = open_webui.replied(said)
        user_id, place = begun.asked.user_id, begun.place
        if user_id is None or place is None or not text:
            return
        if len(text) > self._settings.max_content_characters or "\0" in text:
            return
        # Who had it deleted meanwhile is still answered; nothing of it is kept.
        with suppress(Gone):
            await run_in_threadpool(patience.unhurried(self._histories.take_reply), user_id, place, text, cut=cut)

    async def _relay(
        self, begun: Begun, lines: AsyncIterator[str], channel: Channel[bytes], held: AsyncExitStack
    ) -> None:
        heard = Heard()
        try:
            async with held:
                last = await _copied(lines, channel, heard)
            # Before its end is told: whoever has that may send the next turn.
            await self._write(begun, heard.text)
        except asyncio.CancelledError:
            await self._write(begun, heard.text, cut=True)
            raise
        except ChatError as exc:
            last = _failed(problems.status_of(exc), str(exc))
        except Exception as exc:  # noqa: BLE001  a task's boundary: nobody else would tell the client
            unforeseen.log(exc)
            last = _failed(500, "Something went wrong here. The log tells where.")
        for line_left in last:
            await channel.send(line_left)
        await channel.send(None)

    async def _offline(self, begun: Begun) -> bytes:
        text = offline(begun.prompt)
        await self._write(begun, text)
        name, created = self._named()
        told = shapes.offline_completion(text, name=name, created=created, prompt=begun.prompt.message)
        return json.dumps(told, ensure_ascii=False).encode()

    def _named(self) -> tuple[str, int]:
        return f"chatcmpl-{uuid4().hex}", int(self._clock().timestamp())

    async def _offline_stream(self, begun: Begun) -> AsyncGenerator[bytes, None]:
        text = offline(begun.prompt)
        await self._write(begun, text)
        name, created = self._named()
        for line in (*shapes.offline_chunks(text, name=name, created=created), f"data: {shapes.DONE}", ""):
            yield _line(line)


def _passed_on(request: CompletionIn, prompt: Prompt, model: str) -> dict[str, object]:
    body = request.passed_on(model)
    told = [prompt.system] if prompt.system else []
    if prompt.remembers:
        told.append(f"{_PREFACE}\n\n{prompts.notes(prompt)}")
    if told:
        body["messages"] = shapes.with_notes(request.messages, "\n\n".join(told))
    return body


async def _copied(lines: AsyncIterator[str], channel: Channel[bytes], heard: Heard) -> list[bytes]:
    """Hands lines on as they come, but for the last, which is returned. Raises NoReply where they break off."""
    async for line in lines:
        if shapes.is_done(line):
            return [_line(line), _line("")]
        await channel.send(_line(line))
        heard.take(line)
    if not heard.finished:
        raise NoReply("The language model's answer broke off.")
    return []


def _line(line: str) -> bytes:
    return f"{line}\n".encode()


def _failed(status: int, message: str) -> list[bytes]:
    return [_line(f"data: {json.dumps(refusals.body(status, message))}"), _line("")]
