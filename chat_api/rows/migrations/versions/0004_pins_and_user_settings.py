"""What is pinned, and what users set: whether replies draw on memories, and how the assistant is to be."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Columns with defaults only: a process of the release before goes on beside it. Added at the end, so that MySQL
# rewrites no row for it. Pins are text, not JSON: MySQL indexes the former.
_COLUMNS = {
    ("messages", "pinned"): "MEDIUMTEXT NULL",
    ("users", "recall"): "VARCHAR(8) NOT NULL DEFAULT 'auto'",
    ("users", "persona"): "TEXT NULL",
}


def upgrade() -> None:
    """MySQL commits each statement by itself, so what is there already is passed over."""
    there = sa.inspect(op.get_bind())
    for (table, column), kind in _COLUMNS.items():
        if column not in {each["name"] for each in there.get_columns(table)}:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    if "by_pin" not in {each["name"] for each in there.get_indexes("messages")}:
        op.execute("CREATE INDEX by_pin ON messages (user_id, pinned(1))")
