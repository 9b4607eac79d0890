"""A chat completion as OpenAI-compatible servers send it, read without trusting it. Pure."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from memory_consumer.extractors.model.answer import Answer


class _Part(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Function(_Part):
    arguments: str | dict[str, Any] = ""

    def as_json(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


class _ToolCall(_Part):
    function: _Function


class _Text(_Part):
    text: str = ""


class _Said(_Part):
    content: str | list[_Text] | None = None
    refusal: str | None = None
    #: Where servers put the thinking, each by its own name.
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None

    def text(self) -> str | None:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content

    def calls(self) -> tuple[str, ...]:
        functions = [call.function for call in self.tool_calls or ()]
        functions += [self.function_call] if self.function_call else []
        return tuple(function.as_json() for function in functions)


class _Choice(_Part):
    message: _Said
    finish_reason: str | None = None


class _Usage(_Part):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(_Part):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def answer_in(body: bytes) -> Answer:
    """The answer in the body of a completion. Raises ValueError where it is none."""
    completion = _Completion.model_validate_json(body)
    choice, usage = completion.choices[0], completion.usage or _Usage()
    said = choice.message
    return Answer(
        content=said.text(),
        finish_reason=choice.finish_reason,
        refusal=said.refusal,
        reasoned=bool(said.reasoning_content or said.reasoning),
        tool_calls=said.calls(),
        prompt_tokens=usage.prompt_tokens,
        answer_tokens=usage.completion_tokens,
    )
