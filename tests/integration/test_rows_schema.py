"""The tables: made once, by one starter, and digests that depend on nothing but what was said."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from mysql.connector import DatabaseError
from pydantic import SecretStr

from chat_api.errors import Faulty, Unavailable
from chat_api.messages import NewMessage
from chat_api.rows.migrate import migrate
from chat_api.rows.rows import Rows
from tests.support.api import MySql, execute
from tests.support.tables import latest


def test_of_many_starters_one_migrates_and_the_others_find_it_done(mysql: MySql) -> None:
    account = replace(mysql.root, database=f"migrated_{uuid4().hex}")
    try:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(migrate, [account] * 6))
        applied = execute(account, "SELECT version_num FROM alembic_version")
        tables = execute(account, "SHOW TABLES")
    finally:
        execute(mysql.root, f"DROP DATABASE IF EXISTS {account.database}")

    assert applied == [(latest(),)]
    assert {"users", "conversations", "messages", "turns", "debezium_signal"} <= {row[0] for row in tables}


def test_migrating_again_changes_nothing(mysql: MySql) -> None:
    before = execute(mysql.root, "SHOW CREATE TABLE messages")
    migrate(mysql.migrate)

    assert execute(mysql.root, "SHOW CREATE TABLE messages") == before


def test_migrating_without_a_server_says_so(mysql: MySql) -> None:
    with pytest.raises(Unavailable, match=r"MySQL does not answer on 127\.0\.0\.1:1,"):
        migrate(replace(mysql.migrate, port=1))


def test_migrating_with_a_wrong_password_says_so(mysql: MySql) -> None:
    with pytest.raises(Faulty, match="Access denied"):
        migrate(replace(mysql.migrate, password=SecretStr("wrong")))


@pytest.mark.parametrize("names", ["utf8mb4", "latin1", "cp932", "utf8mb4 COLLATE utf8mb4_0900_ai_ci"])
def test_the_revision_is_the_same_whatever_the_session_speaks(mysql: MySql, user: str, names: str) -> None:
    """A restart and another client must not make another revision of the same words."""
    text = "X'E8A69AE38188E69BB8E3818D'"
    execute(
        mysql.root,
        f"SET NAMES {names}",
        "INSERT INTO messages"  # noqa: S608
        " (user_id, conversation_id, role, content, suppressed, created_at, utc_offset_minutes)"
        f" VALUES ('{user}', 'c', 'user', CONVERT({text} USING utf8mb4), JSON_ARRAY('e:1', 'e:2'), NOW(), 0)",
    )
    [(revision,)] = execute(mysql.root, f"SELECT revision FROM messages WHERE user_id = '{user}'")  # noqa: S608

    learned_from = 'user\0覚え書き\0["e:1", "e:2"]'
    assert revision == hashlib.sha256(learned_from.encode()).hexdigest()[:32]


def test_the_revision_follows_role_content_and_suppressions_only(rows: Rows, user: str) -> None:
    same = [
        NewMessage("user", "a", "c"),
        NewMessage("user", "a", "d", external_id="x", metadata={"k": 1}, agent_id="b"),
    ]
    others = [
        NewMessage("note", "a", "c"),
        NewMessage("user", "A", "c"),
        NewMessage("user", "a", "c", suppressed="all"),
        NewMessage("user", "a", "c", suppressed=("e:1",)),
    ]
    added = rows.add_messages(user, [*same, *others])
    revisions = [rows.get(user, each.message_id).revision for each in added]

    assert revisions[0] == revisions[1]
    assert len(set(revisions)) == 1 + len(others)


@pytest.mark.parametrize("column", ["id", "user_id", "conversation_id", "external_id", "role", "created_at"])
def test_the_api_account_cannot_change_whose_a_row_is_or_when_it_was_said(mysql: MySql, column: str) -> None:
    with pytest.raises(DatabaseError, match="denied"):
        execute(mysql.api, f"UPDATE messages SET {column} = {column} WHERE id = 0")  # noqa: S608


@pytest.mark.parametrize(
    "statement", ["TRUNCATE messages", "DROP TABLE messages", "ALTER TABLE messages ADD x INT"]
)
def test_the_api_account_cannot_change_tables(mysql: MySql, statement: str) -> None:
    with pytest.raises(DatabaseError, match="denied"):
        execute(mysql.api, statement)
