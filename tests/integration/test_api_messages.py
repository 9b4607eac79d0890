"""Messages and conversations over HTTP, on real rows."""

from urllib.parse import quote

import pytest

from tests.support.api import Api


def test_a_message_is_written_and_read_back_with_the_speakers_offset(api: Api, user: str) -> None:
    posted = api.client.post(
        "/v1/messages",
        json={
            "user_id": user,
            "role": "note",
            "content": "京都へ行く",
            "conversation_id": "旅/2026",
            "external_id": "x 1",
            "created_at": "2026-03-02T09:00:00.123456+09:00",
            "suppressed": ["offline-1:" + "0" * 32],
            "metadata": {"k": [1, None]},
            "agent_id": "cli",
        },
    )
    message_id = posted.json()["message_id"]
    read = api.client.get(f"/v1/messages/{message_id}", params={"user_id": user})

    assert posted.status_code == 201
    assert posted.json() == {
        "message_id": message_id,
        "conversation_id": "旅/2026",
        "external_id": "x 1",
        "created": True,
    }
    assert read.status_code == 200
    expected = {
        "role": "note",
        "content": "京都へ行く",
        "created_at": "2026-03-02T09:00:00.123456+09:00",
        "suppressed": ["offline-1:" + "0" * 32],
        "metadata": {"k": [1, None]},
        "agent_id": "cli",
    }
    assert expected.items() <= read.json().items()


def test_a_repeat_answers_200_and_a_difference_409(api: Api, user: str) -> None:
    body = {"user_id": user, "role": "user", "content": "a", "external_id": "x"}
    first = api.client.post("/v1/messages", json=body)
    again = api.client.post("/v1/messages", json=body)
    other = api.client.post("/v1/messages", json=body | {"content": "secret"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json() | {"created": False}
    assert "'x'" in other.json()["detail"]
    assert "secret" not in other.text


def test_many_are_written_in_order_or_not_at_all(api: Api, user: str) -> None:
    def post(*texts: str) -> int:
        messages = [
            {"role": "user", "content": text, "external_id": text[0], "conversation_id": "c"} for text in texts
        ]
        answer = api.client.post("/v1/messages", json={"user_id": user, "messages": messages})
        return answer.status_code

    assert post("a", "b") == 201
    assert post("a", "b") == 200
    assert post("c", "b differs") == 409
    assert post("b", "d") == 201
    listed = api.client.get("/v1/conversations/c/messages", params={"user_id": user}).json()["messages"]
    assert [message["content"] for message in listed] == ["a", "b", "d"]


def test_an_edit_leaves_what_it_does_not_name(api: Api, user: str) -> None:
    message_id = api.say(user, "a", metadata={"k": 1})
    url, params = f"/v1/messages/{message_id}", {"user_id": user}
    edited = api.client.patch(url, params=params, json={"content": "b", "suppressed": "all"})
    cleared = api.client.patch(url, params=params, json={"suppressed": None, "metadata": None})

    assert (edited.json()["content"], edited.json()["suppressed"]) == ("b", "all")
    assert edited.json()["metadata"] == {"k": 1}
    assert (cleared.json()["content"], cleared.json()["suppressed"], cleared.json()["metadata"]) == (
        "b",
        None,
        None,
    )


def test_what_we_say_in_metadata_is_kept_and_cannot_be_written(api: Api, user: str) -> None:
    said = api.client.post("/v1/chat", json={"user_id": user, "message": "tea"}).json()
    url, params = f"/v1/messages/{said['reply_message_id']}", {"user_id": user}
    ours = {"oboegaki": {"reply_to": said["message_id"]}}
    forged = {"k": 1, "oboegaki": {"reply_to": 7}}
    posted = api.say(user, "a", metadata=forged)

    assert api.rows.get(user, posted).metadata == {"k": 1}
    assert api.client.patch(url, params=params, json={"metadata": forged}).json()["metadata"] == {"k": 1, **ours}
    assert api.client.patch(url, params=params, json={"metadata": None}).json()["metadata"] == ours


def test_a_deleted_message_is_gone(api: Api, user: str) -> None:
    url, params = f"/v1/messages/{api.say(user, 'a')}", {"user_id": user}

    assert api.client.delete(url, params=params).status_code == 204
    assert api.client.get(url, params=params).status_code == 404
    assert api.client.delete(url, params=params).status_code == 404


@pytest.mark.parametrize("conversation", ["a/b", "a/messages", "/", "..", "?#&", "100%", "日本 語", "x" * 255])
def test_conversations_of_any_name_can_be_read_and_deleted(api: Api, user: str, conversation: str) -> None:
    api.say(user, "one", conversation_id=conversation)
    api.say(user, "two", conversation_id="another")
    url = f"/v1/conversations/{quote(conversation, safe='').replace('.', '%2E')}"

    read = api.client.get(f"{url}/messages", params={"user_id": user})
    assert [message["content"] for message in read.json()["messages"]] == ["one"]
    deleted = api.client.delete(url, params={"user_id": user})
    assert deleted.json()["deleted"] == 1
    left = api.client.get("/v1/conversations", params={"user_id": user}).json()["conversations"]
    assert [each["conversation_id"] for each in left] == ["another"]


def test_lists_come_page_by_page(api: Api, user: str) -> None:
    messages = [{"role": "user", "content": f"{n}", "conversation_id": f"c{n % 3}"} for n in range(9)]
    api.client.post("/v1/messages", json={"user_id": user, "messages": messages})
    params: dict[str, str | int] = {"user_id": user, "limit": 2}

    first = api.client.get("/v1/conversations", params=params).json()
    second = api.client.get("/v1/conversations", params=params | {"cursor": first["cursor"]}).json()
    names = [each["conversation_id"] for page in (first, second) for each in page["conversations"]]
    assert (names, second["cursor"]) == (["c0", "c1", "c2"], None)

    head = api.client.get("/v1/conversations/c0/messages", params=params).json()
    tail = api.client.get("/v1/conversations/c0/messages", params=params | {"after": head["after"]}).json()
    texts = [each["content"] for page in (head, tail) for each in page["messages"]]
    assert (texts, tail["after"]) == (["0", "3", "6"], None)


def test_every_route_is_described(api: Api) -> None:
    described = api.client.get("/openapi.json").json()
    operations = [each for path in described["paths"].values() for each in path.values()]

    assert all(each.get("summary") and each.get("description") for each in operations)
    plain = {path for path, each in described["paths"].items() if "422" not in str(each)}
    assert plain == {"/health/live", "/health/ready", "/metrics"}
    assert "application/problem+json" in described["paths"]["/v1/messages"]["post"]["responses"]["422"]["content"]
    assert described["components"]["securitySchemes"]
    assert "Problem" in described["components"]["schemas"]
