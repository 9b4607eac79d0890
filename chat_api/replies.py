"""Who answers: a language model on an OpenAI-compatible server, or nobody, said plainly."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import openai
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from chat_api.errors import NoReply
from chat_api.fields import plain
from chat_api.metering import Meter, Unmetered
from chat_api.settings import ApiSettings

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9d]")
#: How much of each thing remembered goes into a prompt or an offline answer, and how many into the latter.
_LINE_CHARACTERS = 500
_OFFLINE_LINES = 5


@dataclass(frozen=True, slots=True)
class Line:
    """Something remembered and when it was said."""

    said_at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.said_at:%Y-%m-%d}: {_shortened(self.text)}"


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the conversation so far."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a reply is made from."""

    message: str
    now: datetime
    turns: Sequence[Turn]
    #: What matters most about the user, whatever the message is about.
    known: Sequence[Line]
    remembered: Sequence[Line]
    recent: Sequence[Line]


class Replier(Protocol):
    """Answers a message."""

    def reply(self, prompt: Prompt) -> str:
        """The reply. May block for as long as a model takes; raises NoReply."""


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said


class _Completion(BaseModel):
    choices: list[_Choice]


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Costs(BaseModel):
    usage: _Usage | None = None


class ModelReplier:
    """Asks the server of the settings; its time-out covers all attempts' answers one by one."""

    def __init__(
        self,
        settings: ApiSettings,
        meter: Meter | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._meter = meter or Unmetered()
        self._timer = timer
        self._model = settings.llm_model
        self._system = settings.system_prompt
        self._most_characters = settings.max_content_characters
        self._client = openai.OpenAI(
            base_url=settings.llm_url,
            api_key=settings.llm_api_key.get_secret_value(),
            timeout=settings.llm_timeout.total_seconds(),
            max_retries=0,
        )

    def reply(self, prompt: Prompt) -> str:
        """The model's reply."""
        text = _text(self._metered(prompt))
        if not text.strip():
            raise NoReply("The language model answered with nothing. What was said is kept.")
        if len(text) > self._most_characters:
            raise NoReply("The language model answered with more than a message may hold. What was said is kept.")
        return text

    def _metered(self, prompt: Prompt) -> bytes:
        asked = self._timer()
        try:
            answer = self._answer(prompt)
        except NoReply:
            self._meter.asked_for_reply(self._timer() - asked, answered=False)
            raise
        used = _usage(answer)
        self._meter.asked_for_reply(
            self._timer() - asked,
            answered=True,
            prompt_tokens=used.prompt_tokens,
            answer_tokens=used.completion_tokens,
        )
        return answer

    def _answer(self, prompt: Prompt) -> bytes:
        try:
            return self._client.chat.completions.with_raw_response.create(
                model=self._model, messages=_messages(self._system, prompt)
            ).content
        except openai.APITimeoutError as exc:
            raise NoReply("The language model did not answer in time. What was said is kept.") from exc
        except openai.APIStatusError as exc:
            raise NoReply(
                f"The language model's server answered {exc.status_code}. What was said is kept."
            ) from exc
        except openai.OpenAIError as exc:
            raise NoReply("The language model's server cannot be reached. What was said is kept.") from exc

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()


class OfflineReplier:
    """Says that no model is connected and shows what is remembered, in the language of the message."""

    def reply(self, prompt: Prompt) -> str:
        """A plain answer, at once."""
        lines = [f"- {line}" for line in (*prompt.remembered, *prompt.recent)[:_OFFLINE_LINES]]
        # What was just said in this conversation may not be learned yet.
        said = [turn.content for turn in prompt.turns if turn.role == "user"][-_OFFLINE_LINES:]
        lines = lines or [f"- {_shortened(content)}" for content in said]
        japanese = _JAPANESE.search(prompt.message) is not None
        if not lines:
            return _NOTHING_JA if japanese else _NOTHING_EN
        return "\n".join([_SHOWN_JA if japanese else _SHOWN_EN, *lines])


_SHOWN_EN = "No language model is connected, so I can only show you what I remember about that:"
_NOTHING_EN = "No language model is connected, and I remember nothing about that yet. I have written it down."
_SHOWN_JA = "言語モデルが接続されていないため、関連して覚えていることだけをお見せします。"
_NOTHING_JA = "言語モデルが接続されていません。これについて覚えていることはまだありませんが、書き留めました。"


def _text(answer: bytes) -> str:
    # Read by ourselves: the client passes on whatever a server sends, a page of HTML as well.
    try:
        choices = _Completion.model_validate_json(answer).choices
        return plain((choices[0].message.content or "") if choices else "")
    except ValueError as exc:
        raise NoReply(
            "The language model's server sent something that is no reply. What was said is kept."
        ) from exc


def _usage(answer: bytes) -> _Usage:
    try:
        return _Costs.model_validate_json(answer).usage or _Usage()
    except ValueError:
        # Many a server tells nothing, or something else: then the tokens are not counted.
        return _Usage()


def _messages(system: str, prompt: Prompt) -> list[ChatCompletionMessageParam]:
    parts = [system, f"Now: {prompt.now:%Y-%m-%d %H:%M %Z}."]
    if prompt.known:
        parts.append("\n".join(["What you know about the user:", *_bullets(prompt.known)]))
    if prompt.remembered:
        parts.append("\n".join(["What you remember, most relevant first:", *_bullets(prompt.remembered)]))
    if prompt.recent:
        parts.append("\n".join(["What was said most recently:", *_bullets(prompt.recent)]))
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "\n\n".join(parts)}]
    for turn in prompt.turns:
        if turn.role == "user":
            messages.append({"role": "user", "content": turn.content})
        else:
            messages.append({"role": "assistant", "content": turn.content})
    messages.append({"role": "user", "content": prompt.message})
    return messages


def _bullets(lines: Sequence[Line]) -> list[str]:
    return [f"- {line}" for line in lines]


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LINE_CHARACTERS else f"{words[:_LINE_CHARACTERS]}…"
