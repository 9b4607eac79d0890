"""What can be wrong with a message, told by joining what each place holds of it. Pure.

Each link of the chain is looked at by itself: row and messages log, messages log and facts log, facts log and
store. So a message that is missing early on is told once, where it broke.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["missing in log", "not learned", "not projected", "doubled", "stale", "orphaned", "dead"]
Place = Literal["messages log", "facts log", "store"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is wrong with a message. `place` is where it is missing, or should not be as it is."""

    kind: Kind
    message_id: int
    user_id: str
    place: Place
    detail: str
    #: It is being put right by the stages that run anyway, or it changed while it was looked at.
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which two places differ: a query for `id`, `user` and `waits` over the tables of `tables`."""

    kind: Kind
    place: Place
    detail: str
    query: str


#: A message's memories can only be compared where its receipt is of its facts record.
_FILED = "JOIN receipts ON receipts.id = record.id AND receipts.position = record.position"
_LISTED = "(SELECT 1 FROM wanted WHERE wanted.id = points.id AND wanted.partition = record.partition"

RULES = (
    Rule(
        "missing in log",
        "messages log",
        "no event of the row",
        "SELECT rows.id, rows.user, 0 AS waits FROM rows LEFT JOIN event ON event.id = rows.id"
        " WHERE event.id IS NULL OR event.state = 'removed'",
    ),
    Rule(
        "stale",
        "messages log",
        "the last event is of another revision than the row",
        "SELECT rows.id, rows.user, 0 AS waits FROM rows JOIN event ON event.id = rows.id"
        " WHERE event.state = 'written' AND event.revision <> rows.revision",
    ),
    Rule(
        "orphaned",
        "messages log",
        "the row is gone, but no event says so",
        "SELECT event.id, coalesce(nullif(event.user, ''), record.user, '') AS user, 0 AS waits"
        " FROM event LEFT JOIN rows ON rows.id = event.id LEFT JOIN record ON record.id = event.id"
        " WHERE rows.id IS NULL AND event.state <> 'removed'",
    ),
    Rule(
        "doubled",
        "messages log",
        "the message lives in more than one partition",
        "SELECT id, max(user) AS user, 0 AS waits FROM events WHERE state = 'written'"
        " GROUP BY id HAVING count(*) > 1",
    ),
    Rule(
        "not learned",
        "facts log",
        "no facts record",
        "SELECT rows.id, rows.user, event.waits FROM rows JOIN event ON event.id = rows.id"
        " LEFT JOIN record ON record.id = rows.id"
        " WHERE event.state <> 'removed' AND (record.id IS NULL OR record.state = 'deleted')",
    ),
    Rule(
        "stale",
        "facts log",
        "learned from an earlier event than the last one",
        "SELECT rows.id, rows.user, event.waits FROM rows JOIN event ON event.id = rows.id"
        " JOIN record ON record.id = rows.id WHERE record.state IN ('learned', 'pending')"
        " AND (event.state = 'unreadable' OR event.state = 'written' AND event.revision <> record.revision)",
    ),
    Rule(
        "dead",
        "facts log",
        "set aside: it could not be read",
        "SELECT rows.id, rows.user, event.waits FROM rows JOIN event ON event.id = rows.id"
        " JOIN record ON record.id = rows.id"
        " WHERE event.state <> 'removed' AND record.state IN ('dead', 'unreadable')",
    ),
    Rule(
        "orphaned",
        "facts log",
        "the message is deleted, but what was learned from it is not",
        "SELECT record.id, record.user, coalesce(event.waits, 0) AS waits FROM record"
        " LEFT JOIN rows ON rows.id = record.id LEFT JOIN event ON event.id = record.id"
        " WHERE rows.id IS NULL AND record.state <> 'deleted' AND (event.id IS NULL OR event.state = 'removed')",
    ),
    Rule(
        "doubled",
        "facts log",
        "learned in more than one partition",
        "SELECT id, max(user) AS user, 0 AS waits FROM records WHERE state IN ('learned', 'pending')"
        " GROUP BY id HAVING count(*) > 1",
    ),
    Rule(
        "not projected",
        "store",
        "no receipt for its facts record",
        "SELECT record.id, record.user, record.waits FROM record LEFT JOIN receipts ON receipts.id = record.id"
        " WHERE record.state <> 'unreadable' AND (receipts.id IS NULL OR receipts.position < record.position)",
    ),
    Rule(
        "stale",
        "store",
        "its receipt is not of its facts record",
        "SELECT record.id, record.user, record.waits FROM record JOIN receipts ON receipts.id = record.id"
        " WHERE record.state <> 'unreadable' AND (receipts.position > record.position"
        " OR receipts.position = record.position AND (receipts.state, receipts.revision, receipts.facts)"
        " <> (record.state, record.revision, record.facts))",
    ),
    Rule(
        "not projected",
        "store",
        "a memory of it is missing",
        f"SELECT record.id, record.user, record.waits FROM wanted"
        f" JOIN record ON record.id = wanted.id AND record.partition = wanted.partition {_FILED}"
        " LEFT JOIN points ON points.id = wanted.id AND points.point = wanted.point"
        " WHERE points.id IS NULL GROUP BY record.id",
    ),
    Rule(
        "stale",
        "store",
        "a memory of it says something else than its facts record",
        f"SELECT record.id, record.user, record.waits FROM wanted"
        f" JOIN record ON record.id = wanted.id AND record.partition = wanted.partition {_FILED}"
        " JOIN points ON points.id = wanted.id AND points.point = wanted.point"
        " WHERE points.digest <> wanted.digest GROUP BY record.id",
    ),
    Rule(
        "doubled",
        "store",
        "a fact of it is filed more than once",
        f"SELECT record.id, record.user, record.waits FROM points JOIN record ON record.id = points.id {_FILED}"
        f" WHERE NOT EXISTS {_LISTED} AND wanted.point = points.point)"
        f" AND EXISTS {_LISTED} AND wanted.point = points.canonical) GROUP BY record.id",
    ),
    Rule(
        "orphaned",
        "store",
        "a memory of it is in no facts record",
        f"SELECT record.id, record.user, record.waits FROM points JOIN record ON record.id = points.id {_FILED}"
        f" WHERE NOT EXISTS {_LISTED} AND wanted.point = points.point)"
        f" AND NOT EXISTS {_LISTED} AND wanted.point = points.canonical) GROUP BY record.id",
    ),
    Rule(
        "orphaned",
        "store",
        "filed, but there is no facts record",
        "SELECT filed.id, max(filed.user) AS user, 0 AS waits FROM"
        " (SELECT id, user FROM receipts WHERE state <> 'deleted' UNION ALL SELECT id, user FROM points) AS filed"
        " LEFT JOIN record ON record.id = filed.id WHERE record.id IS NULL GROUP BY filed.id",
    ),
)
