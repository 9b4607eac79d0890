"""Keys as rows: the fake of the unit tests, and MySQL, held to the same."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from chat_api.auth.key_ring import KeyRing, KeyRows
from chat_api.auth.key_rows import MySqlKeyRows
from chat_api.auth.keys import NewKey, digest, new_id
from chat_api.errors import NotFound
from chat_api.rows.database import Database
from tests.support.api import MySql, execute
from tests.support.keys import KeptKeys
from tests.support.services import now


@pytest.fixture(params=["fake", "mysql"])
def keys(request: pytest.FixtureRequest) -> KeyRows:
    if request.param == "fake":
        return KeptKeys()
    return MySqlKeyRows(request.getfixturevalue("database"))


def test_a_key_is_found_by_its_digest_with_all_that_it_was_made_with(keys: KeyRows) -> None:
    at = now() + timedelta(days=1)
    new = NewKey("tenant", "ハハ/", "for 花子's shop", trusts_user_header=True, expires_at=at)
    of_text, key_id = digest(str(uuid4())), new_id()
    made = keys.add(key_id, of_text, new)
    found = keys.used(of_text, now())

    assert found == made
    assert (made.key_id, made.revoked_at, made.last_used_at) == (key_id, None, None)
    assert NewKey(made.kind, made.bound_to, made.label, made.trusts_user_header, made.expires_at) == new
    assert keys.used(digest("another"), now()) is None


def test_a_use_is_noted(keys: KeyRows) -> None:
    of_text, at = digest(str(uuid4())), now()
    keys.add(new_id(), of_text, NewKey("admin"))
    keys.used(of_text, at)
    found = keys.used(of_text, at + timedelta(seconds=1))

    assert found is not None
    assert found.last_used_at == at


def test_a_revoked_key_stays_in_the_list_and_is_revoked_once(keys: KeyRows) -> None:
    of_text, key_id, at = digest(str(uuid4())), new_id(), now()
    keys.add(key_id, of_text, NewKey("user", "alice"))
    keys.revoke(key_id, at)
    again = keys.revoke(key_id, at + timedelta(hours=1))

    assert again.revoked_at == at
    found = keys.used(of_text, now())
    assert found is not None
    assert found.revoked_at == at
    assert key_id in [key.key_id for key in keys.listed(limit=1000)]
    with pytest.raises(NotFound):
        keys.revoke("none", at)


def test_pages_hold_every_key_once(keys: KeyRows) -> None:
    made = {keys.add(new_id(), digest(str(uuid4())), NewKey("admin")).key_id for _ in range(5)}
    found, after = [], ""
    while page := keys.listed(limit=2, after=after):
        found += [key.key_id for key in page]
        after = found[-1]

    assert len(found) == len(set(found))
    assert made <= set(found)


def test_keys_are_looked_up_however_much_of_the_pool_is_in_use(mysql: MySql) -> None:
    of_text, key_id = digest(str(uuid4())), new_id()
    with closing(Database(mysql.api, pool_size=1)) as database:
        keys = MySqlKeyRows(database)
        keys.add(key_id, of_text, NewKey("admin"))
        found = database.transact(lambda _cursor: keys.used(of_text, now()))

    assert found is not None
    assert found.key_id == key_id


def test_the_keys_of_a_user_can_be_found_without_a_look_at_all_others(mysql: MySql) -> None:
    revoke = "UPDATE api_keys SET revoked_at = NOW() WHERE kind = 'user' AND bound_to = 'alice'"
    [plan] = execute(mysql.root, f"EXPLAIN FORMAT=TRADITIONAL {revoke} AND revoked_at IS NULL")

    assert "by_bound_to" in plan


def test_the_text_of_a_key_is_nowhere_in_the_database(mysql: MySql, database: Database) -> None:
    key, text = KeyRing(MySqlKeyRows(database), now).create(NewKey("user", "alice"))
    [row] = execute(mysql.root, f"SELECT * FROM api_keys WHERE key_id = '{key.key_id}'")  # noqa: S608  ours

    assert text not in repr(row)
    assert text.removeprefix("oboegaki_") not in repr(row)


def test_the_apis_account_can_neither_forget_a_key_nor_make_it_another(mysql: MySql, database: Database) -> None:
    key, _ = KeyRing(MySqlKeyRows(database), now).create(NewKey("user", "alice"))
    for statement in (
        "DELETE FROM api_keys",
        "UPDATE api_keys SET bound_to = 'bob'",
        "UPDATE api_keys SET hash = ''",
    ):
        with pytest.raises(Exception, match="denied"):
            execute(mysql.api, f"{statement} WHERE key_id = '{key.key_id}'")
