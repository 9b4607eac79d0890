"""Searching: one user's memories, the nearest by text and by context first."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from memory_store.models import Filing, Hit, Query, Vectors
from memory_store.port import MemoryVersion
from tests.contract.making import file, filing, minute, query, recalled, said

SAME = "I like green tea"

#: They differ in case, kind of kana, width, composition, accents, blanks, or only to a program.
LOOK_ALIKES = (
    *("alice", "Alice", "ALICE", "alice ", " alice", "alice\x00", "alice\n"),
    *("ハハ", "パパ", "ババ", "はは", "ﾊﾊ", "ア", "ｱ", "ァ", "が", "か\u3099", "é", "e\u0301", "e", "ß", "ss"),
    *("1", "１", "01", "true", "null", "", "*", "%", "a" * 255, "a" * 254),
)


def test_the_nearest_text_comes_first(version: MemoryVersion) -> None:
    file(version, filing(1, "My dog is called Pochi"), filing(2, "I like green tea"), filing(3, "I work in Osaka"))

    assert recalled(version, "green tea")[0] == "I like green tea"
    assert recalled(version, "what is the dog called")[0] == "My dog is called Pochi"


def test_a_memory_is_found_by_the_turn_before_it(version: MemoryVersion) -> None:
    file(
        version,
        filing(1, "Yes, two of them", context="Do you have any cats?"),
        filing(2, "Yes, on Sunday", context="Is the picnic fixed?"),
    )

    assert recalled(version, "cats")[0] == "Yes, two of them"
    assert recalled(version, "picnic")[0] == "Yes, on Sunday"


def test_text_and_context_are_one_score(version: MemoryVersion) -> None:
    """Of what the words leave, a quarter is the text's cosine similarity and three quarters the context's."""
    file(version, filing(1, "tea", context="cats"))
    [by_text] = version.search(query("tea"))
    [by_both] = version.search(query("cats\ntea"))
    cosine = (by_text.score - 0.25) / 0.75

    assert by_both.score == pytest.approx(0.75 + 0.25 * cosine, abs=1e-5)


def far_but_for_its_word() -> tuple[list[Filing], Vectors]:
    """Two hundred memories nearly across a question's direction, and the last against it with its word."""
    filings = [filing(number, f"Thing {number}") for number in range(1, 202)]
    rows = np.zeros((201, 64), dtype=np.float32)
    rows[:200, 0] = np.linspace(0.0001, 0.02, 200)
    rows[:200, 1] = 1.0
    rows[200, :3] = (-0.05, 0.0, 1.0)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return filings, Vectors(unit, unit, [*([(8,)] * 200), (7, 8)])


def word_asked(**bounds: Any) -> Query:  # noqa: ANN401  the filters of a query
    """A question of one word."""
    return Query("alice", np.eye(64, dtype=np.float32)[0], limit=1, words=(7,), **bounds)


def test_a_memory_is_found_by_its_word_however_far_its_vectors_are(version: MemoryVersion) -> None:
    version.apply(*far_but_for_its_word())
    [hit] = version.search(word_asked())

    assert hit.memory.text == "Thing 201"
    assert hit.score == pytest.approx(0.09 - 0.91 * 0.05 / np.hypot(0.05, 1.0), abs=1e-5)


def test_a_word_finds_nothing_outside_the_bounds_or_of_another_user(version: MemoryVersion) -> None:
    version.apply(*far_but_for_its_word())
    file(version, filing(300, "Mine", user_id="bob"))

    assert version.search(word_asked(conversation_id="c2")) == []
    assert [hit.memory.text for hit in version.search(word_asked(until=minute(2)))] == ["Thing 1"]
    assert recalled(version, "Thing", user="bob") == ["Mine"]


def test_the_very_text_without_context_scores_one_and_no_more(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"{number} cups of tea") for number in range(1, 40)))
    scores = [version.search(query(f"{number} cups of tea", limit=1))[0].score for number in range(1, 40)]

    assert scores == pytest.approx([1.0] * 39, abs=1e-6)
    assert max(scores) <= 1.0


