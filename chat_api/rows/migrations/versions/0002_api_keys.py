"""Keys of callers, by the digests of their texts."""

from alembic import op

revision = "0002"
down_revision = "0001"

_API_KEYS = """
CREATE TABLE IF NOT EXISTS api_keys (
  key_id VARCHAR(32) NOT NULL,
  hash CHAR(64) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  bound_to VARCHAR(255) NULL,
  label VARCHAR(255) NULL,
  trusts_user_header BOOLEAN NOT NULL DEFAULT FALSE,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  last_used_at TIMESTAMP(6) NULL,
  expires_at TIMESTAMP(6) NULL,
  revoked_at TIMESTAMP(6) NULL,
  PRIMARY KEY (key_id),
  UNIQUE KEY by_hash (hash),
  CONSTRAINT key_kind_known CHECK (kind IN ('admin', 'tenant', 'user')),
  CONSTRAINT key_is_bound CHECK ((kind = 'admin') = (bound_to IS NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""


def upgrade() -> None:
    """Can be run again after a crash."""
    op.execute(_API_KEYS)
