"""What every stack does for whoever only calls it: native, in containers, or an instance that is there already."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.deadline import wait_until
from tests.support.instance import RunningInstance

pytestmark = pytest.mark.stacks("containers", "server", "existing")


@pytest.fixture
def client(serving: RunningInstance) -> Iterator[httpx.Client]:
    with serving.client() as made:
        yield made


@pytest.fixture
def user(client: httpx.Client) -> Iterator[str]:
    """Somebody new, of whom nothing stays."""
    name = f"guest-{uuid4().hex}"
    yield name
    for conversation in client.get("/v1/conversations", params={"user_id": name}).json()["conversations"]:
        client.delete(f"/v1/conversations/{conversation['conversation_id']}", params={"user_id": name})


def say(client: httpx.Client, user: str, content: str) -> int:
    told = {"user_id": user, "role": "user", "content": content, "conversation_id": "c"}
    return int(client.post("/v1/messages", json=told).raise_for_status().json()["message_id"])


def texts(client: httpx.Client, user: str) -> list[str]:
    """What is remembered, once all is learned."""
    asked = {"user_id": user}
    wait_until(lambda: client.get(f"/v1/users/{user}/freshness").json().get("unlearned") == 0, 120)
    return sorted(each["text"] for each in client.get("/v1/memories", params=asked).json()["memories"])


def test_what_is_said_edited_and_deleted_is_remembered_so(client: httpx.Client, user: str) -> None:
    kept, edited, deleted = (say(client, user, f"I have a {animal}.") for animal in ("cat", "dog", "fox"))
    before = texts(client, user)
    client.patch(f"/v1/messages/{edited}", params={"user_id": user}, json={"content": "I have a hen."})
    client.delete(f"/v1/messages/{deleted}", params={"user_id": user}).raise_for_status()
    after = texts(client, user)

    assert kept
    assert before == ["I have a cat.", "I have a dog.", "I have a fox."]
    assert after == ["I have a cat.", "I have a hen."]


def test_a_question_finds_what_answers_it(client: httpx.Client, user: str) -> None:
    say(client, user, "来月、京都へ引っ越します。柴犬のモカも一緒です。")
    texts(client, user)
    asked = {"user_id": user, "query": "犬の名前は？"}
    found = client.get("/v1/memories", params=asked).json()["memories"]

    assert "モカ" in found[0]["text"]


def test_without_a_model_the_reply_tells_what_is_remembered(client: httpx.Client, user: str) -> None:
    say(client, user, "I am allergic to buckwheat.")
    texts(client, user)
    answer = client.post("/v1/chat", json={"user_id": user, "message": "What am I allergic to?"}).json()

    assert "buckwheat" in answer["reply"]


def test_a_memory_that_is_added_is_learned_word_for_word_and_its_correction_in_its_place(
    client: httpx.Client, user: str
) -> None:
    asked = {"user_id": user}
    told = asked | {"text": "Hi! I am allergic to nuts.\nAm I?", "pinned": True, "conversation_id": "c"}
    added = client.post("/v1/memories", json=told).raise_for_status().json()
    before = texts(client, user)
    url = f"/v1/memories/{added['id']}"
    corrected = client.patch(url, params=asked, json={"text": "お茶が好き。"}).raise_for_status().json()
    after = texts(client, user)

    assert (before, after) == (["Hi! I am allergic to nuts.\nAm I?"], ["お茶が好き。"])
    assert client.get(f"/v1/memories/{corrected['id']}/why", params=asked).json()["in_place_of"] == added["id"]
    assert [line["text"] for line in client.get(f"/v1/users/{user}/profile").json()["lines"]] == ["お茶が好き。"]
