"""Dead letters as they are written and read."""

from datetime import UTC, datetime

import pytest

from memory_consumer.errors import Invalid
from memory_consumer.records import cdc, dead_letters
from memory_consumer.records.dead_letters import PROJECT, DeadLetter, GivenUp, Place

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACE = Place("log", 3, 14)
KEY = cdc.encode_key(7)


def written(key: bytes | None, stage: str) -> tuple[bytes, bytes]:
    given_up = GivenUp("ValueError at fold.py:12", tries=3)
    return dead_letters.letter(key, given_up, stage=stage, place=PLACE, user_id="alice", at=NOW)


@pytest.mark.parametrize("stage", ["extract", "ask", PROJECT])
def test_a_letter_is_read_as_it_was_written(stage: str) -> None:
    assert dead_letters.decode(*written(KEY, stage)) == DeadLetter(
        message_id=7,
        user_id="alice",
        stage=stage,
        cause="ValueError at fold.py:12",
        tries=3,
        topic="log",
        partition=3,
        offset=14,
        at=NOW,
    )


def test_a_letter_has_the_key_of_its_record_so_a_later_one_replaces_it() -> None:
    assert written(KEY, "extract")[0] == written(KEY, "ask")[0] == KEY


def test_project_and_extract_do_not_replace_each_others_letters() -> None:
    assert written(KEY, PROJECT)[0] != KEY


@pytest.mark.parametrize("key", [None, b"", b"no key of ours", b"\xff", b'{"profile":"alice"}'])
@pytest.mark.parametrize("stage", ["extract", PROJECT])
def test_a_letter_of_no_message_can_be_written_and_says_so(key: bytes | None, stage: str) -> None:
    kept, value = written(key, stage)

    assert kept
    assert dead_letters.decode(kept, value).message_id is None


def test_what_was_written_before_letters_told_tries_and_users_can_be_read() -> None:
    place = b'"topic": "t", "partition": 0, "offset": 1, "at": "2026-03-02T09:00:00Z"'
    old = b'{"cause": "c", "stage": "extract", %b}' % place

    found = dead_letters.decode(KEY, old)

    assert (found.tries, found.user_id, found.message_id) == (1, None, 7)


def test_what_is_no_letter_is_refused_without_quoting_it() -> None:
    with pytest.raises(Invalid, match=r"^The dead letter cannot be read\.$"):
        dead_letters.decode(KEY, b"my secret")
