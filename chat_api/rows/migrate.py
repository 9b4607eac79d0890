"""Brings the tables to their latest form: numbered scripts, forward only, by one process at a time."""

import logging
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from chat_api.rows.locks import connected, held, translated
from chat_api.settings import Account

_log = logging.getLogger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(account: Account) -> None:
    """Makes the database if it is missing and runs what has not been run; safe to call at every start.

    Raises Unavailable when MySQL does not answer or another starter does not finish, Faulty when it refuses.
    """
    refusal = "Another process is migrating the database and does not finish."
    with (
        translated(account, outage="so nothing was migrated", refused="the migration"),
        connected(account, database=None) as connection,
        held(connection, "migrate", account, refusal=refusal),
    ):
        _create_database(connection, account.database)
        with connected(account, account.database) as inside:
            _upgrade(inside)


def grant(account: Account, statements: Sequence[str]) -> None:
    """Gives rights on the tables, as the account that made them. Raises Unavailable and Faulty as migrate does."""
    told = translated(account, outage="so no rights were given", refused="the rights of an account")
    with told, connected(account, account.database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _create_database(connection: sa.Connection, database: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote(database)
    connection.exec_driver_sql(
        f"CREATE DATABASE IF NOT EXISTS {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    )


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if _is_later(connection, config):
        # Columns are only ever added for one release's time, so that this one can go on beside the later one.
        _log.warning(
            "The tables are of a later release, and are left as they are.", extra={"action": "tables_later"}
        )
        return
    command.upgrade(config, "head")
    connection.commit()


def _is_later(connection: sa.Connection, config: Config) -> bool:
    """Whether a later release than this has brought the tables to a form that this one does not know."""
    at = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    return at is not None and at not in known