def test_scores_fall(version: MemoryVersion) -> None:
    file(version, *(filing(number, "tea " * number + "rain " * (9 - number)) for number in range(1, 9)))
    scores = [hit.score for hit in version.search(query("tea"))]

    assert len(scores) == 8
    assert scores == sorted(scores, reverse=True)


def test_equal_scores_go_by_the_latest_said_then_by_id(version: MemoryVersion) -> None:
    file(version, *(filing(number, SAME, said_at=minute(number // 2)) for number in range(2, 8)))
    hits = [hit.memory for hit in version.search(query("tea"))]

    assert [hit.message_id // 2 for hit in hits] == [3, 3, 2, 2, 1, 1]
    assert all(hits[at].id < hits[at + 1].id for at in (0, 2, 4))


def test_a_time_within_a_microsecond_decides_between_equals(version: MemoryVersion) -> None:
    later = minute(1) + timedelta(microseconds=1)
    file(version, filing(1, SAME, said_at=minute(1)), filing(2, SAME, said_at=later))

    assert [hit.memory.message_id for hit in version.search(query("tea", limit=1))] == [2]


def test_the_latest_of_many_equals_is_found_however_many_there_are(version: MemoryVersion) -> None:
    """More equal ones than any engine is asked for at once."""
    file(version, *(filing(number, SAME) for number in range(1, 400)))

    assert [hit.memory.message_id for hit in version.search(query("tea", limit=3))] == [399, 398, 397]


def test_a_limit_is_kept_and_filled(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"Thing {number}") for number in range(1, 301)))

    assert [len(recalled(version, "thing", limit=limit)) for limit in (1, 7, 299, 300, 301)] == [
        1,
        7,
        299,
        300,
        300,
    ]


def test_no_limit_at_all_finds_nothing(version: MemoryVersion) -> None:
    file(version, filing(1, SAME))

    assert recalled(version, "tea", limit=0) == []


def test_an_empty_version_and_an_unknown_user_find_nothing(version: MemoryVersion) -> None:
    assert recalled(version, "tea") == []
    file(version, filing(1, SAME))

    assert recalled(version, "tea", user="nobody") == []


def test_since_counts_and_until_does_not(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"Thing {number}") for number in range(1, 6)))
    found = recalled(version, "thing", since=minute(2), until=minute(4))

    assert sorted(found) == ["Thing 2", "Thing 3"]
    assert sorted(recalled(version, "thing", since=minute(4))) == ["Thing 4", "Thing 5"]
    assert recalled(version, "thing", until=minute(2)) == ["Thing 1"]


def test_time_bounds_are_exact_to_the_microsecond(version: MemoryVersion) -> None:
    file(version, filing(1, SAME, said_at=minute(1)))
    after = minute(1) + timedelta(microseconds=1)

    assert recalled(version, "tea", since=minute(1), until=after) == [SAME]
    assert recalled(version, "tea", since=after) == []
    assert recalled(version, "tea", until=minute(1)) == []


def test_a_conversation_bounds_a_search(version: MemoryVersion) -> None:
    file(version, filing(1, "Tea at work", conversation_id="c1"), filing(2, "Tea at home", conversation_id="C1"))

    assert recalled(version, "tea", conversation_id="C1") == ["Tea at home"]
    assert recalled(version, "tea", conversation_id="c2") == []


def test_users_that_look_alike_are_strangers(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"Of {user!r}", user_id=user) for number, user in enumerate(LOOK_ALIKES)))

    assert [recalled(version, "of", user=user) for user in LOOK_ALIKES] == [
        [f"Of {user!r}"] for user in LOOK_ALIKES
    ]
    assert [said(version.page(user, limit=9).memories) for user in LOOK_ALIKES] == [
        [f"Of {user!r}"] for user in LOOK_ALIKES
    ]


def test_a_hit_is_the_memory_as_it_is_stored(version: MemoryVersion) -> None:
    file(version, filing(1, SAME, context="What do you like?"))
    [hit] = version.search(query("tea"))

    assert hit == Hit(version.filed_under([1])[0], hit.score)
