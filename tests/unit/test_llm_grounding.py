"""A fact is learned only where a user said it, with the messages it rests on, and once."""

import pytest

from memory_consumer.asking.windows import Found, Window
from memory_consumer.extractors.model import grounding
from memory_consumer.extractors.model.answer import Draft
from memory_store.when import dated
from tests.support.windows import turn, window

ASKED = turn("Do you drink tea?", 1, role="assistant")
SAID = turn("Yes, green tea.", 2)
ECHO = turn("You drink green tea and live in Leeds.", 3, role="assistant")
NOTED = turn("Allergic to nuts.", 4, role="note")
TALK = window(ASKED, SAID, ECHO, NOTED)


def found(*drafts: Draft, of: Window = TALK) -> tuple[Found, ...]:
    """What is learned of these drafts."""
    return grounding.found(drafts, of, dated)


def test_a_fact_rests_on_the_messages_it_cites() -> None:
    assert found(Draft("User drinks green tea", (1, 2))) == (Found("User drinks green tea", (101, 102), "en"),)


def test_a_fact_that_cites_nothing_rests_on_what_the_user_said_and_noted() -> None:
    assert [fact.sources for fact in found(Draft("User drinks green tea"))] == [(102, 104)]


def test_numbers_that_are_no_message_of_the_window_are_dropped() -> None:
    assert [fact.sources for fact in found(Draft("User drinks green tea", (0, 2, 5, 99)))] == [(102,)]
    assert [fact.sources for fact in found(Draft("User drinks green tea", (99,)))] == [(102, 104)]


def test_what_only_the_assistant_says_is_not_learned() -> None:
    assert found(Draft("User lives in Leeds", (3,)), Draft("User is asked", (1, 3))) == ()
    assert found(Draft("User was recommended tea", about_assistant=True)) == ()
    assert found(Draft("User lives in Leeds"), of=window(ASKED, ECHO)) == ()


def test_what_the_assistant_quotes_from_recalled_memories_is_not_learned_again() -> None:
    quoted = "User is allergic to nuts since childhood"
    asked = window("What can I bake?", turn(f"I recall: {quoted}.", 2, role="assistant"), known=(quoted,))

    assert found(Draft(quoted, (2,)), Draft(quoted, (1, 2)), Draft(quoted), of=asked) == ()


def test_a_fact_replaces_the_memories_it_names_if_they_were_shown() -> None:
    [fact] = found(
        Draft("User moved to York", (1,), (1, 7)),
        of=window("I moved.", known=("User is 30", "User lives in Leeds")),
    )

    assert fact.supersedes == ("m1",)


KNOWN = "Anna visits her mother in Leeds every Sunday at 10:30"


@pytest.mark.parametrize(
    "again",
    [
        KNOWN,
        "Anna visits her mother in Leeds every Sunday, at 10:30.",
        "ANNA VISITS her mother in Leeds every Sunday",
    ],
)
def test_what_a_known_memory_says_is_not_learned_again(again: str) -> None:
    assert found(Draft(again, (1,)), of=window("I do.", known=(KNOWN,))) == ()


@pytest.mark.parametrize(
    ("known", "new"),
    [
        (KNOWN, "Anna visits her mother in Leeds every Sunday at 11:30"),
        (KNOWN, "Anna visits her mother in York every Sunday at 10:30"),
        (KNOWN, "Anna no longer visits her mother in Leeds every Sunday at 10:30"),
        ("Anna no longer visits her mother in Leeds every Sunday", "Anna visits her mother in Leeds every Sunday"),
        ("花子は毎週日曜日に大阪の母を訪ねている", "花子は毎週土曜日に大阪の母を訪ねている"),
        ("花子は毎週日曜日に大阪の母を訪ねている", "花子は毎週日曜日に大阪の母を訪ねていない"),
        ("User ran 3.5 km", "User ran 35 km"),
    ],
)
def test_what_differs_in_a_word_a_number_or_a_no_is_learned(known: str, new: str) -> None:
    assert [fact.text for fact in found(Draft(new, (1,)), of=window("I do.", known=(known,)))] == [new]


def test_a_fact_that_is_so_again_is_learned_where_it_replaces_what_was_so_between() -> None:
    of = window("Back in Leeds!", known=("User lives in Leeds", "User lives in York"))

    assert [fact.supersedes for fact in found(Draft("User lives in Leeds", (1,), (1,)), of=of)] == [("m1",)]
    assert found(Draft("User lives in Leeds", (1,), (0,)), of=of) == ()


@pytest.mark.parametrize(
    ("at", "day"),
    [("2026-03-02T00:30:00+09:00", "2026-03-01"), ("2026-03-02T08:30:00+09:00", "2026-03-01")],
)
def test_yesterday_is_the_day_before_where_the_speaker_is(at: str, day: str) -> None:
    [fact] = found(
        Draft("ユーザーは昨日、神戸へ引っ越した", (1,)), of=window(turn("昨日、神戸へ引っ越した", at=at))
    )

    assert fact.text == f"ユーザーは昨日（{day}）、神戸へ引っ越した"
    assert fact.lang == "ja"


def test_a_time_word_of_what_was_said_on_two_days_keeps_its_words() -> None:
    of = window(turn("Tea?", 1, at="2023-05-08T12:00:00+00:00"), turn("Yes", 2, at="2023-06-10T12:00:00+00:00"))

    [fact] = found(Draft("User bought tea yesterday", (1, 2)), of=of)

    assert fact.text == "User bought tea yesterday"


def test_facts_of_equal_words_become_one_that_rests_on_all_their_sources() -> None:
    [fact] = found(Draft("User drinks tea", (2,)), Draft("User drinks tea.", (4,)))

    assert (fact.text, fact.sources) == ("User drinks tea", (102, 104))


def test_an_overlong_fact_is_split_at_its_sentences_and_a_blank_one_dropped() -> None:
    sentence = "User likes tea number {}. "
    long = "".join(sentence.format(number) for number in range(60)).strip()

    facts = found(Draft(long, (2,)), Draft("…", (2,)))

    assert " ".join(fact.text for fact in facts) == long
    assert max(len(fact.text) for fact in facts) <= 1000


def test_the_speaker_is_who_all_cited_messages_name() -> None:
    of = window(
        "Anna: I moved.", "Ben Li: Me too.", "花子：はい", "so I said: no", turn("Bot: Nice.", 5, role="assistant")
    )

    facts = found(
        *(Draft(f"Fact {n}", cited) for n, cited in enumerate([(1, 5), (2,), (3,), (4,), (1, 2)])), of=of
    )

    assert [fact.speaker for fact in facts] == ["Anna", "Ben Li", "花子", None, None]
