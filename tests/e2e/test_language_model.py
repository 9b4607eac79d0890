"""Learning with a language model, through every real part; the model is played by a server on this machine."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.deadline import wait_until
from tests.support.instance import instance_at
from tests.support.llm_server import LlmServer, Reply, fails, llm_server, says

_MESSAGE = re.compile(r"^\[(\d+)\] \d\d:\d\d user: (.*)$", re.MULTILINE)
_KNOWN = re.compile(r"^(\d+)\. (.*) \(\d{4}-\d\d-\d\d\)$", re.MULTILINE)


def model(asked: dict[str, Any]) -> Reply:
    """One fact per message of the user; where someone lives supersedes where they lived."""
    prompt = asked["messages"][-1]["content"]
    lived = [int(number) for number, text in _KNOWN.findall(prompt) if "に住んでいる" in text]
    return says({"memory": [_fact(int(number), text, lived) for number, text in _MESSAGE.findall(prompt)]})


def _fact(number: int, text: str, lived: list[int]) -> dict[str, object]:
    if home := re.search(r"(\w+?)に(?:住んで|引っ越し)", text):
        return {"text": f"ユーザーは{home[1]}に住んでいる。", "sources": [number], "supersedes": lived}
    return {"text": f"ユーザーは言った。{text}", "sources": [number]}


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with llm_server(script=model) as made:
        yield made


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, server: LlmServer) -> Iterator[httpx.Client]:
    with instance_at(tmp_path_factory.mktemp("model") / "home") as instance:
        instance.settings = {
            "OBOEGAKI_LLM_URL": server.url,
            "OBOEGAKI_LLM_MODEL": "m",
            "OBOEGAKI_WINDOW_IDLE": "PT0.3S",
        }
        instance.command("up")
        instance.serve()
        with instance.client() as client:
            yield client


def say(api: httpx.Client, user: str, text: str, **more: object) -> int:
    told = {"user_id": user, "role": "user", "content": text, **more}
    return int(api.post("/v1/messages", json=told).raise_for_status().json()["message_id"])


def learned(api: httpx.Client, user: str, message_id: int) -> None:
    asked = {"wait_for": message_id, "timeout": 60}
    assert api.get(f"/v1/users/{user}/freshness", params=asked).raise_for_status().json()["learned"]


def recalled(api: httpx.Client, user: str, query: str, **more: object) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"user_id": user, "query": query, **more}
    memories: list[dict[str, Any]] = api.get("/v1/memories", params=asked).raise_for_status().json()["memories"]
    return memories


def test_what_a_model_finds_is_recalled_with_the_message_it_rests_on(api: httpx.Client) -> None:
    message = say(api, "hanako", "京都に住んでいます。")
    learned(api, "hanako", message)

    [memory] = recalled(api, "hanako", "どこに住んでいますか")
    assert memory["text"] == "ユーザーは京都に住んでいる。"
    assert [source["message_id"] for source in memory["sources"]] == [message]


def test_a_changed_fact_stands_in_place_of_the_older_one_until_it_is_deleted(api: httpx.Client) -> None:
    learned(api, "taro", say(api, "taro", "札幌に住んでいます。"))
    moved = say(api, "taro", "那覇に引っ越しました。")
    learned(api, "taro", moved)

    def homes(**more: object) -> list[str]:
        return sorted(memory["text"] for memory in recalled(api, "taro", "どこに住んでいますか", **more))

    assert homes() == ["ユーザーは那覇に住んでいる。"]
    assert homes(history=True) == ["ユーザーは札幌に住んでいる。", "ユーザーは那覇に住んでいる。"]
    api.delete(f"/v1/messages/{moved}", params={"user_id": "taro"}).raise_for_status()
    wait_until(lambda: homes() == ["ユーザーは札幌に住んでいる。"])


@pytest.mark.parametrize("time", ["00:30", "08:30"])
def test_yesterday_is_the_speakers_yesterday(api: httpx.Client, time: str) -> None:
    user = f"jiro {time}"
    learned(api, user, say(api, user, "昨日、犬を飼い始めた。", created_at=f"2026-03-02T{time}:00+09:00"))

    [memory] = recalled(api, user, "犬はいつから？")
    assert "昨日（2026-03-01）" in memory["text"]


def test_nothing_is_lost_while_the_model_is_away_and_what_was_said_is_recalled_meanwhile(
    api: httpx.Client, server: LlmServer
) -> None:
    server.script = lambda _asked: fails(503)
    message = say(api, "yuki", "そばアレルギーです。")
    wait_until(lambda: any(stage["waiting_for"] for stage in stages(api) if stage["name"] == "ask"))
    asked = {"user_id": "yuki", "query": "食べられないもの"}
    pending = api.get("/v1/memories", params=asked).json()["pending"]
    server.script = model
    learned(api, "yuki", message)

    assert [each["message_id"] for each in pending] == [message]
    assert len(recalled(api, "yuki", "食べられないもの")) == 1


def test_status_tells_the_extractor_and_what_asking_costs(api: httpx.Client) -> None:
    learned(api, "ken", say(api, "ken", "猫を飼っています。"))
    by_name = {stage["name"]: stage for stage in stages(api)}

    assert by_name["extract"]["extractor"] == "mem0-2-compact-m"
    assert by_name["ask"]["calls"] >= 1
    assert by_name["ask"]["prompt_characters"] > 1000


def stages(api: httpx.Client) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = api.get("/v1/admin/status").raise_for_status().json()["stages"]
    return told
