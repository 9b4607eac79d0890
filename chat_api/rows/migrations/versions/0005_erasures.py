"""What was asked to be erased, and how far each part has got with it."""

from alembic import op

revision = "0005"
down_revision = "0004"

# A message's id is never used again, so `up_to` tells what was said before from a user's life afterwards.
_ERASURES = """
CREATE TABLE IF NOT EXISTS erasures (
  id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id VARCHAR(255) NOT NULL,
  conversation_id VARCHAR(255) NULL,
  scope VARCHAR(16) NOT NULL,
  up_to BIGINT NOT NULL,
  asked_at TIMESTAMP(6) NOT NULL,
  deadline TIMESTAMP(6) NOT NULL,
  parts JSON NOT NULL,
  done_at TIMESTAMP(6) NULL,
  PRIMARY KEY (id),
  KEY by_end (done_at, asked_at),
  CONSTRAINT scope_known CHECK (scope IN ('user', 'conversation', 'message'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""


def upgrade() -> None:
    """One statement, which can be run again."""
    op.execute(_ERASURES)
