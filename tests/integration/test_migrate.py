"""What the tables promise, and that many starters make them once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

import pytest
from mysql.connector import DatabaseError

from chat_api.rows.migrate import migrate
from chat_api.settings import CONTENT_CEILING, Account
from tests.support.api import MySql, execute, session
from tests.support.deadline import wait_until
from tests.support.tables import latest

_STARTER = """
import os
from pydantic import SecretStr
from chat_api.rows.migrate import migrate
from chat_api.settings import Account
port, database, password = os.environ["PORT"], os.environ["DATABASE"], SecretStr(os.environ["PASSWORD"])
migrate(Account("127.0.0.1", int(port), database, "root", password))
"""


@pytest.fixture
def fresh(mysql: MySql) -> Iterator[Account]:
    """A database that is not there yet."""
    account = replace(mysql.root, database=f"migrated_{uuid4().hex}")
    yield account
    execute(mysql.root, f"DROP DATABASE IF EXISTS {account.database}")


def insert(account: Account, content: str, role: str = "'user'") -> None:
    execute(
        account,
        "INSERT INTO messages (user_id, conversation_id, role, content, created_at, utc_offset_minutes)"  # noqa: S608
        f" VALUES ('u', 'c', {role}, {content}, NOW(), 0)",
    )


def waiting_for_a_lock(mysql: MySql) -> int:
    return sum(row[6] == "User lock" for row in execute(mysql.root, "SHOW PROCESSLIST"))


def test_of_two_processes_at_once_each_waits_for_who_is_migrating(mysql: MySql, fresh: Account) -> None:
    values = {
        "PORT": str(fresh.port),
        "DATABASE": fresh.database,
        "PASSWORD": fresh.password.get_secret_value(),
    }
    with ExitStack() as parts:
        migrating = parts.enter_context(session(mysql.root))
        migrating.cmd_query(f"DO GET_LOCK('oboegaki.migrate.{fresh.database}', 0)")
        starters = [
            parts.enter_context(subprocess.Popen([sys.executable, "-c", _STARTER], env={**os.environ, **values}))
            for _ in range(2)
        ]
        for starter in starters:
            parts.callback(starter.kill)
        wait_until(lambda: waiting_for_a_lock(mysql) == 2)
        migrating.cmd_query("DO RELEASE_ALL_LOCKS()")

        assert [starter.wait(120) for starter in starters] == [0, 0]
    assert execute(fresh, "SELECT version_num FROM alembic_version") == [(latest(),)]


def test_a_migration_that_was_killed_half_way_is_finished_by_the_next(fresh: Account) -> None:
    migrate(fresh)
    whole = execute(fresh, "SHOW TABLES")
    execute(fresh, "DROP TABLE debezium_signal", "DROP TABLE messages", "DELETE FROM alembic_version")
    migrate(fresh)

    assert execute(fresh, "SHOW TABLES") == whole
    assert execute(fresh, "SELECT version_num FROM alembic_version") == [(latest(),)]


def test_migrating_again_keeps_the_rows(fresh: Account) -> None:
    migrate(fresh)
    insert(fresh, "'kept'")
    migrate(fresh)

    assert execute(fresh, "SELECT content FROM messages") == [("kept",)]


def test_tables_of_the_release_before_have_keys_and_erasures_found_by_their_owner_too(fresh: Account) -> None:
    migrate(fresh)
    execute(
        fresh,
        "INSERT INTO api_keys (key_id, hash, kind, bound_to) VALUES ('k', 'h', 'user', 'alice')",
        "DROP INDEX by_bound_to ON api_keys",
        "DROP INDEX by_user ON erasures",
        "UPDATE alembic_version SET version_num = '0005'",
    )
    migrate(fresh)
    migrate(fresh)

    assert len(execute(fresh, "SHOW INDEX FROM api_keys WHERE Key_name = 'by_bound_to'")) == 1
    assert len(execute(fresh, "SHOW INDEX FROM erasures WHERE Key_name = 'by_user'")) == 3
    assert execute(fresh, "SELECT key_id FROM api_keys FORCE INDEX (by_bound_to) WHERE bound_to = 'alice'") == [
        ("k",)
    ]


def test_texts_are_compared_byte_by_byte_in_every_table(mysql: MySql) -> None:
    collations = execute(
        mysql.root,
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND table_name <> 'alembic_version'",
    )

    by_column = {(table, column): collation for table, column, collation in collations}
    assert len(by_column) == 30
    made_here = ("messages", "revision"), ("turns", "prefix_digest"), ("turns", "tail_digest"), ("erasures", "id")
    for column in made_here:
        assert by_column.pop(column) == "ascii_bin"
    assert set(by_column.values()) == {"utf8mb4_0900_bin"}


def test_nothing_is_deleted_or_changed_behind_the_binlog(mysql: MySql) -> None:
    """The work of cascades and triggers is not written there as what it is."""
    schema = "FROM information_schema.{} WHERE {}_schema = DATABASE()"

    assert execute(mysql.root, "SELECT * " + schema.format("referential_constraints", "constraint")) == []
    assert execute(mysql.root, "SELECT * " + schema.format("triggers", "trigger")) == []


def test_times_are_kept_to_the_microsecond(mysql: MySql) -> None:
    times = execute(
        mysql.root,
        "SELECT DISTINCT column_type FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND (data_type LIKE '%time%' OR data_type = 'date')",
    )

    assert [str(kind) for (kind,) in times] == ["timestamp(6)"]


@pytest.mark.parametrize("character", ["a", "覚", "🎏"])
def test_the_longest_content_is_counted_in_characters(fresh: Account, character: str) -> None:
    migrate(fresh)
    insert(fresh, f"REPEAT('{character}', {CONTENT_CEILING})")

    with pytest.raises(DatabaseError, match="content_bounded"):
        insert(fresh, f"REPEAT('{character}', {CONTENT_CEILING + 1})")


def test_a_role_that_nobody_knows_is_refused(fresh: Account) -> None:
    migrate(fresh)

    with pytest.raises(DatabaseError, match="role_known"):
        insert(fresh, "'a'", role="'User'")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("messages", "utc_offset_minutes"),
        ("messages", "agent_id"),
        ("messages", "inserted_at"),
        ("conversations", "user_id"),
        ("conversations", "conversation_id"),
        ("conversations", "created_at"),
        ("users", "user_id"),
        ("users", "created_at"),
        ("turns", "message_id"),
        ("turns", "prefix_digest"),
    ],
)
def test_what_identifies_and_dates_is_not_the_api_accounts_to_change(
    mysql: MySql, table: str, column: str
) -> None:
    with pytest.raises(DatabaseError, match="denied"):
        execute(mysql.api, f"UPDATE {table} SET {column} = {column} WHERE user_id = ''")  # noqa: S608


@pytest.mark.parametrize("table", ["debezium_signal", "alembic_version"])
def test_tables_of_others_are_closed_to_the_api_account(mysql: MySql, table: str) -> None:
    with pytest.raises(DatabaseError, match="denied"):
        execute(mysql.api, f"SELECT * FROM {table}")  # noqa: S608


def test_the_id_of_a_deleted_row_is_never_used_again(fresh: Account) -> None:
    migrate(fresh)
    insert(fresh, "'a'")
    [(first,)] = execute(fresh, "SELECT MAX(id) FROM messages")
    execute(fresh, "DELETE FROM messages")
    insert(fresh, "'b'")

    [(second,)] = execute(fresh, "SELECT MAX(id) FROM messages")
    assert second > first


def test_an_earlier_release_leaves_the_tables_of_a_later_one_as_they_are(fresh: Account) -> None:
    migrate(fresh)
    execute(fresh, "ALTER TABLE messages ADD COLUMN mood VARCHAR(20)")
    execute(fresh, "UPDATE alembic_version SET version_num = '9999'")
    migrate(fresh)
    insert(fresh, "'I like tea.'")

    assert execute(fresh, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert execute(fresh, "SELECT content, mood FROM messages") == [("I like tea.", None)]
