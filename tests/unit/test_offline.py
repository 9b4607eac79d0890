"""The offline extractor keeps what was said and leaves small talk out."""

import pytest

from memory_consumer import cdc
from memory_consumer.extractors import offline
from tests.support import events
from tests.support.events import Row


def extract(row: Row) -> tuple[str, ...]:
    change = cdc.decode(events.key(row.id), events.written(row))
    assert isinstance(change, cdc.Written)
    return tuple(passage.text for passage in offline.extract(change.row))


@pytest.mark.parametrize(
    "text",
    [
        "Hi!",
        "thanks so much :)",
        "OK",
        "こんにちは！",
        "ありがとうございます。",
        "了解です",
        "👍",
        "…",
        "おはよう、よろしく！",
    ],
)
def test_small_talk_holds_nothing_to_remember(text: str) -> None:
    assert extract(Row(1, text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "No peanuts for me",
        "November is my month",
        "Hi, I moved to Kyoto",
        "はい、犬を飼っています",
        "そうめんが好き",
    ],
)
def test_what_opens_like_small_talk_is_still_kept(text: str) -> None:
    assert extract(Row(1, text)) == (text,)


@pytest.mark.parametrize(
    ("role", "kept"), [("user", 1), ("note", 1), ("assistant", 0), ("system", 0), ("tool", 0)]
)
def test_users_and_notes_are_learned_from(role: str, kept: int) -> None:
    assert len(extract(Row(1, "I live in Nagoya.", role=role))) == kept


def test_a_long_message_becomes_facts_cut_at_sentence_ends_and_loses_nothing() -> None:
    sentences = [f"これは{number}番目の文です。" for number in range(300)]
    facts = extract(Row(1, "".join(sentences)))

    assert len(facts) > 1
    assert all(len(fact) <= offline.FACT_CHARACTERS and fact.endswith("。") for fact in facts)
    assert "".join(facts) == "".join(sentences)


def test_a_text_without_sentence_ends_is_cut_all_the_same() -> None:
    facts = extract(Row(1, "".join(chr(0x4E00 + number) for number in range(2001))))

    assert [len(fact) for fact in facts] == [800, 800, 401]


def test_words_are_kept_apart_where_sentences_are_joined() -> None:
    text = " ".join(f"Sentence number {number} ends here." for number in range(60))

    assert " ".join(extract(Row(1, text))) == text


@pytest.mark.parametrize(
    ("text", "language"), [("I like tea", "en"), ("お茶が好き", "ja"), ("123", "en"), ("Pythonが好き", "ja")]
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert offline.language(text) == language
