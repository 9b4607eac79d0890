"""Turns of chats that clients send whole each time, by a digest of all that was said up to each."""

from alembic import op

revision = "0003"
down_revision = "0002"

# A row stays when its message is deleted: the client goes on sending it, and it must not be written again.
# No text: who would guess it from a digest has to guess all that was said before it, too.
_TURNS = """
CREATE TABLE IF NOT EXISTS turns (
  user_id VARCHAR(255) NOT NULL,
  prefix_digest CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tail_digest CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  message_id BIGINT NOT NULL,
  conversation_id VARCHAR(255) NOT NULL,
  follows BIGINT NULL,
  PRIMARY KEY (user_id, prefix_digest),
  KEY by_tail (user_id, tail_digest, message_id),
  KEY by_branch (user_id, follows, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""


def upgrade() -> None:
    """It can be run again after a crash."""
    op.execute(_TURNS)
