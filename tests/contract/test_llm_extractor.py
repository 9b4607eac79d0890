"""The extractor as a whole, on a server that plays the model."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from memory_consumer.asking.windows import Found, Turn, Window
from memory_consumer.errors import Invalid, Refused, Transient
from memory_consumer.extractors import mem0
from memory_consumer.extractors.model.usage import Call, Tally, Totals
from memory_consumer.profiles.writer import shown
from memory_consumer.settings import ConsumerSettings
from memory_store.when import dated
from tests.support.llm_server import Reply, fails, llm_server, says
from tests.support.windows import turn, window
from tests.unit.test_profile_choice import told

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"
WINDOW = window("I drink tea")
TEA = {"memory": [{"text": "User drinks tea", "sources": [1], "supersedes": []}]}


def settings(**others: object) -> ConsumerSettings:
    """Settings of a model, as a user would set them."""
    return ConsumerSettings.model_validate({"llm_model": "m", **others})


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Path]]:
    """What a process says that learns a window, and the files it leaves; its environment leads elsewhere."""
    home = tmp_path_factory.mktemp("home")
    (temporary := home / "tmp").mkdir()
    elsewhere = {
        "OPENROUTER_API_KEY": "not ours",
        "OPENAI_API_KEY": "not ours",
        "OPENAI_BASE_URL": "http://openai.invalid/v1",
        "HTTP_PROXY": "http://proxy.invalid:3128",
        "MEM0_TELEMETRY": "True",
    }
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary), **elsewhere}
    command = [sys.executable, "-W", "error", "-m", "tests.contract.llm_session"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [path for path in home.rglob("*") if path != temporary]


def test_learning_reaches_nobody_but_the_model_whatever_the_environment_says(
    session: tuple[dict[str, Any], list[Path]],
) -> None:
    said, _ = session

    assert said == {"learned": ["User drinks tea"], "keys": ["Bearer none"], "elsewhere": []}


def test_mem0_leaves_nothing_in_the_home_folder(session: tuple[dict[str, Any], list[Path]]) -> None:
    assert session[1] == []


def test_a_user_is_asked_about_in_one_call_with_the_model_and_limits_of_the_settings() -> None:
    with llm_server(says(TEA)) as server:
        extractor = mem0.build(settings(llm_url=server.url, llm_api_key="k", extract_answer_tokens=512), Tally())
        assert extractor.extract(WINDOW) == (Found("User drinks tea", (101,), "en"),)
        extractor.close()

    [asked] = server.asked
    assert (asked["model"], asked["max_tokens"], asked["headers"]["authorization"]) == ("m", 512, "Bearer k")
    assert [each["role"] for each in asked["messages"]] == ["system", "user"]


def test_mem0s_own_prompt_is_asked_where_it_is_set() -> None:
    tally = Tally()
    with llm_server(says({"memory": [{"id": "0", "attributed_to": "user", **TEA["memory"][0]}]})) as server:
        extractor = mem0.build(settings(llm_url=server.url, extract_prompt="mem0"), tally)
        assert extractor.version == "mem0-2-mem0-m"
        assert extractor.extract(WINDOW) == (Found("User drinks tea", (101,), "en"),)
        extractor.close()

    assert tally.totals().prompt_characters > 30_000


@pytest.mark.parametrize("provider", ["openai", "lmstudio", "vllm", "deepseek"])
def test_other_providers_of_mem0_ask_the_same_address_and_tell_of_a_cut_answer_too(provider: str) -> None:
    with llm_server(says(TEA), says(TEA, finish_reason="length")) as server:
        extractor = mem0.build(settings(llm_url=server.url, llm_provider=provider), Tally())
        assert [fact.text for fact in extractor.extract(WINDOW)] == ["User drinks tea"]
        with pytest.raises(Invalid, match="cut off"):
            extractor.extract(WINDOW)
        extractor.close()


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, "set OBOEGAKI_LLM_URL"),
        ({"llm_provider": "abacus"}, "no provider abacus"),
        ({"llm_provider": "groq", "llm_url": "http://127.0.0.1:9/v1"}, "takes no address"),
        ({"llm_provider": "ollama", "llm_url": "http://127.0.0.1:9/v1"}, "not installed"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_what_to_do(chosen: Mapping[str, str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        mem0.build(settings(**chosen), Tally())


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("qwen3:4b", "mem0-2-compact-qwen3-4b"),
        (
            "hf.co/unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M",
            "mem0-2-compact-sloth-Qwen3-4B-Instruct-2507-GGUF-Q4_K_M-8d8d0f0c",
        ),
        ("モデル", "mem0-2-compact--94591749"),
    ],
)
def test_the_version_names_format_prompt_and_model_in_plain_characters(model: str, named: str) -> None:
    assert mem0.version(settings(llm_model=model)) == named


def test_every_call_is_counted_those_that_fail_too() -> None:
    tally, moments = Tally(), iter([0.0, 1.0, 10.0, 12.0])
    with llm_server(fails(500), says(TEA)) as server:
        extractor = mem0.build(settings(llm_url=server.url), tally, timer=lambda: next(moments))
        with pytest.raises(Transient):
            extractor.extract(WINDOW)
        extractor.extract(WINDOW)
        extractor.close()

    sent = [sum(len(each["content"]) for each in asked["messages"]) for asked in server.asked]
    assert tally.totals() == Totals(2, 1, sum(sent), len(json.dumps(TEA)), 700, 50, 3.0)


def test_a_tally_adds_up_what_several_threads_report() -> None:
    tally, call = Tally(), Call(100, 10, None, 5, 0.5, answered=True)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(tally, [call] * 400))

    assert tally.totals() == Totals(400, 0, 40_000, 4_000, 0, 2_000, 200.0)


def test_windows_that_are_asked_about_at_once_never_get_each_others_answers() -> None:
    at_once = Barrier(4)

    def script(asked: dict[str, Any]) -> Reply:
        at_once.wait()
        [word] = [word for word in ("zero", "one", "two", "three") if word in asked["messages"][-1]["content"]]
        cut = word == "two"
        return says({"memory": [{"text": word, "sources": [1]}]}, finish_reason="length" if cut else "stop")

    with llm_server(script=script) as server:
        extractor = mem0.build(settings(llm_url=server.url, ask_concurrency=4), Tally())

        def learn(word: str) -> str:
            try:
                return extractor.extract(window(f"I say {word}"))[0].text
            except Invalid:
                return "cut off"

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(learn, ["zero", "one", "two", "three"])) == ["zero", "one", "cut off", "three"]
        extractor.close()


def test_nobody_is_asked_about_what_only_the_assistant_said() -> None:
    with llm_server(says(TEA)) as server:
        extractor = mem0.build(settings(llm_url=server.url), Tally())
        assert extractor.extract(window(turn("You drink tea.", role="assistant"))) == ()
        extractor.close()

    assert server.asked == []


def test_a_message_too_long_for_a_call_is_asked_about_in_parts_and_cited_as_one() -> None:
    def script(asked: dict[str, Any]) -> Reply:
        last = asked["messages"][-1]["content"].rpartition("sort ")[2].partition(".")[0]
        return says({"memory": [{"text": f"User likes sort {last}", "sources": [1]}, *TEA["memory"]]})

    long = " ".join(f"I like tea of sort {number}." for number in range(1000))
    with llm_server(script=script) as server:
        extractor = mem0.build(settings(llm_url=server.url), Tally())
        facts = extractor.extract(window(long))
        extractor.close()

    assert len(server.asked) == 3
    assert [fact.text for fact in facts][-1] == "User likes sort 999"
    assert {fact.sources for fact in facts} == {(101,)}
    assert [fact.text for fact in facts].count("User drinks tea") == 1


@pytest.mark.parametrize("name", ["locomo-conv-26", "locomo-conv-30"])
@pytest.mark.skipif(not DATA.is_dir(), reason="the conversations of ../shared/data are not here")
def test_what_is_observed_in_real_conversations_is_learned_with_its_messages(name: str) -> None:
    """The authors' observations are played as the model's answers, cited by the numbers in each prompt."""
    told = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    ids = {each["external_id"]: number for number, each in enumerate(told["messages"], start=1)}
    turns = [
        Turn(
            number,
            each["conversation_id"],
            each["role"],
            each["content"],
            datetime.fromisoformat(each["created_at"]),
        )
        for number, each in enumerate(told["messages"], start=1)
    ]
    observed = [
        (each["text"], sorted({ids[source] for source in each["sources"]})) for each in told["observations"]
    ]
    windows = [Window("u", tuple(turns[at : at + 10])) for at in range(0, len(turns), 10)]
    asked_about = iter(windows)

    def script(asked: dict[str, Any]) -> Reply:
        numbers = numbers_in(asked["messages"][-1]["content"], next(asked_about))
        cited = ((text, [numbers[each] for each in sources if each in numbers]) for text, sources in observed)
        return says({"memory": [{"text": text, "sources": shown} for text, shown in cited if shown]})

    with llm_server(script=script) as server:
        extractor = mem0.build(settings(llm_url=server.url), Tally())
        found = [[(fact.text, fact.sources) for fact in extractor.extract(each)] for each in windows]
        extractor.close()

    assert found == [list(learned_of(observed, each)) for each in windows]


def numbers_in(prompt: str, asked_about: Window) -> dict[int, int]:
    """The number that each message has in a prompt, found by what it says."""
    lines = re.findall(r"^\[(\d+)\] \d\d:\d\d user: (.*)$", prompt, re.MULTILINE)
    said = {text: int(number) for number, text in lines}
    return {turn.message_id: said[turn.text.strip().splitlines()[0]] for turn in asked_about.turns}


def learned_of(observed: list[tuple[str, list[int]]], each: Window) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What is to be learned of a window: the observations of its messages, dated by the last of them."""
    said_at = {turn.message_id: turn.said_at for turn in each.turns}
    for text, sources in observed:
        if cited := tuple(source for source in sources if source in said_at):
            yield dated(text, said_at[cited[-1]]), cited


def test_a_profile_is_written_by_the_same_model_in_one_call() -> None:
    items = shown([told(1, "User bakes bread."), told(2, "User has a dog.")], [])
    with llm_server(says({"memory": [{"text": "A baker with a dog.", "sources": [1, 2]}]})) as server:
        extractor = mem0.build(settings(llm_url=server.url), Tally())
        writer = extractor.writer()
        [line] = writer.write(items)
        extractor.close()

    assert (line.text, [source.message_id for source in line.sources]) == ("A baker with a dog.", [1, 2])
    assert (writer.author, len(server.asked)) == ("profile-1-mem0-2-compact-m", 1)
    assert server.prompts[0].splitlines()[0] == "1. User has a dog. (2026-03-02)"


def test_a_profile_that_was_cut_off_or_refused_is_an_error_and_none() -> None:
    for reply in (says('{"memory": [', finish_reason="length"), says("", refusal="no")):
        with llm_server(reply) as server:
            extractor = mem0.build(settings(llm_url=server.url), Tally())
            with pytest.raises(Invalid):
                extractor.writer().write(shown([told(1, "User bakes bread.")], []))
            extractor.close()
