"""Live load: users who write, edit, delete and suppress through the API, and note what was answered."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event, Lock
from typing import Any

import httpx

from memory_consumer.extractors import offline
from memory_consumer.records.facts import fact_hash, fact_ref
from tests.chaos.history import Call, Delete, Edit, History, Said, Suppress, Suppressed, Write
from tests.support.deadline import wait_until
from tests.support.model import told

#: A call that takes longer is given up: what became of it is not known then.
_ANSWER_S = 8.0
#: Between two calls of a user, and between two tries.
_PAUSE_S = 1.2
#: How often a call that was not answered is not sent again.
_GIVEN_UP = 0.2
_CONVERSATIONS = ("朝", "evening")
#: Of two facts, one and none.
_SAID = (
    "I saw ship {n} in the harbour this morning. I painted it blue with my brother on the old quay.",
    "今朝、港で船{n}号を長いあいだ見ていました。そのあと、弟と二人で古い岸壁に立って、船を青い色に塗りました。",
    "My berth is number {n}.",
    "Thanks!",
)


class Answers:
    """How many calls were answered, and how. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.by_status: Counter[int] = Counter()
        self.acknowledged = 0
        self.unanswered = 0

    def count(self, answer: httpx.Response | None) -> None:
        """Counts an answer, or that there was none."""
        with self._lock:
            if answer is not None:
                self.by_status[answer.status_code] += 1
            if answer is None or answer.is_server_error:
                self.unanswered += 1
            else:
                self.acknowledged += 1


class Talker:
    """A user. Each message has a name of its own, by which a second try is told from a new message."""

    def __init__(
        self, user: str, client: httpx.Client, history: History, answers: Answers, chance: Random
    ) -> None:
        self.user = user
        self._client = client
        self._history = history
        self._answers = answers
        self._chance = chance
        self._written = 0
        #: Ids of messages that may be there, by name.
        self._ids: dict[str, int] = {}
        self._stopping = Event()
        self._listening = Event()

    def run(self) -> None:
        """Talks until it is told to stop."""
        while not self._stopping.wait(self._chance.uniform(0, _PAUSE_S)):
            if not self._listening.is_set():
                self._step()

    def listen(self, *, silent: bool) -> None:
        """Says no more for now, or goes on."""
        self._listening.set() if silent else self._listening.clear()

    def stop(self) -> None:
        """Ends talking. What is not answered yet is left so."""
        self._stopping.set()

    def says(self, content: str) -> int:
        """Writes a message, however often it must be sent, and returns its id."""
        message = self._write(content, insistent=True)
        assert message is not None
        return message

    def _step(self) -> None:
        act = self._chance.choices((self._writes, self._edits, self._deletes, self._suppresses), (5, 2, 1, 2))[0]
        if act is self._writes or not self._ids:
            self._writes()
        else:
            act(self._chance.choice(list(self._ids)))

    def _writes(self, _name: str = "") -> None:
        self._write(self._words())

    def _write(self, content: str, *, insistent: bool = False) -> int | None:
        name = f"{self.user}/{self._written}"
        self._written += 1
        suppressed: Suppressed = self._chance.choices(("all", None), (1, 9))[0]
        conversation = self._chance.choice(_CONVERSATIONS)
        said = Said(content, None if insistent else suppressed)
        body = {
            "user_id": self.user,
            "role": "user",
            "content": content,
            "conversation_id": conversation,
            "external_id": name,
            "suppressed": said.suppressed,
        }
        answer = self._send(name, Write(said), "POST", "/v1/messages", insistent=insistent, json=body)
        if answer is None:
            return None
        self._history.answered(name, Write(said))
        self._ids[name] = int(answer.json()["message_id"])
        return self._ids[name]

    def _edits(self, name: str) -> None:
        content = self._words()
        self._change(name, Edit(content), "PATCH", json={"content": content})

    def _suppresses(self, name: str) -> None:
        suppressed = self._chance.choice(("all", None, self._first_fact(name)))
        body = list(suppressed) if isinstance(suppressed, tuple) else suppressed
        self._change(name, Suppress(suppressed), "PATCH", json={"suppressed": body})

    def _deletes(self, name: str) -> None:
        self._change(name, Delete(), "DELETE")

    def _change(self, name: str, call: Call, method: str, **request: Any) -> None:  # noqa: ANN401  httpx' own
        path = f"/v1/messages/{self._ids[name]}"
        answer = self._send(name, call, method, path, params={"user_id": self.user}, **request)
        if answer is None:
            return
        found = answer.status_code != httpx.codes.NOT_FOUND
        self._history.answered(name, call, found=found)
        if not found or isinstance(call, Delete):
            del self._ids[name]

    def _send(
        self,
        name: str,
        call: Call,
        method: str,
        path: str,
        *,
        insistent: bool = False,
        **request: Any,  # noqa: ANN401  httpx' own
    ) -> httpx.Response | None:
        """The answer; None where the call was given up."""
        while True:
            answer = self._tried(method, path, **request)
            self._answers.count(answer)
            if answer is not None and not answer.is_server_error:
                if answer.status_code != httpx.codes.NOT_FOUND:
                    answer.raise_for_status()
                return answer
            self._history.unanswered(name, call)
            gives_up = self._chance.random() < _GIVEN_UP
            if (self._stopping.wait(self._chance.uniform(0, _PAUSE_S)) or gives_up) and not insistent:
                return None

    def _tried(self, method: str, path: str, **request: Any) -> httpx.Response | None:  # noqa: ANN401
        try:
            return self._client.request(method, path, timeout=_ANSWER_S, **request)
        except httpx.TransportError:
            return None

    def _words(self) -> str:
        # A number of its own for each wording, so that no two revisions are the same.
        number = f"{self.user}-{self._written}-{self._chance.randrange(10**9)}"
        return self._chance.choice(_SAID).format(n=number)

    def _first_fact(self, name: str) -> Suppressed:
        said = next((state for state in self._history.may_be(name) if state is not None), None)
        if said is None:
            return None
        first = told(said.content)[:1]
        return tuple(fact_ref(offline.EXTRACTOR.version, fact_hash(text)) for text in first) or None


