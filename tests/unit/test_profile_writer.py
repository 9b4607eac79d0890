"""A profile in a model's words: what the model is shown, and what of its answer is kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_consumer.asking.tokens import estimated
from memory_consumer.errors import Invalid
from memory_consumer.extractors.model import profile_prompt
from memory_consumer.extractors.model.answer import Answer
from memory_consumer.profiles.record import LINE_TOKENS, Line, Told, line
from memory_consumer.profiles.writer import Item, shown, within_budget
from tests.unit.test_profile_choice import FACTS, said

BREAD, DOG, KYOTO = said("User bakes bread.", "User has a dog named Mocha.", "User lives in Kyoto.")
ITEMS = shown([BREAD, DOG, KYOTO], [])


def texts(items: tuple[Item, ...] | tuple[Line, ...]) -> list[str]:
    return [each.text for each in items]


def answered(*lines: dict[str, object], content: str = "") -> tuple[Line, ...]:
    answer = Answer(content or json.dumps({"memory": list(lines)}))
    return profile_prompt.lines(answer, ITEMS, lambda text: text)


def test_a_model_is_shown_its_lines_and_then_what_they_do_not_tell() -> None:
    present = line("A baker with a dog.", [BREAD, DOG])
    items = shown([BREAD, DOG, KYOTO], [present])

    assert texts(items) == ["A baker with a dog.", "User lives in Kyoto."]
    assert items[0].told == (BREAD, DOG)


def test_a_line_of_which_a_fact_is_gone_is_not_shown() -> None:
    items = shown([BREAD, KYOTO], [line("A baker with a dog.", [BREAD, DOG])])

    assert texts(items) == ["User lives in Kyoto.", "User bakes bread."]


@given(FACTS, FACTS)
def test_a_profiles_prompt_has_at_most_2000_characters(facts: list[Told], others: list[Told]) -> None:
    lines = [line(each.text, [each]) for each in others]

    assert profile_prompt.prompt(shown([*facts, *others], lines)).characters <= 2000


def test_facts_are_numbered_with_their_dates() -> None:
    assert profile_prompt.prompt(ITEMS).user.splitlines() == [
        "1. User lives in Kyoto. (2026-03-02)",
        "2. User has a dog named Mocha. (2026-03-02)",
        "3. User bakes bread. (2026-03-02)",
    ]


def test_of_japanese_facts_a_model_is_asked_in_japanese() -> None:
    asked = profile_prompt.prompt(shown(said("ユーザーは京都に住んでいる。"), []))

    assert "プロフィール" in asked.system


def test_a_line_rests_on_the_facts_that_it_cites() -> None:
    [both] = answered({"text": "A baker with a dog.", "sources": [3, 2]})

    assert both == line("A baker with a dog.", [BREAD, DOG])
    assert [source.message_id for source in both.sources] == [1, 2]


@pytest.mark.parametrize("sources", [[], [0], [4], None, "all", [True]])
def test_a_line_that_cites_nothing_that_was_shown_is_left_out(sources: object) -> None:
    lines = answered({"text": "Rich.", "sources": sources}, {"text": "In Kyoto.", "sources": ["1", 9]})

    assert texts(lines) == ["In Kyoto."]


def test_an_answer_that_cannot_be_read_is_never_an_empty_profile() -> None:
    with pytest.raises(Invalid):
        answered(content="The user seems to be a baker.")


@given(st.lists(st.tuples(st.text(max_size=400), st.lists(st.integers(-1, 5), max_size=4)), max_size=60))
def test_what_a_model_writes_stays_within_the_budget(written: list[tuple[str, list[int]]]) -> None:
    lines = within_budget(written, ITEMS)

    assert sum(estimated(each.text) + LINE_TOKENS for each in lines) <= 300
    assert all(each.facts for each in lines)
