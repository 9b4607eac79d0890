"""Who may do what in MySQL. Every statement can be run again."""

from devstack.secrets import Secrets

#: Also part of the Kafka topics' names.
DATABASE = "chat"

#: Not in the binlog: Debezium has no use for password hashes.
_UNLOGGED = "SET SESSION sql_log_bin = 0"

_GRANTS = {
    "oboegaki_migrate": (f"GRANT ALL ON {DATABASE}.* TO",),
    "oboegaki_api": (),
    "oboegaki_debezium": (
        "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO",
        f"GRANT SELECT, LOCK TABLES ON {DATABASE}.* TO",
    ),
    "oboegaki_readonly": (f"GRANT SELECT ON {DATABASE}.* TO",),
}

_TABLE_GRANTS = {
    # By column: whose a row is, where it belongs and when it was said never change.
    "oboegaki_api": (
        *(
            f"GRANT SELECT, INSERT, DELETE ON {DATABASE}.{table} TO"
            for table in ("users", "conversations", "messages", "turns", "erasures")
        ),
        f"GRANT UPDATE (content, suppressed, metadata, pinned, updated_at) ON {DATABASE}.messages TO",
        f"GRANT UPDATE (timezone, recall, persona) ON {DATABASE}.users TO",
        # A key is never changed into another one, nor forgotten.
        f"GRANT SELECT, INSERT ON {DATABASE}.api_keys TO",
        f"GRANT UPDATE (last_used_at, revoked_at) ON {DATABASE}.api_keys TO",
        f"GRANT UPDATE (parts, done_at) ON {DATABASE}.erasures TO",
    ),
    # An incremental snapshot marks its chunks in this table.
    "oboegaki_debezium": (f"GRANT INSERT, DELETE ON {DATABASE}.debezium_signal TO",),
}


#: Where tables are made over the network, whoever makes them gives the others their rights on them, too.
_TO_GRANT = (
    f"GRANT ALL ON {DATABASE}.* TO {{}} WITH GRANT OPTION",
    "GRANT SESSION_VARIABLES_ADMIN ON *.* TO {}",
)


def account_statements(secrets: Secrets, *, host: str = "localhost") -> list[str]:
    """Makes every account, sets its password and what it may do where no table is needed for it.

    The accounts but root come from that host. Where it is another machine than MySQL's, the account that makes the
    tables may run `table_statements`; else root does.
    """
    passwords = {
        "oboegaki_migrate": secrets.mysql_migrate,
        "oboegaki_api": secrets.mysql_api,
        "oboegaki_debezium": secrets.mysql_debezium,
        "oboegaki_readonly": secrets.mysql_readonly,
    }
    statements = [
        _UNLOGGED,
        _password("ALTER USER", _at("root", "localhost"), secrets.mysql_root.get_secret_value()),
    ]
    for user, password in passwords.items():
        statements.append(_password("CREATE USER IF NOT EXISTS", _at(user, host), password.get_secret_value()))
        statements.append(_password("ALTER USER", _at(user, host), password.get_secret_value()))
    by_network = [] if host == "localhost" else [each.format(_at("oboegaki_migrate", host)) for each in _TO_GRANT]
    return [*statements, *_granted(_GRANTS, host), *by_network]


def table_statements(*, host: str = "localhost") -> list[str]:
    """What the accounts may do with single tables; the tables have to be there."""
    return [_UNLOGGED, *_granted(_TABLE_GRANTS, host)]


def _at(user: str, host: str) -> str:
    return f"'{user}'@'{host}'"


def _password(verb: str, account: str, password: str) -> str:
    # Passwords are made of letters, digits, - and _.
    return f"{verb} {account} IDENTIFIED BY '{password}'"


def _granted(grants: dict[str, tuple[str, ...]], host: str) -> list[str]:
    return [f"{grant} {_at(user, host)}" for user, grants_of in grants.items() for grant in grants_of]
