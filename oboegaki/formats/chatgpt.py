"""`conversations.json` of ChatGPT's data export: a list of conversations, each a tree of turns. Pure.

Read is the branch that ChatGPT shows, from the root to `current_node`: what the user and the assistant said to
each other in text. System messages, calls of tools and what these answered are left out, and so are pictures.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from oboegaki.formats.items import Message, last_of, metadata, said_at, text_of, way_to

NAME = "ChatGPT"
_TEXTS = (None, "text", "multimodal_text")


def fits(item: object) -> bool:
    """Whether it is a conversation of that export."""
    return isinstance(item, dict) and isinstance(item.get("mapping"), dict)


def messages(conversation: Mapping[str, Any]) -> Iterator[Message]:
    """The messages of a conversation, in order; those without a time have that of the one before."""
    name = str(conversation.get("conversation_id") or conversation.get("id") or "")
    nodes = conversation["mapping"]
    at = said_at(conversation.get("create_time"))
    for node_id, node in way_to(nodes, conversation.get("current_node") or _latest(nodes), "parent"):
        message = node.get("message")
        if not isinstance(message, dict):
            continue
        at = said_at(message.get("create_time")) or at
        text = _text(message)
        if text:
            yield {
                "external_id": f"chatgpt/{message.get('id') or node_id}",
                "conversation_id": f"chatgpt/{name}",
                "role": message["author"]["role"],
                "content": text,
                "created_at": at,
                "metadata": metadata("chatgpt"),
            }


def _text(message: Mapping[str, Any]) -> str:
    author, content = message.get("author"), message.get("content")
    if not isinstance(author, dict) or not isinstance(content, dict):
        return ""
    about = message.get("metadata")
    hidden = isinstance(about, dict) and about.get("is_visually_hidden_from_conversation")
    to_a_tool = message.get("recipient") not in (None, "all")
    if author.get("role") not in ("user", "assistant") or hidden or to_a_tool:
        return ""
    return text_of(content.get("parts")) if content.get("content_type") in _TEXTS else ""


def _latest(nodes: Mapping[str, Any]) -> str | None:
    return last_of([name for name, node in nodes.items() if isinstance(node, dict) and not node.get("children")])