class Load:
    """Users who talk at the same time."""

    def __init__(self, talkers: Sequence[Talker], answers: Answers, talking: Sequence[Future[None]]) -> None:
        self.talkers = talkers
        self.answers = answers
        self._talking = talking

    def goes_on(self, calls: int) -> None:
        """Waits until so many more calls were acknowledged."""
        self._reaches(lambda: self.answers.acknowledged, calls)

    def stalls(self) -> None:
        """Waits until one more call was not answered."""
        self._reaches(lambda: self.answers.unanswered, 1)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Nobody says anything more, so that what was said can be learned on a slow machine too."""
        for talker in self.talkers:
            talker.listen(silent=True)
        try:
            yield
        finally:
            for talker in self.talkers:
                talker.listen(silent=False)

    def end(self) -> None:
        """Ends all talking. Raises what a user met with that may not be."""
        for talker in self.talkers:
            talker.stop()
        for each in self._talking:
            each.result(60)

    def _reaches(self, count: Callable[[], int], more: int) -> None:
        wanted = count() + more

        def reached() -> bool:
            for each in self._talking:
                if each.done():
                    each.result()
            return count() >= wanted

        wait_until(reached, 120)


@contextmanager
def talking(users: Sequence[str], client: httpx.Client, history: History, chance: Random) -> Iterator[Load]:
    """Users who talk until the end."""
    answers = Answers()
    talkers = [
        Talker(user, client, history, answers, Random(chance.random()))  # noqa: S311  which calls does not matter
        for user in users
    ]
    with ThreadPoolExecutor(len(talkers)) as threads:
        load = Load(talkers, answers, [threads.submit(each.run) for each in talkers])
        try:
            yield load
        finally:
            for talker in talkers:
                talker.stop()
