"""Recall gives one result per message, and as many as were asked for."""

from datetime import UTC, datetime

import pytest

from memory_store.errors import NoLiveVersion
from memory_store.fake import FakeStore
from memory_store.models import Hit
from memory_store.recall import Recall, Recalled, merged
from memory_store.when import spans
from tests.contract.making import EMBEDDER, file, filing, memory, minute


def hit(message_id: int, text: str, score: float) -> Hit:
    return Hit(memory(message_id, text), score)


def recall_over(store: FakeStore) -> Recall:
    store.create("v1")
    store.activate("v1")
    return Recall(store, EMBEDDER)


def test_hits_of_one_message_are_one_result_with_the_best_first() -> None:
    hits = [hit(2, "b1", 0.9), hit(1, "a1", 0.8), hit(2, "b2", 0.7), hit(1, "a2", 0.6), hit(2, "b3", 0.5)]

    assert merged(hits) == [
        Recalled(memory(2, "b1"), 0.9, (hit(2, "b2", 0.7), hit(2, "b3", 0.5))),
        Recalled(memory(1, "a1"), 0.8, (hit(1, "a2", 0.6),)),
    ]


def test_no_hits_are_no_results() -> None:
    assert merged([]) == []


def test_messages_with_many_facts_do_not_crowd_out_the_others() -> None:
    store = FakeStore()
    recall = recall_over(store)
    file(
        store.live(), *(filing(number, *(f"tea {number} {each}" for each in range(60))) for number in range(1, 4))
    )
    file(store.live(), filing(9, "rain"))

    assert len(recall.search("alice", "tea", limit=3)) == 3
    assert [each.memory.message_id for each in recall.search("alice", "tea", limit=4)][-1] == 9


def test_a_limit_is_kept() -> None:
    store = FakeStore()
    recall = recall_over(store)
    file(store.live(), *(filing(number, f"tea {number}") for number in range(1, 40)))

    assert [len(recall.search("alice", "tea", limit=limit)) for limit in (0, 1, 5, 39, 40)] == [0, 1, 5, 39, 39]


def test_bounds_reach_the_store() -> None:
    store = FakeStore()
    recall = recall_over(store)
    file(
        store.live(),
        *(filing(number, f"tea {number}", conversation_id=f"c{number % 2}") for number in range(1, 7)),
    )
    found = recall.search("alice", "tea", since=minute(2), until=minute(6), conversation_id="c1")

    assert sorted(each.memory.message_id for each in found) == [3, 5]


def test_a_switch_of_the_live_version_is_seen_by_the_next_recall() -> None:
    store = FakeStore()
    recall = recall_over(store)
    file(store.create("v2"), filing(1, "tea"))
    before = recall.search("alice", "tea")
    store.activate("v2")

    assert (before, len(recall.search("alice", "tea"))) == ([], 1)


def test_without_a_live_version_recall_says_so() -> None:
    with pytest.raises(NoLiveVersion):
        Recall(FakeStore(), EMBEDDER).search("alice", "tea")


def test_what_was_said_when_the_question_says_comes_first() -> None:
    store = FakeStore()
    recall = recall_over(store)
    said = [datetime(2026, 2, day, 12, tzinfo=UTC) for day in (3, 11, 19)]
    file(store.live(), *(filing(number, "I drink tea", said_at=at) for number, at in enumerate(said, start=1)))
    now = datetime(2026, 2, 20, 9, tzinfo=UTC)
    question = "What did I drink last week?"
    [first, *others] = recall.search("alice", question, times=spans(question, now))

    assert (first.memory.message_id, [other.memory.message_id for other in others]) == (2, [3, 1])
    assert first.score == pytest.approx(others[0].score + 0.03)
    assert recall.search("alice", question)[0].memory.message_id == 3
