"""Who answers: a language model on an OpenAI-compatible server, or nobody, said plainly."""

import json
import re
from collections.abc import AsyncIterator
from typing import Protocol

from pydantic import BaseModel

from chat_api.chat.prompt import Prompt, messages, shortened
from chat_api.chat.upstream import Upstream
from chat_api.errors import NoReply
from chat_api.fields import plain
from chat_api.settings import ApiSettings

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9d]")
#: How many things remembered go into an offline answer.
_OFFLINE_LINES = 5


class Replier(Protocol):
    """Answers a message. Both ways raise NoReply."""

    async def reply(self, prompt: Prompt) -> str:
        """The reply. May take as long as a model takes."""

    def deltas(self, prompt: Prompt) -> AsyncIterator[str]:
        """The reply in pieces, as they come; it is whole only where this ends without raising."""


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said


class _Completion(BaseModel):
    choices: list[_Choice]


class _Piece(BaseModel):
    delta: _Said = _Said()
    finish_reason: str | None = None


class Chunk(BaseModel):
    """A line of a streamed answer, as far as a reply is in it."""

    choices: list[_Piece]

    @property
    def text(self) -> str:
        """What it adds to the reply."""
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def last(self) -> bool:
        """Whether it says that the reply is finished."""
        return bool(self.choices) and self.choices[0].finish_reason is not None


class ModelReplier:
    """Asks the server of the settings."""

    def __init__(self, settings: ApiSettings, upstream: Upstream) -> None:
        self._system = settings.system_prompt
        self._most_characters = settings.max_content_characters
        self._upstream = upstream

    async def reply(self, prompt: Prompt) -> str:
        """The model's reply."""
        try:
            return self._checked(_text(await self._upstream.complete(self._body(prompt))))
        except NoReply as exc:
            raise _kept(exc) from exc

    async def deltas(self, prompt: Prompt) -> AsyncIterator[str]:
        """The model's reply as it comes."""
        text = ""
        try:
            async with self._upstream.streamed(self._body(prompt)) as lines:
                async for piece in pieces(lines):
                    text += piece
                    if len(text) > self._most_characters:
                        break
                    yield piece
            self._checked(text)
        except NoReply as exc:
            raise _kept(exc) from exc

    def _body(self, prompt: Prompt) -> dict[str, object]:
        return {"model": self._upstream.model, "messages": messages(self._system, prompt)}

    def _checked(self, text: str) -> str:
        if not text.strip():
            raise NoReply("The language model answered with nothing.")
        if len(text) > self._most_characters:
            raise NoReply("The language model answered with more than a message may hold.")
        try:
            return plain(text)
        except ValueError as exc:
            raise _no_reply() from exc


class OfflineReplier:
    """Says that no model is connected and shows what is remembered, in the language of the message."""

    async def reply(self, prompt: Prompt) -> str:
        """A plain answer, at once."""
        return offline(prompt)

    async def deltas(self, prompt: Prompt) -> AsyncIterator[str]:
        """The same, in one piece."""
        yield offline(prompt)


def offline(prompt: Prompt) -> str:
    """What is said where no model is connected."""
    lines = [f"- {line}" for line in (*prompt.remembered, *prompt.recent)[:_OFFLINE_LINES]]
    # What was just said in this conversation may not be learned yet.
    said = [turn.content for turn in prompt.turns if turn.role == "user"][-_OFFLINE_LINES:]
    lines = lines or [f"- {shortened(content)}" for content in said]
    japanese = _JAPANESE.search(prompt.message) is not None
    if not lines:
        return _NOTHING_JA if japanese else _NOTHING_EN
    return "\n".join([_SHOWN_JA if japanese else _SHOWN_EN, *lines])


_SHOWN_EN = "No language model is connected, so I can only show you what I remember about that:"
_NOTHING_EN = "No language model is connected, and I remember nothing about that yet. I have written it down."
_SHOWN_JA = "言語モデルが接続されていないため、関連して覚えていることだけをお見せします。"
_NOTHING_JA = "言語モデルが接続されていません。これについて覚えていることはまだありませんが、書き留めました。"


async def pieces(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The text of a streamed answer as it comes. Raises NoReply where it breaks off or is none."""
    finished = False
    async for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            finished = True
            break
        chunk = chunk_of(data)
        finished = finished or chunk.last
        if chunk.text:
            yield chunk.text
    if not finished:
        raise NoReply("The language model's answer broke off.")


def chunk_of(data: str) -> Chunk:
    """A line's data. Raises NoReply where it is none, as servers send an error in the middle."""
    try:
        return Chunk.model_validate(json.loads(data))
    except ValueError as exc:
        raise _no_reply() from exc


def _text(answer: bytes) -> str:
    # Read by ourselves: the client passes on whatever a server sends, a page of HTML as well.
    try:
        choices = _Completion.model_validate_json(answer).choices
    except ValueError as exc:
        raise _no_reply() from exc
    return (choices[0].message.content or "") if choices else ""


def _no_reply() -> NoReply:
    return NoReply("The language model's server sent something that is no reply.")


def _kept(exc: NoReply) -> NoReply:
    return NoReply(f"{exc} What was said is kept.")
