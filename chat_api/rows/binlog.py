"""Whether MySQL logs rows as learning needs them: what is not in its binlog is never learned."""

from collections.abc import Iterable, Mapping

from chat_api.errors import Refused
from chat_api.rows.database import Database

#: What Debezium reads whole rows by, and finds its place again.
WANTED: Mapping[str, str] = {
    "log_bin": "ON",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_value_options": "",
    "gtid_mode": "ON",
    "enforce_gtid_consistency": "ON",
}


def check(database: Database) -> None:
    """Raises Refused where a setting could lose rows or parts of them, and Unavailable."""
    told = objection(database.variables(WANTED))
    if told is not None:
        raise Refused(told)


def objection(found: Mapping[str, str]) -> str | None:
    """What is wrong with these variables and what to do; None where nothing is."""
    wrong = {name: value for name, value in WANTED.items() if found.get(name) != value}
    if not wrong:
        return None
    told = _listed((name, found.get(name, "unknown")) for name in wrong)
    return (
        f"MySQL runs with {told}, so what is written could be lost to learning: {_listed(wrong.items())} is"
        f" needed. Set it so in MySQL's configuration; where it was set with SET PERSIST, run `{_reset(wrong)}` in"
        " MySQL. Then start MySQL again."
    )


def _listed(variables: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value or chr(39) * 2}" for name, value in variables)


def _reset(names: Iterable[str]) -> str:
    return "; ".join(f"RESET PERSIST IF EXISTS {name}" for name in names)
