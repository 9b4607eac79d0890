"""Which form of the tables is the latest."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

import chat_api.rows.migrate


def latest() -> str:
    """The number of the last migration."""
    config = Config()
    config.set_main_option("script_location", str(Path(chat_api.rows.migrate.__file__).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head
