"""How many records are left to read, by what Kafka's client tells of itself."""

import json
from typing import Any

import pytest

from memory_consumer.stages.unread import Unread


def statistics(name: str = "one", kind: str = "consumer", topic: str = "facts", **partition: Any) -> str:  # noqa: ANN401
    """As the client tells them, as far as they are read."""
    told = {
        "fetch_state": "active",
        "fetchq_cnt": 0,
        "next_offset": 90,
        "app_offset": 80,
        "committed_offset": 70,
        "lo_offset": 0,
        "ls_offset": 100,
    }
    partitions = {"3": told | partition, "-1": told | {"fetch_state": "none"}}
    return json.dumps({"name": name, "type": kind, "topics": {topic: {"partitions": partitions}}})


@pytest.mark.parametrize(
    ("partition", "left"),
    [
        ({}, 10),
        # All of it is read; what stands between is a marker of a transaction, and no record.
        ({"next_offset": 100, "app_offset": 99}, 0),
        # Some of what was read waits in the client, of this partition or of another.
        ({"fetchq_cnt": 5}, 20),
        ({"fetchq_cnt": 5, "app_offset": -1001}, 30),
        ({"fetchq_cnt": 5, "app_offset": -1001, "committed_offset": -1001}, 100),
        ({"next_offset": -1001, "lo_offset": -1001}, 100),
        ({"next_offset": 101}, 0),
        # Nothing is known of its end yet.
        ({"ls_offset": -1001}, 0),
    ],
)
def test_what_is_left_is_what_stands_before_the_stable_end(partition: dict[str, Any], left: int) -> None:
    unread = Unread()
    unread(statistics(**partition))

    assert unread.now() == {("facts", 3): left}


def test_each_client_s_last_word_counts_and_producers_read_nothing() -> None:
    unread = Unread()
    unread(statistics())
    unread(statistics("two", topic="messages"))
    unread(statistics("three", kind="producer"))
    unread(statistics(next_offset=95))

    assert unread.now() == {("facts", 3): 5, ("messages", 3): 10}


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"type": "consumer", "name": "one", "topics": []}'])
def test_statistics_that_are_none_that_we_know_end_nobodys_reading(told: str) -> None:
    unread = Unread()
    unread(told)

    assert unread.now() == {}


def test_a_partition_that_was_given_up_is_told_no_more() -> None:
    unread = Unread()
    unread(statistics())
    unread(statistics(fetch_state="stopped"))

    assert unread.now() == {}
