"""The passage of a message that a memory rests on, in Japanese and English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_api.control.passages import passage


@pytest.mark.parametrize(
    ("content", "fact", "expected"),
    [
        # Word for word, across sentences, with blanks and marks.
        ("はい。お茶が好き。\n毎朝飲む。では。", "お茶が好き。\n毎朝飲む。", "お茶が好き。\n毎朝飲む。"),
        # In other words: the sentence that has most of them.
        ("Hi! I moved to York in May. Nice town.", "The user moved to York.", "I moved to York in May."),
        (
            "今日は暑い。私はそばアレルギーです。水を飲む。",
            "花子さんは、そばアレルギーがある",
            "私はそばアレルギーです。",
        ),
        ("妻は「明日、京都へ行く。」と言った。雨だ。", "妻は明日京都に行く", "妻は「明日、京都へ行く。」"),
        # Several sentences, where each adds something.
        (
            "Well. I am allergic to nuts. It began in 2020. Anyway.",
            "Allergic to nuts since it began in 2020.",
            "I am allergic to nuts. It began in 2020.",
        ),
        # The first of two that say the same; no more than is needed.
        ("I like tea. I like tea.", "likes tea", "I like tea."),
        ("Version 2.5 is out. I use 2.5 daily. Bye.", "uses 2.5 daily", "I use 2.5 daily."),
        ("I drink tea", "drinks green tea", "I drink tea"),
        # Nothing shared.
        ("いい天気ですね。", "Likes tea.", None),
        ("", "Likes tea.", None),
        ("I like tea.", "", None),
    ],
)
def test_a_passage_is_where_the_fact_comes_from(content: str, fact: str, expected: str | None) -> None:
    found = passage(content, fact)

    assert (None if found is None else content[found.start : found.end]) == expected


@given(st.text(), st.text())
def test_a_passage_lies_within_its_message_without_blanks_around_it(content: str, fact: str) -> None:
    found = passage(content, fact)

    if found is not None and fact not in content:
        text = content[found.start : found.end]
        assert text
        assert text == text.strip()
