"""Paging: all memories of a user, each once, the latest said first."""

import pytest

from memory_store.errors import Refused
from memory_store.models import Memory
from memory_store.port import MemoryVersion
from tests.contract.making import file, filing, gone, minute


def pages(version: MemoryVersion, limit: int, user: str = "alice") -> list[list[Memory]]:
    found, cursor = [], None
    while True:
        page = version.page(user, limit=limit, cursor=cursor)
        found.append(list(page.memories))
        cursor = page.cursor
        if cursor is None:
            return found
        assert len(found) < 100, "The pages do not end."


def test_the_latest_said_comes_first(version: MemoryVersion) -> None:
    file(version, filing(1, "First"), filing(3, "Third"), filing(2, "Second"))

    assert [memory.text for memory in version.page("alice", limit=9).memories] == ["Third", "Second", "First"]


def test_pages_hold_every_memory_once_also_where_many_were_said_at_one_time(version: MemoryVersion) -> None:
    moments = [1] * 3 + [2] * 12 + [3] + [4] * 4
    file(version, *(filing(number, f"T{number}", said_at=minute(at)) for number, at in enumerate(moments, 1)))
    [whole] = pages(version, 20)

    assert [memory.said_at for memory in whole] == [minute(at) for at in sorted(moments, reverse=True)]
    assert whole == sorted(whole, key=lambda memory: (-memory.said_at.timestamp(), memory.id))
    assert len({memory.id for memory in whole}) == 20
    for limit in (1, 2, 3, 7, 19, 21):
        assert pages(version, limit) == [whole[at : at + limit] for at in range(0, 20, limit)]


def test_the_last_page_says_so(version: MemoryVersion) -> None:
    file(version, filing(1, "First"), filing(2, "Second"))

    assert version.page("alice", limit=2).cursor is None
    assert version.page("alice", limit=1).cursor is not None
    assert version.page("nobody", limit=1).cursor is None


def test_a_page_holds_its_user_only(version: MemoryVersion) -> None:
    file(
        version,
        *(filing(number, f"T{number}", user_id="ab"[number % 2], said_at=minute(1)) for number in range(9)),
    )

    assert sorted(memory.message_id for page in pages(version, 2, "a") for memory in page) == [0, 2, 4, 6, 8]


def test_what_is_filed_or_deleted_between_pages_moves_nothing_else(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"T{number}") for number in range(1, 7)))
    first = version.page("alice", limit=3)
    file(version, filing(9, "T9"), gone(4, "deleted", offset=1), gone(2, "deleted", offset=1))
    second = version.page("alice", limit=3, cursor=first.cursor)

    assert [memory.text for memory in first.memories] == ["T6", "T5", "T4"]
    assert [memory.text for memory in second.memories] == ["T3", "T1"]


def test_a_cursor_serves_more_than_once(version: MemoryVersion) -> None:
    file(version, *(filing(number, f"T{number}") for number in range(1, 6)))
    cursor = version.page("alice", limit=2).cursor

    assert version.page("alice", limit=2, cursor=cursor) == version.page("alice", limit=2, cursor=cursor)


def test_a_cursor_that_is_not_ours_is_refused(version: MemoryVersion) -> None:
    for cursor in ("", "x", "1_2", "9" * 20 + "_" + "0" * 36, "１_" + "0" * 36, "1_" + "0" * 36 + "\n"):
        with pytest.raises(Refused, match="leave it out"):
            version.page("alice", limit=2, cursor=cursor)
