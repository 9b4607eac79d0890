"""Brings the tables to their latest form: numbered scripts, forward only, by one process at a time."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from chat_api.errors import Faulty, Unavailable
from chat_api.settings import Account

_log = logging.getLogger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"
#: How long a starter waits for another one that is migrating.
_WAIT_S = 300


def migrate(account: Account) -> None:
    """Makes the database if it is missing and runs what has not been run; safe to call at every start.

    Raises Unavailable when MySQL does not answer or another starter does not finish, Faulty when it refuses.
    """
    with (
        _translated(account),
        _connected(account, database=None) as connection,
        _locked(connection, "migrate", account, "Another process is migrating the database and does not finish."),
    ):
        _create_database(connection, account.database)
        with _connected(account, account.database) as inside:
            _upgrade(inside)


@contextmanager
def alone(account: Account, name: str) -> Iterator[None]:
    """Of all processes on one MySQL, whoever else asks for that name waits. Raises Unavailable."""
    with (
        _translated(account),
        _connected(account, account.database) as connection,
        _locked(connection, name, account, "Another process is preparing the memories and does not finish."),
    ):
        yield


def grant(account: Account, statements: Sequence[str]) -> None:
    """Gives rights on the tables, as the account that made them. Raises Unavailable and Faulty as migrate does."""
    with _translated(account), _connected(account, account.database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@contextmanager
def _translated(account: Account) -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as exc:
        raise Unavailable(
            f"MySQL does not answer on {account.host}:{account.port}, so nothing was migrated."
        ) from exc
    except sa.exc.DBAPIError as exc:
        raise Faulty(f"MySQL refused the migration: {exc.orig}") from exc


@contextmanager
def _locked(connection: sa.Connection, name: str, account: Account, refusal: str) -> Iterator[None]:
    # The lock belongs to the session and ends with it, however the process ends.
    lock = {"name": f"oboegaki.{name}.{account.database}"[:64], "wait": _WAIT_S}
    if connection.scalar(sa.text("SELECT GET_LOCK(:name, :wait)"), lock) != 1:
        raise Unavailable(refusal)
    yield
    connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), lock)


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


@contextmanager
def _connected(account: Account, database: str | None) -> Iterator[sa.Connection]:
    url = sa.URL.create(
        "mysql+mysqlconnector",
        username=account.user,
        password=account.password.get_secret_value(),
        host=account.host,
        port=account.port,
        database=database,
    )
    # The pure Python client, as for the rows: docs/decisions/0002.
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"use_pure": True})
    with engine.connect() as connection:
        yield connection
