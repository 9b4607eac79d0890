"""Messages and conversations erased as the API erases them, but for a look at the memories before."""

from datetime import timedelta
from uuid import uuid4

from chat_api.erasing.erasure_rows import ErasureRows
from chat_api.erasing.parts import Erasure
from chat_api.erasing.statements import Asked
from chat_api.rows.database import Database
from tests.support.services import now

#: What is promised of an erasure.
WITHIN = timedelta(hours=1)


def asked() -> Asked:
    """An erasure that is asked for now."""
    at = now()
    return Asked(str(uuid4()), at, at + WITHIN)


def erase_message(database: Database, user_id: str, message_id: int) -> Erasure:
    """A message's erasure, its row being gone. Raises NotFound."""
    return ErasureRows(database).erase_message(user_id, message_id, asked())


def erase_conversation(database: Database, user_id: str, conversation_id: str) -> Erasure:
    """A conversation's erasure, its rows being gone. Raises NotFound."""
    return ErasureRows(database).erase_conversation(user_id, conversation_id, asked())


def erase_user(database: Database, user_id: str) -> Erasure:
    """A user's erasure, all of their rows being gone."""
    return ErasureRows(database).erase_user(user_id, asked())
