"""Reading: by id, by message, everything, and the vectors."""

import pytest

from memory_store.models import point_id
from memory_store.port import MemoryStore, MemoryVersion
from tests.contract.making import EMBEDDER, file, filing, gone, memory

UNKNOWN = "70598171-f407-5f9e-b19d-824d44709336"
NONSENSE = ["", "x", "1", "-1", UNKNOWN.upper(), UNKNOWN.replace("-", ""), f"{{{UNKNOWN}}}", "../v1", "\x00", "猫"]


def test_a_memory_is_read_by_its_id(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea"), filing(2, "It rains", user_id="bob"))

    assert version.get(memory(2, "It rains").id) == memory(2, "It rains", user_id="bob")


def test_an_unknown_id_or_none_at_all_is_no_memory(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea"))

    assert [version.get(each) for each in (UNKNOWN, *NONSENSE)] == [None] * (1 + len(NONSENSE))
    assert version.vectors_of([UNKNOWN, *NONSENSE]) == {}


def test_a_known_id_in_another_spelling_is_no_memory(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea"))

    assert version.get(memory(1, "I like tea").id.upper()) is None


def test_memories_of_messages_come_by_message_then_id(version: MemoryVersion) -> None:
    file(version, filing(10, "T1", "T2", "T3"), filing(9, "T4"), filing(2, "T5"))
    found = [(each.message_id, each.id) for each in version.filed_under([10, 2, 77])]

    assert [message_id for message_id, _ in found] == [2, 10, 10, 10]
    assert found == sorted(found)


def test_receipts_are_those_that_are_there(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea"), gone(3, "dead", offset=5))

    assert version.receipts([3, 2, 1, 2**63 - 1]) == {
        1: filing(1, "I like tea").receipt,
        3: gone(3, "dead", offset=5).receipt,
    }


def test_asking_for_nothing_gives_nothing(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea"))

    assert (version.receipts([]), version.filed_under([]), version.vectors_of([])) == ({}, [], {})


def test_a_scan_gives_every_memory_by_id(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"T{number}") for number in range(1, 701)))
    found = [each.id for each in version.scan()]

    assert found == sorted(memory(number, f"T{number}").id for number in range(1, 701))


def test_a_scan_of_receipts_gives_every_one_by_message(version: MemoryVersion) -> None:
    file(version, *(filing(number) for number in range(1100, 0, -1)))

    assert [each.message_id for each in version.scan_receipts()] == list(range(1, 1101))


def test_the_largest_message_id_is_one_like_others(version: MemoryVersion) -> None:
    file(version, filing(2**63 - 1, "I like tea"))

    assert [each.message_id for each in version.filed_under([2**63 - 1])] == [2**63 - 1]
    assert [each.message_id for each in version.scan_receipts()] == [2**63 - 1]


def test_a_count_counts_memories(version: MemoryVersion) -> None:
    assert version.count() == 0
    file(version, filing(1, "T1", "T2"), filing(2))

    assert version.count() == 2


def test_vectors_are_those_of_the_text_and_of_the_text_in_its_context(version: MemoryVersion) -> None:
    file(version, filing(1, "tea", context="cats"))
    text, context = version.vectors_of([memory(1, "tea").id])[memory(1, "tea").id]

    assert text == pytest.approx(EMBEDDER.passages(["tea"])[0], abs=1e-6)
    assert context == pytest.approx(EMBEDDER.passages(["cats\ntea"])[0], abs=1e-6)


def test_equal_vectors_are_equal_in_every_version_bit_for_bit(store: MemoryStore) -> None:
    texts = [f"Thing {number} 猫" for number in range(12)]
    one, another = store.create("v1"), store.create("v2")
    file(one, *(filing(number, text, context="Which?") for number, text in enumerate(texts)))
    for number, text in reversed(list(enumerate(texts))):
        file(another, filing(number, text, context="Which?"))
    ids = [memory(number, text).id for number, text in enumerate(texts)]

    assert len(one.vectors_of(ids)) == 12
    assert one.vectors_of(ids) == another.vectors_of([*ids, UNKNOWN])


def test_an_id_follows_from_message_and_fact_and_never_changes() -> None:
    """Stores that were built before hold these ids: the expected one was computed apart from the code."""
    assert point_id(42, "abc") == "cc2806f0-dd1e-5c27-8ef8-243f8fba2a42"
