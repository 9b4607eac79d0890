"""The answer without a model."""

from datetime import UTC, datetime

import pytest

from chat_api.chat.prompt import Line, Prompt
from chat_api.chat.repliers import offline

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def reply(message: str, *, remembered: int = 0, recent: int = 0, text: str = "text") -> list[str]:
    prompt = Prompt(
        message=message,
        now=AT,
        turns=[],
        known=[],
        remembered=[Line(AT, f"{text} {number}") for number in range(remembered)],
        recent=[Line(AT, f"recent {number}") for number in range(recent)],
    )
    return offline(prompt).splitlines()


@pytest.mark.parametrize("message", ["What?", "123", "🎏", "Что?", ""])
def test_it_speaks_english_unless_it_was_spoken_to_in_japanese(message: str) -> None:
    assert reply(message)[0].startswith("No language model is connected")


@pytest.mark.parametrize("message", ["何", "ひ", "カ", "ｶ", "What is 覚え書き?", "㐂"])
def test_one_japanese_character_is_enough(message: str) -> None:
    assert reply(message)[0].startswith("言語モデルが接続されていません")


def test_what_is_remembered_comes_before_what_is_recent_and_five_lines_at_most() -> None:
    assert reply("a", remembered=4, recent=4)[1:] == [
        *(f"- 2026-03-02: text {number}" for number in range(4)),
        "- 2026-03-02: recent 0",
    ]


def test_a_long_memory_is_cut_and_keeps_to_its_line() -> None:
    [_, line] = reply("a", remembered=1, text="two\nlines " + "x" * 1000)

    assert line == "- 2026-03-02: two lines " + "x" * 490 + "…"
