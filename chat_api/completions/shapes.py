"""What is asked and answered in OpenAI's shape, as far as it has to be understood. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chat_api.chat.tokens import estimated
from chat_api.completions import open_webui
from chat_api.completions.prefixes import SentTurn
from chat_api.errors import Invalid, NoReply
from chat_api.fields import plain

#: The model that is named where no language model is connected.
OFFLINE_MODEL = "oboegaki"
#: What ends a stream.
DONE = "[DONE]"


class CompletionIn(BaseModel):
    """A request for a completion; whatever else it holds is passed on as it is."""

    model_config = ConfigDict(frozen=True, extra="allow")

    messages: list[dict[str, Any]] = Field(
        min_length=1, max_length=10_000, description="The history as the client has it, what is said now last."
    )
    model: str | None = Field(default=None, description="The setting's model if left out.")
    user: Any = Field(
        default=None, description="Whose memory this is about, where the key is not bound to a user."
    )
    stream: bool | None = Field(default=None, description="The completion as it comes, as server-sent events.")
    store: bool | None = Field(
        default=None, description="`false`: nothing is written, and nothing is remembered either."
    )
    metadata: Any = Field(
        default=None, description="With a `task`, as Open WebUI sends it, nothing is written either."
    )

    def passed_on(self, model: str) -> dict[str, Any]:
        """The request as it goes to the language model's server. Raises Invalid where it cannot be sent."""
        body = {**self.model_dump(exclude_unset=True), "model": self.model or model}
        try:
            json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as exc:
            raise Invalid("The body holds a number or a text that JSON cannot hold.") from exc
        return body


def turns(messages: Sequence[Mapping[str, Any]], most_characters: int) -> list[SentTurn]:
    """What the user and the assistant said; instructions, calls of tools and their results are none of it."""
    found = []
    for message in messages:
        text = open_webui.text_of(message.get("content"))
        if message.get("role") == "user":
            found.append(SentTurn("user", _checked(open_webui.said(text), most_characters)))
        elif message.get("role") == "assistant":
            found.append(SentTurn("assistant", _checked(open_webui.replied(text), most_characters)))
    return [turn for turn in found if turn.text.strip()]


def with_notes(messages: Sequence[dict[str, Any]], notes: str) -> list[dict[str, Any]]:
    """The messages with what is remembered, in the system message that leads them: many models take only one."""
    first = messages[0]
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": notes}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        told: object = [*content, {"type": "text", "text": notes}]
    else:
        told = f"{content}\n\n{notes}" if content else notes
    return [{**first, "content": told}, *messages[1:]]


def reply_of(answer: bytes) -> str:
    """What the first choice of a completion says; nothing where it only calls tools. Raises NoReply."""
    try:
        return _said(json.loads(answer), "message")
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise NoReply("The language model's server sent something that is no completion.") from exc


def delta_of(line: str) -> tuple[str, bool]:
    """What a line of a streamed completion adds to its first choice, and whether it ends it."""
    if not line.startswith("data:"):
        return "", False
    try:
        chunk = json.loads(line.removeprefix("data:"))
        return _said(chunk, "delta"), any(choice.get("finish_reason") for choice in chunk.get("choices") or ())
    except (ValueError, TypeError, AttributeError):
        # Passed on as it is: the client knows more of it than we do.
        return "", False


def is_done(line: str) -> bool:
    """Whether a line is the last of a stream."""
    return line.startswith("data:") and line.removeprefix("data:").strip() == DONE


def offline_completion(text: str, *, name: str, created: int, prompt: str) -> dict[str, Any]:
    """A completion that says what is told where no language model is connected."""
    asked, told = estimated(prompt), estimated(text)
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": OFFLINE_MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told},
    }


def offline_chunks(text: str, *, name: str, created: int) -> list[str]:
    """The same as the lines of a stream."""
    head = {"id": name, "object": "chat.completion.chunk", "created": created, "model": OFFLINE_MODEL}
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    lines = [json.dumps({**head, "choices": [choice]}) for choice in choices]
    return [each for line in lines for each in (f"data: {line}", "")]


def _said(answer: Any, part: str) -> str:  # noqa: ANN401  whatever the server sent
    for choice in answer["choices"] if part == "message" else answer.get("choices") or ():
        if choice.get("index", 0) == 0:
            return open_webui.text_of((choice.get(part) or {}).get("content"))
    return ""


def _checked(text: str, most_characters: int) -> str:
    if len(text) > most_characters:
        raise Invalid(f"messages: none must be longer than {most_characters} characters.")
    try:
        return plain(text)
    except ValueError as exc:
        raise Invalid(f"messages: each {exc}.") from exc
