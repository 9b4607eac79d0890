"""A language model behind one of Mem0's providers: a prompt in, an answer or one of our errors out."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from memory_consumer.extractors.model.answer import Answer
from memory_consumer.extractors.model.completion import answer_in
from memory_consumer.extractors.model.failures import status_of, translated
from memory_consumer.extractors.model.prompt import Prompt
from memory_consumer.extractors.model.usage import Call, Report

Format = dict[str, str] | None

_JSON: Format = {"type": "json_object"}
#: What servers answer that do not know that format; LM Studio is one.
_REFUSED = (400, 422)


class Llm(Protocol):
    """What is used of Mem0's providers."""

    def generate_response(self, messages: list[dict[str, str]], response_format: Format = None) -> Any:  # noqa: ANN401
        """What the model says, as a rule a text."""


class Response(Protocol):
    """What is used of an HTTP response."""

    @property
    def content(self) -> bytes:
        """The body."""

    def read(self) -> bytes:
        """Reads the body."""


class Heard(threading.local):
    """The latest HTTP body that the calling thread received: what Mem0's providers leave out stands there."""

    body: bytes | None = None

    def __call__(self, response: Response) -> None:
        """Called by the HTTP client with each response, in the thread that asked."""
        response.read()
        self.body = response.content

    def take(self) -> bytes | None:
        """That body, once."""
        body, self.body = self.body, None
        return body


class Model:
    """Asks a model. Safe to call from several threads."""

    def __init__(
        self,
        llm: Llm,
        heard: Heard,
        *,
        plain: Format,
        seconds: float,
        report: Report,
        timer: Callable[[], float],
        at_once: int = 1,
    ) -> None:
        """So many calls at once at most: who waits for a turn does not wait within the time-out."""
        self._turns = threading.Semaphore(at_once)
        self._llm = llm
        self._heard = heard
        self._plain = plain
        self._seconds = seconds
        self._report = report
        self._timer = timer
        self._format = _JSON
        self._has_answered = False

    def ask(self, prompt: Prompt) -> Answer:
        """The model's answer; blocks for as long as it takes, up to the time-out.

        Raises Transient (Busy where it asks to wait), Invalid where the server refuses this very prompt.
        """
        outcome = self._call(prompt, self._format)
        if not isinstance(outcome, Answer) and self._format == _JSON and status_of(outcome) in _REFUSED:
            outcome = self._once_more_without(prompt)
        if isinstance(outcome, Answer):
            self._has_answered = True
            return outcome
        # Without its cause: its text may quote what was said, and a log would show it.
        raise translated(outcome, seconds=self._seconds, has_answered=self._has_answered) from None

    def _once_more_without(self, prompt: Prompt) -> Answer | Exception:
        outcome = self._call(prompt, self._plain)
        if isinstance(outcome, Answer):
            self._format = self._plain
        return outcome

    def _call(self, prompt: Prompt, wanted: Format) -> Answer | Exception:
        with self._turns:
            started = self._timer()
            try:
                outcome: Answer | Exception = self._answer(prompt, wanted)
            except Exception as exc:  # noqa: BLE001  the seam: each of Mem0's providers has errors of its own
                outcome = exc
            took = self._timer() - started
        self._report(_call_of(prompt, outcome, took))
        return outcome

    def _answer(self, prompt: Prompt, wanted: Format) -> Answer:
        self._heard.take()
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        text = self._llm.generate_response(messages, response_format=wanted)
        body = self._heard.take()
        if body is not None:
            return answer_in(body)
        if not isinstance(text, str | None):
            raise TypeError("The answer is no text.")
        return Answer(text)


def _call_of(prompt: Prompt, outcome: Answer | Exception, seconds: float) -> Call:
    answer = outcome if isinstance(outcome, Answer) else Answer(None)
    return Call(
        prompt_characters=prompt.characters,
        answer_characters=len(answer.content or "") + sum(map(len, answer.tool_calls)),
        prompt_tokens=answer.prompt_tokens,
        answer_tokens=answer.answer_tokens,
        seconds=seconds,
        answered=isinstance(outcome, Answer),
    )
