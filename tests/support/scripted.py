"""A language model that plays a part."""

from collections.abc import Callable, Sequence
from threading import Event, Lock

from memory_consumer.asking.windows import Found, Window
from memory_consumer.profiles.record import Line
from memory_consumer.profiles.writer import Item, within_budget
from tests.support.deadline import DEADLINE_S

Answer = Callable[[Window], tuple[Found, ...]]


def each_message(window: Window) -> tuple[Found, ...]:
    """One fact for each message of a user, in capitals."""
    return tuple(
        Found(turn.text.upper(), (turn.message_id,), "en") for turn in window.turns if turn.role == "user"
    )


class ScriptedModel:
    """A WindowExtractor that answers by a function, and keeps what it was asked."""

    version = "scripted-1"

    def __init__(self, answer: Answer = each_message) -> None:
        self._answer = answer
        self._lock = Lock()
        self.asked: list[Window] = []

    def extract(self, window: Window) -> tuple[Found, ...]:
        with self._lock:
            self.asked.append(window)
        return self._answer(window)


class Silent:
    """An answer that does not come before it is let go."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self.begun = Event()
        self.let_go = Event()

    def __call__(self, window: Window) -> tuple[Found, ...]:
        if window.user_id == self._user_id:
            self.begun.set()
            assert self.let_go.wait(DEADLINE_S)
        return each_message(window)


def one_line(items: Sequence[Item]) -> tuple[Line, ...]:
    """All that is shown in one line."""
    return within_budget([(" / ".join(item.text for item in items), range(1, len(items) + 1))], items)


class ScriptedWriter:
    """A ProfileWriter that answers by a function, and keeps what it was asked."""

    author = "scripted-writer-1"

    def __init__(self, answer: Callable[[Sequence[Item]], tuple[Line, ...]] = one_line) -> None:
        self._answer = answer
        self.asked: list[list[str]] = []

    def write(self, items: Sequence[Item]) -> tuple[Line, ...]:
        self.asked.append([item.text for item in items])
        return self._answer(items)
