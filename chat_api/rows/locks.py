"""Turns of processes on one MySQL: a named lock, which ends with its session, however its process ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from chat_api.errors import Faulty, Unavailable
from chat_api.settings import Account

_LONGEST_S = 300
#: How long MySQL is asked to wait at a time: between two, a stop is heard of.
_STEP_S = 1


@contextmanager
def alone(account: Account, name: str, *, stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Of all processes on one MySQL, whoever else asks for that name waits, until `stopped` within a second.

    Raises Unavailable where MySQL does not answer, where the wait was stopped, and after five minutes; Faulty
    where MySQL refuses.
    """
    refusal = "Another process is preparing the memories and does not finish."
    with (
        translated(account, outage="so it is not known whose turn it is", refused="to say whose turn it is"),
        connected(account, account.database) as connection,
        held(connection, name, account, refusal=refusal, stopped=stopped),
    ):
        yield


@contextmanager
def held(
    connection: sa.Connection,
    name: str,
    account: Account,
    *,
    refusal: str,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """The lock of that name in a database. Raises Unavailable with `refusal` where it cannot be had."""
    lock = {"name": f"oboegaki.{name}.{account.database}"[:64], "wait": _STEP_S}
    end = time.monotonic() + _LONGEST_S
    while connection.scalar(sa.text("SELECT GET_LOCK(:name, :wait)"), lock) != 1:
        if stopped():
            raise Unavailable("This process was stopped while another one was preparing the memories.")
        if time.monotonic() > end:
            raise Unavailable(refusal)
    yield
    connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), lock)


@contextmanager
def connected(account: Account, database: str | None) -> Iterator[sa.Connection]:
    """A session of its own. Raises SQLAlchemy's errors: see `translated`."""
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


@contextmanager
def translated(account: Account, *, outage: str, refused: str) -> Iterator[None]:
    """Raises Unavailable where MySQL does not answer, with what comes of it; Faulty with what it refused."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as exc:
        raise Unavailable(f"MySQL does not answer on {account.host}:{account.port}, {outage}.") from exc
    except sa.exc.DBAPIError as exc:
        raise Faulty(f"MySQL refused {refused}: {exc.orig}") from exc
