"""What an Idempotency-Key stands for."""

import pytest

from chat_api.chat.repeats import UnderWay, names
from chat_api.errors import Busy, Invalid

REQUEST = {"user_id": "alice", "message": "a secret"}


def test_without_a_key_nothing_is_named() -> None:
    assert names(None, REQUEST) is None


def test_a_key_names_the_same_rows_quoted_or_not_and_another_key_others() -> None:
    assert names('"k"', REQUEST) == names("k", REQUEST)
    assert names("k", REQUEST) != names("l", REQUEST)


def test_neither_key_nor_request_can_be_told_from_the_names() -> None:
    one, other = names("key-one", REQUEST), names("key-two", REQUEST)
    assert one
    assert other

    assert "key-one" not in str(one)
    # Who guesses the request has to guess the key, too.
    assert one.request != other.request


@pytest.mark.parametrize("key", ["", " ", '""', "k" * 256])
def test_a_key_that_is_empty_or_too_long_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match="Idempotency-Key"):
        names(key, REQUEST)


def test_a_key_is_held_by_one_request_of_a_user_at_a_time() -> None:
    under_way, named = UnderWay(), names("k", REQUEST)
    with under_way.holding("alice", named):
        with pytest.raises(Busy), under_way.holding("alice", named):
            pytest.fail("it is held already")
        with under_way.holding("bob", named), under_way.holding("alice", None), under_way.holding("alice", None):
            pass
    with under_way.holding("alice", named):
        pass
