"""Whose things a key may name, told by the id alone."""

import pytest

from chat_api.auth.callers import Caller
from chat_api.errors import Forbidden


@pytest.mark.parametrize(
    ("caller", "user_id", "may"),
    [
        (Caller("k", "admin"), "alice", True),
        (Caller("k", "tenant", "acme"), "acme/alice", True),
        (Caller("k", "tenant", "acme"), "acme", False),
        (Caller("k", "tenant", "acme"), "acmeX/alice", False),
        (Caller("k", "tenant", "acme"), "other/alice", False),
        (Caller("k", "user", "alice"), "alice", True),
        (Caller("k", "user", "alice"), "Alice", False),
        (Caller("k", "user", "alice"), "alice/2", False),
    ],
)
def test_a_key_names_only_the_users_it_is_bound_to(caller: Caller, user_id: str, may: bool) -> None:
    assert caller.may_name(user_id) is may
    if may:
        assert caller.named(user_id) == user_id
    else:
        with pytest.raises(Forbidden):
            caller.named(user_id)
