"""Which messages ask for what is remembered, on messages labelled by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from chat_api.chat.auto_recall import rule, wants_recall

LABELS = Path(__file__).parents[1] / "data" / "auto_recall.jsonl"


def labelled() -> list[dict[str, Any]]:
    return [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]


def test_there_are_enough_labels_of_both_languages_and_kinds() -> None:
    messages = labelled()

    assert len(messages) >= 120
    for language in ("ja", "en"):
        for recall in (True, False):
            assert sum((each["lang"], each["recall"]) == (language, recall) for each in messages) >= 30
    assert sum(each["held_out"] for each in messages) >= 0.4 * len(messages)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("held_out", [False, True])
def test_what_asks_for_memory_is_found_and_little_else(language: str, *, held_out: bool) -> None:
    chosen = [each for each in labelled() if (each["lang"], each["held_out"]) == (language, held_out)]
    found = [each for each in chosen if wants_recall(each["text"])]
    right = sum(each["recall"] for each in found)

    assert right / len(found) >= 0.95
    assert right / sum(each["recall"] for each in chosen) >= 0.95


@pytest.mark.parametrize(
    "word", ["覚えて", "好み", "前回", "嫌い", "好き", "思い出して", "remember", "favorite", "last time", "remind"]
)
def test_the_words_that_name_memory_or_taste_are_enough(word: str) -> None:
    assert wants_recall(f"… {word} …")


def test_words_of_ones_own_make_it_recall_too() -> None:
    assert not wants_recall("Kobayashi-san, what now?")
    assert not wants_recall("議事録を出して")
    for message in ("Kobayashi-san, what now?", "議事録を出して"):
        assert rule("議事録、kobayashi")(message)
    assert not rule(" , 、")("Good morning!")


@pytest.mark.parametrize(
    "message",
    [
        "What's new? I walked my dog.",  # a question, and something of one's own in another sentence
        "That is nothing like this.",
    ],
)
def test_what_is_told_does_not_ask(message: str) -> None:
    assert not wants_recall(message)


@pytest.mark.parametrize("message", ["", "?", "？" * 10_000, "my " * 50_000, "私の" * 50_000, "前に" * 50_000])
def test_any_message_is_told_at_once(message: str) -> None:
    assert wants_recall(message) in (True, False)


def test_of_a_long_message_only_its_beginning_and_its_end_are_read() -> None:
    filler = "tea. " * 1_000
    assert wants_recall(f"What do you remember? {filler}")
    assert wants_recall(f"{filler} What do you remember?")
    assert not wants_recall(f"{filler} What do you remember? {filler}")
    assert not rule("kobayashi")(f"{filler} kobayashi {filler}")


def test_where_it_was_cut_no_sentence_goes_on() -> None:
    assert not wants_recall("find " * 400 + "x" * 4_000 + " for me" + " " * 1_993)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("message", ["find " * 200_000, "my " * 300_000, "did i " * 200_000, "前に" * 500_000])
def test_a_million_characters_are_told_no_slower_than_four_thousand(message: str) -> None:
    assert wants_recall(message) in (True, False)
