"""Whose memory a completion is about."""

import pytest

from chat_api.auth.callers import Caller
from chat_api.completions.owner import conversation, owner
from chat_api.errors import Forbidden, Invalid

ADMIN = Caller("k", "admin")
USER = Caller("k", "user", "alice")
TENANT = Caller("k", "tenant", "shop")
TRUSTED = Caller("k", "tenant", "shop", trusts_user_header=True)


def test_a_users_key_is_about_that_user_whoever_is_named() -> None:
    assert owner(USER, "bob", "carol", admin_trusted=True) == "alice"


@pytest.mark.parametrize(("caller", "user"), [(ADMIN, "bob"), (TENANT, "shop/bob")])
def test_the_request_names_the_user_before_the_header_does(caller: Caller, user: str) -> None:
    assert owner(caller, user, "carol", admin_trusted=True) == user


def test_a_tenants_key_names_none_of_another_tenants_users() -> None:
    for user in ("bob", "shopping/bob", "other/bob"):
        with pytest.raises(Forbidden):
            owner(TENANT, user, None, admin_trusted=True)


def test_a_header_names_one_of_the_tenants_own_users_from_a_trusted_key_only() -> None:
    assert owner(TRUSTED, None, "bob", admin_trusted=False) == "shop/bob"
    assert owner(TRUSTED, None, "other/bob", admin_trusted=False) == "shop/other/bob"
    with pytest.raises(Invalid):
        owner(TENANT, None, "bob", admin_trusted=True)


def test_a_header_with_the_admin_key_counts_only_where_the_setting_says_so() -> None:
    assert owner(ADMIN, None, "bob", admin_trusted=True) == "bob"
    with pytest.raises(Invalid, match="whose memory"):
        owner(ADMIN, None, "bob", admin_trusted=False)


@pytest.mark.parametrize("user", [None, "", 7, ["alice"], {"id": "alice", "name": "Alice"}])
def test_what_is_no_name_names_nobody(user: object) -> None:
    with pytest.raises(Invalid, match="whose memory"):
        owner(ADMIN, user, None, admin_trusted=True)


@pytest.mark.parametrize("user", ["x" * 256, "a\0b", "half \ud800"])
def test_a_name_that_no_user_can_have_is_refused(user: str) -> None:
    with pytest.raises(Invalid, match="user"):
        owner(ADMIN, user, None, admin_trusted=True)


def test_a_conversation_is_named_by_our_header_before_open_webuis() -> None:
    assert conversation("%E8%8C%B6", "chat") == "茶"
    assert conversation(None, "chat") == "chat"
    assert conversation(None, None) is None
    with pytest.raises(Invalid):
        conversation("x" * 256, None)
