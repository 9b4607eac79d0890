"""Each thread that asks a model reads the answer that it got itself."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

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
    model = Model(AllAtOnce(heard, 3), heard, plain=None, seconds=1, report=Tally(), timer=lambda: 0.0)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(model.ask, [Prompt("", word) for word in "abc"]))

    assert [answer.content for answer in answers] == ["a", "b", "c"]
