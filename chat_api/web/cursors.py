"""Where a page of conversations ended, as text that a client hands back. Pure."""

import base64
import json
from datetime import datetime

from chat_api.errors import Invalid
from chat_api.messages import Conversation
from chat_api.rows.cells import EARLIEST, LATEST


def after(last: Conversation) -> str:
    """The cursor that continues after a conversation."""
    place = json.dumps([last.created_at.isoformat(), last.conversation_id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def place(cursor: str) -> tuple[datetime, str]:
    """Where a cursor continues. Raises Invalid."""
    try:
        at, conversation_id = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        created_at = datetime.fromisoformat(at)
        conversation_id.encode()
        in_range = EARLIEST <= created_at <= LATEST
    except (ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise _unknown() from exc
    if not in_range:
        raise _unknown()
    return created_at, conversation_id


def _unknown() -> Invalid:
    return Invalid("cursor: is none that a page was answered with.")
