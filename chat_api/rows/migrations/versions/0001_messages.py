"""Users, conversations, messages, and the table that Debezium takes signals from."""

from alembic import op

revision = "0001"
down_revision = None

# Identifiers are compared byte by byte: MySQL's default makes ハハ and パパ, alice and Alice, the same user.
# TIMESTAMP, not DATETIME: Debezium gives it as text in UTC. No foreign keys: cascades do not reach the binlog.
_USERS = """
CREATE TABLE IF NOT EXISTS users (
  user_id VARCHAR(255) NOT NULL,
  timezone VARCHAR(64) NOT NULL DEFAULT 'UTC',
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""

_CONVERSATIONS = """
CREATE TABLE IF NOT EXISTS conversations (
  user_id VARCHAR(255) NOT NULL,
  conversation_id VARCHAR(255) NOT NULL,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (user_id, conversation_id),
  KEY by_age (user_id, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""

# The revision is bytes over bytes, so it does not depend on a session's character set (docs/decisions/0001).
_MESSAGES = """
CREATE TABLE IF NOT EXISTS messages (
  id BIGINT NOT NULL AUTO_INCREMENT,
  user_id VARCHAR(255) NOT NULL,
  conversation_id VARCHAR(255) NOT NULL,
  external_id VARCHAR(255) NULL,
  role VARCHAR(16) NOT NULL,
  content MEDIUMTEXT NOT NULL,
  suppressed JSON NULL,
  metadata JSON NULL,
  agent_id VARCHAR(255) NULL,
  created_at TIMESTAMP(6) NOT NULL,
  utc_offset_minutes SMALLINT NOT NULL,
  inserted_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  revision CHAR(32) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (
    LEFT(SHA2(CONCAT_WS(CHAR(0), role, content,
      COALESCE(CAST(suppressed AS CHAR CHARACTER SET utf8mb4), '')), 256), 32)) STORED NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY once (user_id, external_id),
  KEY by_conversation (user_id, conversation_id, id),
  KEY by_change (user_id, updated_at, id),
  CONSTRAINT role_known CHECK (role IN ('user', 'assistant', 'system', 'tool', 'note')),
  CONSTRAINT content_bounded CHECK (CHAR_LENGTH(content) <= 1000000)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""

_SIGNAL = """
CREATE TABLE IF NOT EXISTS debezium_signal (
  id VARCHAR(64) NOT NULL,
  type VARCHAR(32) NOT NULL,
  data TEXT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin
"""


def upgrade() -> None:
    """MySQL commits each statement by itself, so each can be run again after a crash between them."""
    for statement in (_USERS, _CONVERSATIONS, _MESSAGES, _SIGNAL):
        op.execute(statement)
