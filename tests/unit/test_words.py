"""Texts become words in one way, whether they are kept or asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.words import asked, numbered, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I was running two charity races", ["run", "two", "chariti", "race"]),
        ("Who is it? What would they do?", []),
        ("Melanie's children", ["melani", "children"]),
        ("名古屋で小さなパン屋", ["名古", "古屋", "屋で", "で小", "小さ", "なパ", "パン", "ン屋"]),
        ("犬", ["犬"]),
        ("なにがすき", []),
        ("柴犬のMochaと散歩", ["柴犬", "犬の", "mocha", "と散", "散歩"]),
        ("ｱﾝﾍﾟｱ ＡＢＣ １２３", ["アン", "ンペ", "ペア", "abc", "123"]),
        ("280万円, 3:30", ["280", "万円", "3", "30"]),
        ("😀 🎉!", []),
        ("https://example.org/tea_pot", ["https", "exampl", "org", "tea", "pot"]),
        ("Zoë lives in Zürich", ["zoë", "live", "zürich"]),
        ("", []),
    ],
)
def test_a_text_is_cut_into_words(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GREEN TEA", "green tea"),
        ("tea tea", "tea"),
        ("Walked", "walking"),
        ("奥さんの店", "妻の店"),
        ("が", "か\u3099"),
    ],
)
def test_what_is_the_same_word_has_the_same_number(one: str, other: str) -> None:
    assert numbered(one) == numbered(other)


def test_numbers_never_change() -> None:
    """Stored memories have them."""
    assert numbered("green tea") == (532194854, 1769181656)


def test_of_a_long_question_the_longest_words_are_asked() -> None:
    assert asked("tea elephants cup hippopotamus", most=2) == numbered("elephants hippopotamus")


@given(st.text())
def test_any_text_has_words_ascending_and_once_each(text: str) -> None:
    found = numbered(text)

    assert list(found) == sorted(set(found))
    assert all(0 <= each < 2**32 for each in found)
