"""Filing: a version holds, per message, what its latest filing says, and nothing else."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_store.models import Filing, Vectors
from memory_store.port import MemoryVersion
from tests.contract.making import file, filing, gone, memory, minute, recalled, said

WORDS = ("tea", "rain", "猫")
LATEST_FIRST = [gone(1, "deleted", offset=8), filing(1, "I like tea", offset=7)]


def kept(version: MemoryVersion, *message_ids: int) -> list[str]:
    return sorted(said(version.filed_under(message_ids)))


def test_what_is_filed_is_found_under_its_message(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea", "I live in Kyoto"), filing(2, "It rains"))

    assert kept(version, 1) == ["I like tea", "I live in Kyoto"]
    assert kept(version, 2) == ["It rains"]


def test_every_field_of_a_memory_comes_back_but_its_context(version: MemoryVersion) -> None:
    given_memory = memory(
        7,
        "ハナコ🌸 likes\n「お茶」 and \x00 nothing",
        conversation_id="会話/7",
        context="What does she like?",
        supersedes=("70598171-f407-5f9e-b19d-824d44709336",),
        speaker="ハナコ",
        lang="ja",
        role="note",
        said_at=minute(7).replace(microsecond=999_999),
    )
    file(version, Filing(filing(7, "x").receipt, (given_memory,)))

    assert version.get(given_memory.id) == replace(given_memory, context="")


def test_a_newer_filing_replaces_all_that_was_under_its_message(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea", "I live in Kyoto", offset=3), filing(2, "It rains", offset=4))
    file(version, filing(1, "I live in Kyoto", "I like coffee", offset=5))

    assert kept(version, 1) == ["I like coffee", "I live in Kyoto"]
    assert recalled(version, "I like tea", limit=9).count("I like tea") == 0
    assert kept(version, 2) == ["It rains"]


def test_what_is_forgotten_is_as_if_it_had_never_been_filed(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea", offset=7), gone(2, "deleted", offset=8), filing(3, "It rains", offset=9))

    version.forget({1: 7, 2: 8, 4: 1})
    version.forget({})

    assert (kept(version, 1, 2, 3), set(version.receipts([1, 2, 3]))) == (["It rains"], {3})
    file(version, filing(1, "I like coffee", offset=1))
    assert kept(version, 1) == ["I like coffee"]


def test_what_was_filed_anew_meanwhile_is_not_forgotten(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea", offset=7))
    file(version, filing(1, "I like coffee", offset=8))

    version.forget({1: 7})

    assert (kept(version, 1), version.receipts([1])[1].facts_offset) == (["I like coffee"], 8)


def test_applying_twice_is_applying_once(version: MemoryVersion) -> None:
    batch = [filing(1, "I like tea", offset=1), gone(2, "deleted", offset=2), filing(3, "It rains", offset=3)]
    file(version, *batch)
    once = (list(version.scan()), list(version.scan_receipts()))
    file(version, *batch)
    file(version, *batch[:2])

    assert (list(version.scan()), list(version.scan_receipts())) == once


def test_an_older_filing_changes_nothing(version: MemoryVersion) -> None:
    file(version, filing(1, "I like coffee", offset=9))
    file(version, filing(1, "I like tea", offset=8))
    file(version, gone(1, "deleted", offset=7))

    assert kept(version, 1) == ["I like coffee"]
    assert version.receipts([1])[1].facts_offset == 9


def test_an_older_filing_in_the_same_batch_changes_nothing(version: MemoryVersion) -> None:
    file(version, *LATEST_FIRST)

    assert kept(version, 1) == []
    assert version.receipts([1])[1].state == "deleted"


def test_of_filings_with_one_offset_the_last_counts(version: MemoryVersion) -> None:
    file(version, filing(1, "I like tea", offset=4), filing(1, "I like coffee", offset=4))
    assert kept(version, 1) == ["I like coffee"]

    file(version, filing(1, "I like rain", offset=4))
    assert kept(version, 1) == ["I like rain"]


@pytest.mark.parametrize("state", ["deleted", "dead"])
def test_a_message_that_is_gone_or_dead_keeps_its_receipt_only(version: MemoryVersion, state: str) -> None:
    file(version, filing(1, "I like tea", offset=1), filing(2, "It rains", offset=2))
    file(version, gone(1, "deleted" if state == "deleted" else "dead", offset=3))

    assert kept(version, 1) == []
    assert recalled(version, "I like tea") == ["It rains"]
    assert version.receipts([1])[1].state == state
    assert version.count() == 1


def test_a_deleted_message_keeps_no_memory_even_where_its_filing_brings_one(version: MemoryVersion) -> None:
    late = filing(1, "I like tea", offset=2)
    file(version, Filing(replace(late.receipt, state="deleted"), late.memories))

    assert version.count() == 0


def test_a_dead_message_can_be_learned_after_all(version: MemoryVersion) -> None:
    file(version, gone(1, "dead", offset=1))
    file(version, filing(1, "I like tea", offset=2))

    assert kept(version, 1) == ["I like tea"]
    assert version.receipts([1])[1].state == "learned"


def test_nothing_learned_leaves_a_receipt(version: MemoryVersion) -> None:
    file(version, filing(1, offset=1))

    assert version.receipts([1]) == {1: filing(1, offset=1).receipt}
    assert version.count() == 0


def test_an_empty_batch_changes_nothing(version: MemoryVersion) -> None:
    file(version)

    assert (version.count(), list(version.scan_receipts())) == (0, [])


def test_vectors_that_do_not_match_the_memories_file_nothing(version: MemoryVersion) -> None:
    too_few = np.full((1, 64), 0.125, dtype=np.float32)
    with pytest.raises(ValueError, match=r"2 memories need as many vectors and words, not \(1, 1, 1\)"):
        version.apply([filing(1, "I like tea", "It rains")], Vectors(too_few, too_few, [()]))

    assert (version.count(), version.receipts([1])) == (0, {})


def test_a_batch_larger_than_any_call_of_an_engine_is_filed_whole(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"Thing {number}", f"And {number}") for number in range(1, 601)))

    assert version.count() == 1200
    assert len(version.receipts(range(1, 601))) == 600
    assert len(version.filed_under(range(1, 601))) == 1200


_numbers = count(1)
_filings = st.tuples(
    st.integers(0, 2), st.sampled_from(["learned", "deleted", "dead"]), st.sets(st.sampled_from(WORDS))
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    # One version serves all examples: each has messages of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(log=st.lists(_filings, max_size=8), arrivals=st.lists(st.integers(0, 7), max_size=16))
def test_a_version_is_the_fold_of_the_log_in_whatever_order_and_number_records_arrive(
    version: MemoryVersion, log: list[tuple[int, str, set[str]]], arrivals: list[int]
) -> None:
    first = next(_numbers) * 3
    records = [_record(first + which, state, words, offset) for offset, (which, state, words) in enumerate(log)]
    for at in [at for at in arrivals if at < len(records)]:
        file(version, records[at])
    file(version, *records)

    for message_id in range(first, first + 3):
        last = [record for record in records if record.receipt.message_id == message_id][-1:]
        assert kept(version, message_id) == sorted(said(m for record in last for m in record.memories))
        assert list(version.receipts([message_id]).values()) == [record.receipt for record in last]


def _record(message_id: int, state: str, words: set[str], offset: int) -> Filing:
    if state == "learned":
        return filing(message_id, *sorted(words), offset=offset)
    return gone(message_id, "dead" if state == "dead" else "deleted", offset=offset)
