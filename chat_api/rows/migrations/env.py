"""Runs the numbered scripts on the connection that `chat_api.rows.migrate` holds the lock with."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
