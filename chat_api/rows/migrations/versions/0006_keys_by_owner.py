"""Keys found by whom they are bound to: those of a user who is forgotten are revoked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Passed over where it is there already."""
    if "by_bound_to" not in {each["name"] for each in sa.inspect(op.get_bind()).get_indexes("api_keys")}:
        op.execute("CREATE INDEX by_bound_to ON api_keys (bound_to)")
