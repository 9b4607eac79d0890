"""Each thread that asks a model reads the answer that it got itself."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

from memory_consumer.extractors.model.client import Format, Heard, Model
from memory_consumer.extractors.model.prompt import Prompt
from memory_consumer.extractors.model.usage import Tally
from tests.support.llm_server import Reply, says


class Received:
    """An HTTP response that has come."""

    def __init__(self, reply: Reply) -> None:
        self.content = reply.body

    def read(self) -> bytes:
        """The body."""
        return self.content


class AllAtOnce:
    """A provider of Mem0's in which every thread has received its answer before any goes on."""

    def __init__(self, heard: Heard, threads: int) -> None:
        self._heard = heard
        self._received = Barrier(threads)

    def generate_response(self, messages: list[dict[str, str]], response_format: Format = None) -> str:
        """Says what it was asked."""
        del response_format
        self._heard(Received(says(messages[-1]["content"])))
        self._received.wait()
        return ""


def test_answers_that_come_at_the_same_moment_are_not_mixed_up() -> None:
    heard = Heard()
    model = Model(AllAtOnce(heard, 3), heard, plain=None, seconds=1, report=Tally(), timer=lambda: 0.0, at_once=3)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(model.ask, [Prompt("", word) for word in "abc"]))

    assert [answer.content for answer in answers] == ["a", "b", "c"]


class Counting:
    """Notes how many calls are under way at once, at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way = 0
        self.most = 0

    def generate_response(self, messages: list[dict[str, str]], response_format: Format = None) -> str:
        """Answers nothing, and is seen while it does."""
        del messages, response_format
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        Event().wait(0.01)
        with self._lock:
            self._under_way -= 1
        return "{}"


def test_no_more_calls_are_made_at_once_than_the_server_answers() -> None:
    llm = Counting()
    model = Model(llm, Heard(), plain=None, seconds=1, report=Tally(), timer=lambda: 0.0, at_once=2)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(model.ask, [Prompt("", "a")] * 12))

    assert llm.most <= 2
