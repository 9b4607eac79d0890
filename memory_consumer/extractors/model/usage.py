"""What asking a language model costs, call by call and in total."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the model; tokens where the server tells them, seconds until its answer or its failure."""

    prompt_characters: int
    answer_characters: int
    prompt_tokens: int | None
    answer_tokens: int | None
    seconds: float
    answered: bool


#: Is told of every call, from whichever thread made it; must be quick and must not raise.
Report = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class Totals:
    """All calls so far."""

    calls: int = 0
    failed: int = 0
    prompt_characters: int = 0
    answer_characters: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0

    def after(self, call: Call) -> "Totals":
        """With one more call."""
        return Totals(
            calls=self.calls + 1,
            failed=self.failed + (not call.answered),
            prompt_characters=self.prompt_characters + call.prompt_characters,
            answer_characters=self.answer_characters + call.answer_characters,
            prompt_tokens=self.prompt_tokens + (call.prompt_tokens or 0),
            answer_tokens=self.answer_tokens + (call.answer_tokens or 0),
            seconds=self.seconds + call.seconds,
        )


class Tally:
    """Adds up calls of several threads; call it as the report."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._totals = Totals()

    def __call__(self, call: Call) -> None:
        """Adds a call."""
        with self._lock:
            self._totals = self._totals.after(call)

    def totals(self) -> Totals:
        """What it has come to."""
        with self._lock:
            return self._totals
