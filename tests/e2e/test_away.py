"""Parts of a running instance killed, held still or full: the API goes on, and all of it heals without a restart.

Each of the tests leaves the instance whole. What the API answers without MySQL, call by call, is in
tests/integration/test_api_away.py; without an answer of a language model, in tests/integration/test_api_chat.py;
learning with a language model that is away, in test_language_model.py.
"""

import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

import httpx
import psutil
import pytest

from connectors import register
from devstack import connect, mysql
from tests.support.deadline import wait_until
from tests.support.embedding_server import embedding_server
from tests.support.instance import RunningInstance, instance_at
from tests.support.llm_server import LlmServer, fails, llm_server, says
from tests.support.services import free_ports, soon

_numbers = count(1)
#: For an answer that somebody waits for.
_SOON_S = 30.0


class Embedder:
    """An embedding server at one address, which can be away."""

    def __init__(self) -> None:
        [self.port] = free_ports(1)
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Is there."""
        self._running.enter_context(embedding_server(self.port))

    def stop(self) -> None:
        """Is away."""
        self._running.close()


class Whole:
    """An instance with all its parts, and a client of it."""

    def __init__(
        self, instance: RunningInstance, client: httpx.Client, embedder: Embedder, model: LlmServer
    ) -> None:
        self.instance = instance
        self.embedder = embedder
        self.model = model
        self.client = client
        self.stack = instance.stack()
        self.secrets = instance.secrets()

    def say(self, user: str, content: str) -> int:
        """Posts a message, which has to be taken, and returns its id."""
        body = {"user_id": user, "role": "user", "content": content}
        answer = self.client.post("/v1/messages", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["message_id"])

    def recall(self, user: str, query: str = "the ferry") -> dict[str, Any]:
        """What is recalled, which has to be answered whatever is away."""
        answer = self.client.get("/v1/memories", params={"user_id": user, "query": query, "min_score": 0})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def recalled(self, user: str) -> set[int]:
        """The messages that memories are recalled of."""
        memories = self.recall(user)["memories"]
        return {source["message_id"] for memory in memories for source in memory["sources"]}

    def pending(self, user: str) -> set[int]:
        """The messages that are told as they were said."""
        return {row["message_id"] for row in self.recall(user)["pending"]}

    def is_learned(self, user: str, *message_ids: int) -> bool:
        """Whether memories of these messages are recalled, and nothing is degraded or pending."""
        told = self.recall(user)
        return not told["degraded"] and not told["pending"] and self.recalled(user) >= set(message_ids)

    def waits(self, stage: str) -> str:
        """What a stage waits for."""
        stages = self.client.get("/v1/admin/status").raise_for_status().json()["stages"]
        return next((each["waiting_for"] or "" for each in stages if each["name"] == stage), "")

    def calls_that_need_mysql(self, user: str) -> list[httpx.Response]:
        """What is answered to writing, chatting and recalling; fails where it takes long."""
        calls: list[Callable[..., httpx.Response]] = [
            partial(self.client.post, "/v1/messages", json={"user_id": user, "role": "user", "content": "a"}),
            partial(self.client.post, "/v1/chat", json={"user_id": user, "message": "a"}),
            partial(self.client.get, "/v1/memories", params={"user_id": user, "query": "a"}),
        ]
        return [call(timeout=_SOON_S) for call in calls]

    def chats(self, user: str) -> None:
        """A turn of chat, which has to be answered."""
        answer = self.client.post("/v1/chat", json={"user_id": user, "message": "When does the ferry leave?"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["reply"] == "At nine."


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    embedder = Embedder()
    with (
        llm_server(says("At nine.")) as model,
        instance_at(tmp_path_factory.mktemp("away") / "home") as instance,
    ):
        embedder.start()
        instance.settings = {
            "OBOEGAKI_EMBEDDER": "tei",
            "OBOEGAKI_EMBEDDER_URL": embedder.url,
            "OBOEGAKI_LLM_URL": model.url,
            "OBOEGAKI_LLM_MODEL": "m",
            "OBOEGAKI_EXTRACTOR": "offline",
        }
        instance.command("up")
        instance.serve()
        with instance.client() as client:
            yield Whole(instance, client, embedder, model)
        embedder.stop()


@pytest.fixture
def user() -> str:
    return f"user {next(_numbers)}"


@pytest.fixture
def known(whole: Whole, user: str) -> int:
    """A message of the user's that is learned; so is the whole instance at work before anything goes away."""
    message = whole.say(user, "I take the ferry to work.")
    wait_until(lambda: whole.is_learned(user, message))
    return message


@pytest.mark.parametrize("part", ["kafka", "connect"])
def test_chat_works_with_kafka_or_connect_down_and_learning_goes_on_once_it_is_back(
    whole: Whole, user: str, known: int, part: str
) -> None:
    whole.instance.part(part).kill()
    said = whole.say(user, f"I sold the ferry while {part} was away.")
    told = whole.recall(user)
    whole.chats(user)

    assert (told["degraded"], whole.recalled(user)) == (False, {known})
    assert said in whole.pending(user)
    whole.instance.command("up")
    wait_until(lambda: whole.is_learned(user, known, said), 120)


