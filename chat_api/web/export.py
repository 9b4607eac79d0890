"""All that is kept of a user, line by line: settings, conversations, messages, memories with their sources.

Each page is read when it is wanted, so an export of any size takes the same memory; and as patiently as the
first one, so that a long export does not break off. Every line was true when it was read; what is written,
edited or deleted meanwhile is in it or not, but never half. Memories are those that their messages bear out, as
recall tells them; what is not learned yet is in its message.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from chat_api import patience
from chat_api.errors import NotFound, Unavailable
from chat_api.messages import theirs
from chat_api.recall.recaller import Recaller
from chat_api.recall.recollection import Question, Remembered
from chat_api.rows.rows import Rows
from chat_api.web.answers.messages import MessageOut

#: The form of the lines, which an import understands.
VERSION = 1
_PAGE = 200


def lines(rows: Rows, recaller: Recaller, user_id: str, now: datetime) -> Iterator[dict[str, Any]]:
    """The export's lines; without the last one, `end`, it is not whole. Raises Unavailable."""
    counted = {"conversations": 0, "messages": 0, "memories": 0}
    yield {"type": "export", "version": VERSION, "user_id": user_id, "exported_at": now.isoformat()}
    settings = patience.unhurried(rows.user_settings)(user_id)
    yield {
        "type": "user",
        "timezone": settings.timezone,
        "recall": settings.recall,
        "persona": settings.persona,
    }
    for conversation_id, created_at in _conversations(rows, user_id):
        counted["conversations"] += 1
        yield {
            "type": "conversation",
            "conversation_id": conversation_id,
            "created_at": created_at.isoformat(),
        }
        for message in _messages(rows, user_id, conversation_id):
            counted["messages"] += 1
            # What is ours names rows of this instance.
            yield {"type": "message", **message.model_dump(mode="json"), "metadata": theirs(message.metadata)}
    for remembered in _memories(recaller, user_id):
        counted["memories"] += 1
        yield {"type": "memory", **_told(remembered)}
    yield {"type": "end", **counted}


def _conversations(rows: Rows, user_id: str) -> Iterator[tuple[str, datetime]]:
    after, read = "", patience.unhurried(rows.conversations_after)
    while page := read(user_id, after, limit=_PAGE):
        yield from page
        after = page[-1][0]


def _messages(rows: Rows, user_id: str, conversation_id: str) -> Iterator[MessageOut]:
    after, read = 0, patience.unhurried(rows.messages)
    while True:
        try:
            page = read(user_id, conversation_id, limit=_PAGE, after=after)
        except NotFound:
            # It was deleted meanwhile.
            return
        yield from map(MessageOut.of, page)
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _memories(recaller: Recaller, user_id: str) -> Iterator[Remembered]:
    question = Question(user_id, limit=_PAGE, history=True)
    cursor: str | None = None
    read = patience.unhurried(recaller.listed)
    while True:
        page = read(question, cursor)
        if page.degraded:
            raise Unavailable("The memories are away, so the export cannot be ended. Try again.")
        yield from page.memories
        cursor = page.cursor
        if cursor is None:
            return


def _told(remembered: Remembered) -> dict[str, Any]:
    memory = remembered.memory
    return {
        "id": memory.id,
        "text": memory.text,
        "said_at": memory.said_at.isoformat(),
        "learned_at": memory.learned_at.isoformat(),
        "extractor": memory.extractor,
        "pinned": remembered.pinned,
        "supersedes": list(memory.supersedes),
        "superseded_by": list(remembered.superseded_by),
        "sources": [source.id for source in remembered.sources],
    }
