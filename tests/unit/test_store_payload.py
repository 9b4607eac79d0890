"""What is stored of a memory reads in Mem0's words, and comes back as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.models import SourceRef
from memory_store.payload import (
    from_payload,
    microseconds,
    moment,
    receipt_from_payload,
    receipt_to_payload,
    to_payload,
)
from tests.contract.making import memory, receipt

JST = timezone(timedelta(hours=9))
MEMORY = memory(
    7,
    "緑茶が好き",
    context="What do you drink?",
    sources=(SourceRef(7, "r1"), SourceRef(3, "r2")),
    supersedes=("70598171-f407-5f9e-b19d-824d44709336",),
    said_at=datetime(2026, 3, 2, 18, 7, 0, 1, tzinfo=JST),
    speaker="ハナコ",
)


def test_the_payload_says_what_mem0_reads() -> None:
    payload = to_payload(MEMORY)

    assert {key: payload[key] for key in ("data", "hash", "user_id", "created_at", "updated_at")} == {
        "data": "緑茶が好き",
        "hash": MEMORY.hash,
        "user_id": "alice",
        "created_at": "2026-03-02T09:07:00.000001+00:00",
        "updated_at": "2026-03-02T09:08:00+00:00",
    }


def test_a_memory_comes_back_from_json_as_it_was_without_its_context() -> None:
    stored = json.loads(json.dumps(to_payload(MEMORY)))

    assert from_payload(MEMORY.id, stored) == replace(MEMORY, context="")
    assert "What do you drink?" not in json.dumps(stored)


def test_times_come_back_in_utc() -> None:
    assert from_payload(MEMORY.id, to_payload(MEMORY)).said_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("state", ["learned", "deleted", "dead"])
def test_a_receipt_comes_back_as_it_was(state: Literal["learned", "deleted", "dead"]) -> None:
    made = receipt(7, offset=2**53 + 1, facts=3, state=state)

    assert receipt_from_payload(7, json.loads(json.dumps(receipt_to_payload(made)))) == made


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_microsecond(said: datetime) -> None:
    assert moment(microseconds(said)) == said
