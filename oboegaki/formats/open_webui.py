"""The chats that Open WebUI exports: a list of them, each with a history that is a tree of turns. Pure.

Read is the branch that is shown, from the root to `currentId`; of a chat without a history, its list of messages.
The thoughts of a model, which Open WebUI keeps within its answers, are left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from oboegaki.formats.items import Message, metadata, said_at, text_of, way_to

NAME = "Open WebUI"
_THOUGHTS = re.compile(r"<details\s+type=\"reasoning\"[^>]*>.*?</details>\s*", re.DOTALL)


def fits(item: object) -> bool:
    """Whether it is a chat of that export."""
    if not isinstance(item, dict):
        return False
    chat = item.get("chat", item)
    if not isinstance(chat, dict) or "role" in chat:
        return False
    return isinstance(chat.get("history"), dict) or ("chat" in item and isinstance(chat.get("messages"), list))


def messages(item: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a chat, in order; those without a time have that of the one before."""
    chat = item.get("chat", item)
    name = str(item.get("id") or chat.get("id") or "")
    at = said_at(item.get("created_at")) or said_at(chat.get("timestamp"))
    for turn_id, turn in _turns(chat):
        at = said_at(turn.get("timestamp")) or at
        text = _THOUGHTS.sub("", text_of(turn.get("content"))).strip()
        if turn.get("role") in ("user", "assistant") and text:
            yield {
                "external_id": f"open-webui/{name}/{turn_id}",
                "conversation_id": f"open-webui/{name}",
                "role": turn["role"],
                "content": text,
                "created_at": at,
                "metadata": metadata("open-webui"),
            }


def _turns(chat: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    history = chat.get("history")
    nodes = history.get("messages") if isinstance(history, dict) else None
    if isinstance(history, dict) and isinstance(nodes, dict):
        way = way_to(nodes, history.get("currentId"), "parentId")
        if way:
            return way
    listed = chat.get("messages")
    turns = [turn for turn in listed if isinstance(turn, dict)] if isinstance(listed, list) else []
    return [(str(turn.get("id") or number), turn) for number, turn in enumerate(turns)]
