"""The stores agree: equal filings give equal results, whichever store answers."""

from pathlib import Path
from typing import Any

import pytest

from memory_store.models import Filing, Hit
from tests.contract.making import LAYOUT, file, filing, gone, minute, query
from tests.contract.stores import ALL, Opener

SUBJECTS = ("I", "My sister", "ハナコ", "犬", "The neighbour")
VERBS = ("likes", "moved to", "is afraid of", "が好き", "を買った")
OBJECTS = ("green tea", "Kyoto", "thunder", "京都", "自転車")
QUESTIONS = ("tea", "who moved to Kyoto?", "京都", "犬が好き", "thunder and bicycles", "", "😀")
BOUNDS: tuple[dict[str, Any], ...] = (
    {},
    {"limit": 3},
    {"user": "bob"},
    {"since": minute(40), "until": minute(80)},
    {"conversation_id": "c2"},
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Hit]]]:
    """What each store finds for every question within every bound."""
    return {name: _answers(opener, tmp_path_factory.mktemp(name)) for name, opener in ALL.items()}


@pytest.mark.parametrize("other", ["embedded", "server"])
def test_equal_data_gives_equal_memories_in_equal_order(answers: dict[str, list[list[Hit]]], other: str) -> None:
    assert [[hit.memory for hit in hits] for hits in answers[other]] == [
        [hit.memory for hit in hits] for hits in answers["fake"]
    ]


@pytest.mark.parametrize("other", ["embedded", "server"])
def test_equal_data_gives_scores_that_differ_by_rounding_only(
    answers: dict[str, list[list[Hit]]], other: str
) -> None:
    for found, expected in zip(answers[other], answers["fake"], strict=True):
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)


def test_the_questions_find_something(answers: dict[str, list[list[Hit]]]) -> None:
    assert all(answers["fake"])


def _answers(opener: Opener, home: Path) -> list[list[Hit]]:
    with opener(home, LAYOUT) as store:
        version = store.create("v1")
        file(version, *_log())
        return [version.search(query(text, **bounds)) for text in QUESTIONS for bounds in BOUNDS]


def _log() -> list[Filing]:
    """Messages of two users in two conversations, some in context, some deleted, and many twins."""
    texts = [f"{subject} {verb} {thing}" for subject in SUBJECTS for verb in VERBS for thing in OBJECTS]
    said = [
        filing(
            number,
            text,
            user_id="alice" if number % 4 else "bob",
            conversation_id="c1" if number % 3 else "c2",
            context=texts[number - 1] if number % 2 else "",
        )
        for number, text in enumerate(texts)
    ]
    twins = [filing(1000 + number, "I likes green tea", said_at=minute(60)) for number in range(90)]
    return [*said, *twins, *(gone(number, "deleted", offset=1) for number in range(0, 125, 9))]
