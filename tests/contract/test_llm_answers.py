"""What a model's server answers is learned, repaired where that is safe, or told: never "nothing to remember"."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from memory_consumer.asking.windows import Found
from memory_consumer.errors import Busy, Invalid, LearningError, Transient
from memory_consumer.extractors import mem0
from memory_consumer.extractors.mem0 import Mem0Extractor
from memory_consumer.extractors.model.answer import Answer, drafts
from memory_consumer.extractors.model.usage import Tally
from memory_consumer.settings import ConsumerSettings
from tests.support.llm_server import LlmServer, Reply, completion, fails, llm_server, says
from tests.support.windows import turn, window

SECRET = "my secret tea"
WINDOW = window(f"I drink {SECRET}", turn("Noted: a secret answer", 2, role="assistant"))
MEMORY = {"text": "User drinks green tea", "sources": [1], "supersedes": []}
GOOD = {"memory": [MEMORY]}
TEA = (Found("User drinks green tea", (101,), "en"),)
WHOLE = json.dumps(GOOD)

Asking = Callable[..., tuple[LlmServer, Mem0Extractor]]
Answered = Callable[[Reply], tuple[Found, ...]]


def settings(url: str, **others: object) -> ConsumerSettings:
    """Learning with the model at an address."""
    return ConsumerSettings.model_validate({"llm_url": url, "llm_model": "m", **others})


@pytest.fixture(scope="module")
def answered() -> Iterator[Answered]:
    """What one extractor finds in the window when its server answers so."""
    with llm_server(says(GOOD)) as server:
        extractor = mem0.build(settings(server.url), Tally())

        def found(reply: Reply) -> tuple[Found, ...]:
            server.script = lambda _: reply
            return extractor.extract(WINDOW)

        yield found
        extractor.close()


@pytest.fixture
def asking() -> Iterator[Asking]:
    """An extractor that asks a server which gives these replies."""
    with ExitStack() as parts:

        def made(*replies: Reply, **others: object) -> tuple[LlmServer, Mem0Extractor]:
            server = parts.enter_context(llm_server(*replies))
            extractor = mem0.build(settings(server.url, **others), Tally())
            parts.callback(extractor.close)
            return server, extractor

        yield made


def called(*arguments: object) -> Reply:
    """A completion that calls a tool of the model's invention once for each arguments."""
    functions = [{"name": "save", "arguments": a if isinstance(a, str) else json.dumps(a)} for a in arguments]
    calls = [{"id": str(at), "type": "function", "function": each} for at, each in enumerate(functions)]
    return completion({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls")


REPAIRED = {
    "plain": says(GOOD),
    "code fence": says(f"```json\n{WHOLE}\n```"),
    "code fence without a name": says(f"```\n{WHOLE}\n```"),
    "code fence in prose": says(f"Here you are:\n```json\n{WHOLE}\n```\nAnything else?"),
    "thinking before it": says(f"<think>Is it tea? Perhaps.</think>\n{WHOLE}"),
    "thinking before a code fence": says(f"<think>Hm.</think>\n```json\n{WHOLE}\n```"),
    "thinking whose opening mark is in the template": says(f"Is it tea?</think>{WHOLE}"),
    "thinking by another name": says(f"<thinking>{{}}</thinking>{WHOLE}"),
    "thinking in a field of its own": says(WHOLE, reasoning_content="Is it tea?"),
    "prose around it": says(f"Sure! From [1] I get {WHOLE} as asked."),
    "no brace at the end": says(WHOLE[:-1]),
    "the same twice": says(f"{WHOLE}\n{WHOLE}"),
    "a line break within a text": says('{"memory": [{"text": "User drinks\n green tea", "sources": [1]}]}'),
    "a bare list": says([MEMORY]),
    "a bare list in prose": says(f"The memories: {json.dumps([MEMORY])}."),
    "a single memory": says(MEMORY),
    "texts instead of objects": says({"memory": ["User drinks green tea"]}),
    "the older schema": says({"facts": ["User drinks green tea"]}),
    "the text by another name": says({"memory": [{"memory": "User drinks green tea", "event": "ADD"}]}),
    "numbers as texts": says({"memory": [{**MEMORY, "sources": ["[1]"]}]}),
    "one number": says({"memory": [{**MEMORY, "sources": 1}]}),
    "numbers that are none": says({"memory": [{**MEMORY, "sources": {"a": "b"}, "supersedes": None}]}),
    "a tool call": called(GOOD),
    "a tool call for each memory": called(MEMORY),
    "a tool call in the text": says({"name": "save", "arguments": GOOD}),
    "a tool call in the text, as text": says({"name": "save", "arguments": WHOLE}),
    "a tool call in marks": says(f'<tool_call>{{"name": "save", "parameters": {WHOLE}}}</tool_call>'),
    "an older kind of tool call": says(None, function_call={"name": "save", "arguments": WHOLE}),
    "parts of a text": completion({"role": "assistant", "content": [{"type": "text", "text": WHOLE}]}),
}

UNUSABLE = {
    "broken JSON": (says('{"memory": [{"text": "User drinks tea", "sources": [1]'), "holds no list"),
    "broken JSON with another list that is whole": (
        says(f'{{"old": {json.dumps([MEMORY])}, "memory": ['),
        "holds no list",
    ),
    "broken JSON with a memory that is whole": (says(WHOLE[:-2]), "holds no list"),
    "broken JSON whose first list is empty": (says('{"memory": [], "'), "holds no list"),
    "cut off": (says(WHOLE[:-9], finish_reason="length"), "cut off"),
    "cut off where it happens to be whole": (says({"memory": []}, finish_reason="length"), "cut off"),
    "withheld": (says("", finish_reason="content_filter"), "withheld"),
    "empty": (says(""), "answered with nothing"),
    "blank": (says(" \n"), "answered with nothing"),
    "null": (says(None), "answered with nothing"),
    "nothing but thinking in its field": (says(None, reasoning_content="Is it…"), "after it had thought"),
    "thinking without an end": (says(f"<think>It is {WHOLE}"), "end of its thoughts"),
    "nothing but thinking": (says("<think>Nothing new.</think>"), "holds no list"),
    "refused in its field": (says(None, refusal="I can't help with that."), "refused"),
    "refused in prose": (says("I can't help with that."), "holds no list"),
    "refused in JSON": (says({"error": "I can't help with that."}), "holds no list"),
    "an empty object": (says({}), "holds no list"),
    "no list": (says({"memory": "nothing"}), "holds no list"),
    "null for the list": (says({"memory": None}), "holds no list"),
    "a number": (says("7"), "holds no list"),
    "an empty code fence": (says("```json\n```"), "holds no list"),
    "two answers": (says(f'For example {{"memory": []}}. {WHOLE}'), "several answers"),
    "a memory without a text": (says({"memory": [{"id": "0"}]}), "without a text"),
    "a memory whose text is none": (says({"memory": [{"text": 7}]}), "without a text"),
    "a memory that is a number": (says({"memory": [7]}), "without a text"),
    "a tool call with broken arguments": (called('{"memory": ['), "holds no list"),
    "deep nesting": (says("[" * 30_000), "holds no list"),
}

ELSEWHERE = {
    "a wrong key": (fails(401, SECRET), "OBOEGAKI_LLM_API_KEY"),
    "a wrong model": (fails(404, SECRET), "OBOEGAKI_LLM_MODEL"),
    "a fault": (fails(500, SECRET), "answered 500"),
    "away behind a gateway": (fails(502, SECRET), "answered 502"),
    "too busy": (fails(429, SECRET), "answered 429"),
    "a page of HTML": (Reply(b"<html>secret</html>", headers={"Content-Type": "text/html"}), "no answer"),
    "no JSON": (Reply(b"secret"), "no answer"),
    "no choice": (Reply(b'{"choices": []}'), "no answer"),
    "an error that calls itself well": (Reply(b'{"error": {"message": "secret"}}'), "no answer"),
    "cut in the middle": (Reply(b'{"choices": [', cut=True), "cannot be reached, or broke off"),
}


@pytest.mark.parametrize("reply", REPAIRED.values(), ids=REPAIRED)
def test_what_is_safe_to_repair_is_learned(answered: Answered, reply: Reply) -> None:
    [found] = answered(reply)

    assert (" ".join(found.text.split()), found.sources) == ("User drinks green tea", (101,))


@pytest.mark.parametrize(("reply", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_answer_that_cannot_be_used_is_told_and_never_quoted(
    answered: Answered, reply: Reply, told: str
) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        answered(reply)

    assert_quotes_nothing(caught.value)


@pytest.mark.parametrize(("reply", "told"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_server_that_cannot_be_used_now_costs_no_message(answered: Answered, reply: Reply, told: str) -> None:
    with pytest.raises(Transient, match=told) as caught:
        answered(reply)

    assert_quotes_nothing(caught.value)


@pytest.mark.parametrize("nothing", [{"memory": []}, [], {"facts": []}, '```json\n{"memory": []}\n```'])
def test_only_an_empty_list_is_nothing_to_remember(answered: Answered, nothing: object) -> None:
    assert answered(says(nothing)) == ()


@pytest.mark.parametrize("told", ["a1b2c3d4-0000", "User has 1 cat", -1, 1.5, True, {"id": 1}, "1" * 5000 + "x"])
def test_no_number_is_read_out_of_what_is_none(told: object) -> None:
    answer = Answer(json.dumps({"memory": [{**MEMORY, "supersedes": [told]}]}))

    assert drafts(answer, str)[0].supersedes == ()


@pytest.mark.parametrize("told", [[0, 2], ["0", "2"], "0, 2", ["[0]", "#2"], ["0", 0, 2]])
def test_numbers_are_read_however_they_are_written(told: object) -> None:
    answer = Answer(json.dumps({"memory": [{**MEMORY, "supersedes": told}]}))

    assert drafts(answer, str)[0].supersedes == (0, 2)


def test_a_server_that_does_not_know_the_format_is_asked_without_it(asking: Asking) -> None:
    server, extractor = asking(fails(400, "'response_format.type' must be 'json_schema' or 'text'"), says(GOOD))

    assert (extractor.extract(WINDOW), extractor.extract(WINDOW)) == (TEA, TEA)

    assert [each.get("response_format") for each in server.asked] == [{"type": "json_object"}, None, None]


def test_lm_studio_is_asked_for_text_where_it_does_not_know_json(asking: Asking) -> None:
    server, extractor = asking(fails(400), says(GOOD), llm_provider="lmstudio")

    assert extractor.extract(WINDOW) == TEA

    assert [each["response_format"]["type"] for each in server.asked] == ["json_object", "text"]


def test_a_refused_request_is_about_the_set_up_until_one_was_answered(asking: Asking) -> None:
    _, extractor = asking(fails(400), fails(400), says(GOOD), fails(400))

    with pytest.raises(Transient, match="how the server is set up"):
        extractor.extract(WINDOW)
    assert extractor.extract(WINDOW) == TEA
    with pytest.raises(Invalid, match="refuses these messages"):
        extractor.extract(WINDOW)


def test_messages_too_long_for_the_server_are_set_aside(asking: Asking) -> None:
    _, extractor = asking(fails(413))

    with pytest.raises(Invalid, match="refuses these messages"):
        extractor.extract(WINDOW)


def test_a_busy_server_says_how_long_to_wait_and_is_not_asked_again_before(asking: Asking) -> None:
    server, extractor = asking(fails(429, Retry_After="7"))

    with pytest.raises(Busy) as caught:
        extractor.extract(WINDOW)

    assert (caught.value.after, len(server.asked)) == (timedelta(seconds=7), 1)


def test_a_silent_server_is_left_at_the_time_out(asking: Asking) -> None:
    server, extractor = asking(Reply(silent=True), ask_timeout="PT0.2S")

    with pytest.raises(Transient, match=r"within 0\.2 s"):
        extractor.extract(WINDOW)

    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_transient() -> None:
    with llm_server(says(GOOD)) as server:
        url = server.url
    extractor = mem0.build(settings(url), Tally())

    with pytest.raises(Transient, match="cannot be reached"):
        extractor.extract(WINDOW)
    extractor.close()


def assert_quotes_nothing(error: LearningError) -> None:
    """Neither in its text nor in what a log shows with it."""
    assert "secret" not in str(error)
    assert "tea" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
