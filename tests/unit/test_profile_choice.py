"""What matters most, told without a model: said more than once, or said last."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_consumer.asking.tokens import estimated
from memory_consumer.profiles.choice import chosen, shortened
from memory_consumer.profiles.record import LINE_TOKENS, Cited, Line, Told
from memory_consumer.records.facts import Source, fact_hash

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def told(message_id: int, text: str, speaker: str | None = None) -> Told:
    """A fact said in the minute of its message's number."""
    return Told(
        cited=Cited(message_id=message_id, extractor="offline-1", hash=fact_hash(text)),
        text=text,
        sources=(Source(message_id=message_id, revision="r1"),),
        said_at=START + timedelta(minutes=message_id),
        speaker=speaker,
    )


def said(*texts: str) -> list[Told]:
    return [told(number, text) for number, text in enumerate(texts, 1)]


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [each.text for each in lines]


def cost(lines: tuple[Line, ...]) -> int:
    return sum(estimated(each.text) + LINE_TOKENS for each in lines)


NUMBERED = st.tuples(st.integers(1, 40), st.text(alphabet="ab 猫と。.", min_size=1, max_size=300))
FACTS = st.lists(NUMBERED.map(lambda pair: told(*pair)), max_size=40)


def test_what_was_said_last_comes_first() -> None:
    facts = said("I live in Kyoto.", "犬のモカと暮らしています。", "My car is red.")

    assert texts(chosen(facts)) == ["My car is red.", "犬のモカと暮らしています。", "I live in Kyoto."]


def test_what_was_said_more_than_once_is_told_however_long_ago() -> None:
    facts = [*said("I am allergic to peanuts.", "I'm really allergic to peanuts!")]
    facts += [told(number, f"Today I read the book number{number}.") for number in range(3, 200)]
    lines = texts(chosen(facts))

    assert lines[:2] == ["I'm really allergic to peanuts!", "Today I read the book number199."]
    assert "I am allergic to peanuts." not in lines


def test_what_was_said_most_often_comes_before_what_was_said_twice() -> None:
    facts = said(
        "Cat person.", "猫アレルギーです。", "I am a cat person.", "猫アレルギーです。", "I'm a cat person!"
    )

    assert texts(chosen(facts)) == ["I'm a cat person!", "猫アレルギーです。"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I have a cat.", "I really have cats now"),
        ("コーヒーが好きです。", "私はコーヒーが大好きです！"),
        ("京都に住んでいます", "今は京都に住んでいます。"),
        ("ねこがすき", "ねこがすき！"),
    ],
)
def test_facts_that_say_nearly_the_same_are_one_line_in_the_latest_words(one: str, other: str) -> None:
    assert texts(chosen(said(one, other))) == [other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Kyoto.", "I live in Tokyo."),
        ("京都に住んでいます。", "東京に住んでいます。"),
        ("I like green tea.", "I like black tea."),
        ("I like coffee.", "I don't like coffee."),
        ("コーヒーを飲みます。", "コーヒーは飲みません。"),
        ("My son's name is Ken.", "My daughter's name is Mei."),
        ("I'm 30", "I'm 31"),
        ("I saw film 12 with Ken.", "I saw film 13 with Ken."),
    ],
)
def test_facts_that_say_something_else_stay_apart(one: str, other: str) -> None:
    assert texts(chosen(said(one, other))) == [other, one]


def test_of_two_speakers_nobody_confirms_the_other() -> None:
    assert len(chosen([told(1, "I have a cat.", "Ann"), told(2, "I have a cat!", "Bob")])) == 2


def test_a_message_does_not_confirm_itself() -> None:
    facts = [told(1, "I have a cat."), told(1, "I have a cat!"), told(2, "It rains.")]

    assert texts(chosen(facts))[0] == "It rains."


def test_a_line_rests_on_the_fact_in_whose_words_it_is() -> None:
    [line] = chosen(said("I have a cat.", "I have a cat!"))

    assert line.facts == (Cited(message_id=2, extractor="offline-1", hash=fact_hash("I have a cat!")),)
    assert (line.sources, line.said_at) == (
        (Source(message_id=2, revision="r1"),),
        START + timedelta(minutes=2),
    )


@given(FACTS)
def test_a_profile_stays_within_its_budget(facts: list[Told]) -> None:
    assert cost(chosen(facts)) <= 300
    assert cost(chosen(facts, 50)) <= 50


def test_a_profile_of_many_facts_uses_its_budget() -> None:
    facts = said(*(f"I saw film {number} with friend {number}." for number in range(100)))

    assert 280 <= cost(chosen(facts)) <= 300


@given(FACTS.flatmap(lambda facts: st.tuples(st.just(facts), st.permutations(facts))))
def test_a_profile_is_a_function_of_the_users_facts(orders: tuple[list[Told], list[Told]]) -> None:
    one, other = orders

    assert chosen(one) == chosen(other)


def test_nobody_who_said_nothing_has_lines() -> None:
    assert chosen([]) == ()


def test_a_long_fact_is_shortened_at_the_end_of_a_sentence() -> None:
    english = "I moved to Kyoto in May 2024. " + "It is a long way from the sea and I miss it often. " * 8
    japanese = "京都に引っ越しました。" + "海から遠いのでときどき恋しくなります。" * 5

    assert shortened(english, 15) == "I moved to Kyoto in May 2024."
    assert shortened(japanese, 30) == "京都に引っ越しました。海から遠いのでときどき恋しくなります。"
    assert shortened("I pay 3.50 for tea. " + "x" * 400, 20) == "I pay 3.50 for tea."


def test_a_long_sentence_is_cut_at_the_end_of_a_word_and_what_has_none_anywhere() -> None:
    assert shortened("one two three four five six", 5) == "one two three…"
    assert shortened("朝は、パンを食べて、コーヒーを飲む", 8) == "朝は、…"
    assert shortened("x" * 100, 4) == "xxx…"


@given(st.text(max_size=600), st.integers(2, 60))
def test_what_is_shortened_fits(text: str, most: int) -> None:
    assert estimated(shortened(text, most)) <= most