@pytest.mark.parametrize("part", ["kafka", "connect"])
def test_chat_works_with_kafka_or_connect_hanging_and_learning_goes_on_once_it_is_let_go(
    whole: Whole, user: str, known: int, part: str
) -> None:
    held = whole.instance.part(part)
    held.send_signal(signal.SIGSTOP)
    try:
        said = whole.say(user, f"I sold the ferry while {part} hung.")
        whole.chats(user)
        assert whole.recalled(user) == {known}
        assert said in whole.pending(user)
    finally:
        held.send_signal(signal.SIGCONT)

    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_with_mysql_killed_every_call_says_so_and_all_goes_on_once_it_is_back(
    whole: Whole, user: str, known: int
) -> None:
    whole.instance.part("mysql").kill()
    answers = whole.calls_that_need_mysql(user)
    whole.instance.command("up")

    assert_all_told_to_try_again(answers)
    said = whole.say(user, "I bought another ferry.")
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_with_mysql_held_still_every_call_says_so_soon_and_all_goes_on_once_it_is_let_go(
    whole: Whole, user: str, known: int
) -> None:
    held = whole.instance.part("mysql")
    held.send_signal(signal.SIGSTOP)
    try:
        answers = whole.calls_that_need_mysql(user)
    finally:
        held.send_signal(signal.SIGCONT)

    assert_all_told_to_try_again(answers)
    said = whole.say(user, "I bought a third ferry.")
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def assert_all_told_to_try_again(answers: Sequence[httpx.Response]) -> None:
    assert [answer.status_code for answer in answers] == [503] * len(answers)
    assert {answer.headers["Retry-After"] for answer in answers} == {"2"}


def test_a_connector_that_failed_while_mysql_was_away_is_restarted_by_the_watch(
    whole: Whole, user: str, known: int
) -> None:
    url = f"{whole.stack.connect_url()}/connectors/{register.NAME}/restart"
    whole.instance.part("mysql").kill()
    httpx.post(
        url, params={"includeTasks": "true"}, auth=connect.auth(whole.secrets), trust_env=False
    ).raise_for_status()
    wait_until(lambda: "FAILED" in whole.waits("connector"), 120)

    # MySQL alone comes back: nobody registers the connector again.
    mysql.wait(whole.stack, mysql.start(whole.stack, whole.secrets), soon())
    said = whole.say(user, "I sold the ferry again.")

    wait_until(lambda: whole.is_learned(user, known, said), 120)
    wait_until(lambda: not whole.waits("connector"))


def test_chat_works_with_the_embedder_down_and_recall_shows_what_was_said(
    whole: Whole, user: str, known: int
) -> None:
    whole.embedder.stop()
    try:
        said = whole.say(user, "I take the train now.")
        # Not what was asked before: its vector is known.
        told = whole.recall(user, "Which train?")
        whole.chats(user)
    finally:
        whole.embedder.start()

    assert (told["degraded"], told["memories"]) == (True, [])
    assert {row["message_id"] for row in told["pending"]} >= {known, said}
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_an_embedder_that_is_away_at_the_start_is_waited_for(whole: Whole, user: str, known: int) -> None:
    whole.instance.stop_serving()
    whole.embedder.stop()
    try:
        whole.instance.serve()
        said = whole.say(user, "I take the train now.")
        told = whole.recall(user)
        whole.chats(user)
    finally:
        whole.embedder.start()

    assert told["degraded"]
    assert {row["message_id"] for row in told["pending"]} >= {known, said}
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_chat_works_with_no_room_for_the_store_and_learning_goes_on_once_there_is(
    whole: Whole, user: str, known: int
) -> None:
    served = psutil.Process(whole.instance.served.pid if whole.instance.served else 0)
    before = served.rlimit(resource.RLIMIT_FSIZE)
    # No file of this one process may grow any more: as on a full disk, writing fails.
    served.rlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        said = whole.say(user, "I repaired the ferry.")
        wait_until(lambda: whole.waits("extract") or whole.waits("project"), 120)
        told = whole.recall(user)
        whole.chats(user)
    finally:
        served.rlimit(resource.RLIMIT_FSIZE, before)

    assert said in {row["message_id"] for row in told["pending"]}
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_chat_works_with_the_consumer_not_begun_as_it_waits_for_kafka(whole: Whole, user: str, known: int) -> None:
    whole.instance.stop_serving()
    whole.instance.part("kafka").kill()
    whole.instance.serve()
    said = whole.say(user, "I painted the ferry.")
    whole.chats(user)
    wait_until(lambda: "Kafka" in whole.waits("learning"))

    assert whole.recalled(user) == {known}
    assert said in whole.pending(user)
    whole.instance.command("up")
    wait_until(lambda: whole.is_learned(user, known, said), 120)


def test_with_the_language_model_away_what_was_said_is_kept_and_recalled(
    whole: Whole, user: str, known: int
) -> None:
    script = whole.model.script
    whole.model.script = lambda _asked: fails(503)
    try:
        answer = whole.client.post("/v1/chat", json={"user_id": user, "message": "I paint ferries."})
        said = whole.say(user, "I paint ferries in blue.")
    finally:
        whole.model.script = script

    assert answer.status_code == 502
    wait_until(lambda: whole.is_learned(user, known, said))
    whole.chats(user)
    assert len(whole.recalled(user)) == 3
