"""Keys found by whom they are bound to, as a forgotten user's are revoked; erasures by whose they are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_INDEXES = {
    "api_keys": ("by_bound_to", "bound_to"),
    "erasures": ("by_user", "user_id, scope, done_at"),
}


def upgrade() -> None:
    """Those that are there already are passed over."""
    there = sa.inspect(op.get_bind())
    for table, (name, columns) in _INDEXES.items():
        if name not in {each["name"] for each in there.get_indexes(table)}:
            op.execute(f"CREATE INDEX {name} ON {table} ({columns})")
