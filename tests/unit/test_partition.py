"""A user's partition is the one that the connector writes to."""

import pytest

from memory_consumer.partition import partition_of


@pytest.mark.parametrize(
    ("user", "java_hash"),
    [("", 0), ("a", 97), ("u3", 3678), ("alice", 92903040), ("ハハ", 399840), ("Aa", 2112), ("BB", 2112)],
)
def test_the_hash_is_javas(user: str, java_hash: int) -> None:
    assert partition_of(user, 2**31) == java_hash


def test_characters_beyond_the_basic_plane_count_as_two_units() -> None:
    assert partition_of("😀", 2**31) == (31 * 0xD83D + 0xDE00) & 0x7FFFFFFF
