"""The one process killed again and again in the middle of an import: nothing lost, nothing doubled."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx

from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance
from tests.support.model import assert_is_the_fold, rows_of, stored_in

KILLS = 20
USERS = ("ハハ", "パパ", "alice")


class Importer:
    """Writes, edits and deletes until it is told to stop; what was not answered is sent again."""

    def __init__(self, instance: RunningInstance) -> None:
        self._instance = instance
        self._chance = random.Random(20)  # noqa: S311  which ones does not matter
        self.sent = 0

    def run(self, enough: Event) -> None:
        with self._instance.client() as client:
            while not enough.is_set():
                self._step(client)

    def _step(self, client: httpx.Client) -> None:
        user = self._chance.choice(USERS)
        first = self.sent
        messages = [
            {"role": "user", "content": f"I saw ship number {n}.", "external_id": f"{n}", "conversation_id": "c"}
            for n in range(first, first + 5)
        ]
        answer = self._send(client, "POST", "/v1/messages", json={"user_id": user, "messages": messages})
        ids = [added["message_id"] for added in answer.json()["messages"]]
        self.sent += 5
        params = {"user_id": user}
        self._send(client, "PATCH", f"/v1/messages/{ids[1]}", params=params, json={"content": "A whale instead."})
        self._send(client, "DELETE", f"/v1/messages/{ids[3]}", params=params)

    def _send(self, client: httpx.Client, method: str, path: str, **request: object) -> httpx.Response:
        while True:
            try:
                answer = client.request(method, path, **request)  # type: ignore[arg-type]
            except httpx.TransportError:
                continue
            if answer.status_code in (503, 404) and method == "DELETE":
                # Deleted by the try that was not answered.
                return answer
            if answer.status_code != 503:
                answer.raise_for_status()
                return answer


def test_twenty_hard_kills_in_the_middle_of_an_import_lose_and_double_nothing(instance: RunningInstance) -> None:
    chance, enough, importer = random.Random(21), Event(), Importer(instance)  # noqa: S311  when does not matter
    instance.serve()
    with ThreadPoolExecutor(1) as threads:
        importing = threads.submit(importer.run, enough)
        for _ in range(KILLS):
            _wait_until_sent(importer, importer.sent + chance.randrange(5, 60))
            instance.kill()
            instance.serve()
        enough.set()
        importing.result(60)
    with instance.client() as client:
        wait_until(lambda: all(_backlog(client, user) == 0 for user in USERS), 120)
    instance.stop_serving()

    assert importer.sent > KILLS * 5
    assert_is_the_fold(stored_in(instance.home), rows_of(instance.database()))


def _wait_until_sent(importer: Importer, messages: int) -> None:
    wait_until(lambda: importer.sent >= messages)


def _backlog(client: httpx.Client, user: str) -> int | None:
    """None while there are no memories yet: none of those that were killed may have lived until there were."""
    backlog: int | None = client.get(f"/v1/users/{user}/freshness").json().get("unlearned")
    return backlog
