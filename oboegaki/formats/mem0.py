"""Memories of Mem0: what `get_all` of its library, server or platform answers. Each becomes a note. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from oboegaki.formats.items import Message, dated, metadata

NAME = "Mem0"


def fits(item: object) -> bool:
    """Whether it is a memory of that kind."""
    return isinstance(item, dict) and isinstance(item.get("memory"), str) and "content" not in item


def messages(memory: Mapping[str, Any]) -> Iterator[Message]:
    """The note of a memory, dated as the memory; none where it holds no text."""
    text = memory["memory"].strip()
    if not text:
        return
    note: Message = {
        "conversation_id": "mem0",
        "role": "note",
        "content": text,
        "created_at": dated(memory.get("created_at")) or dated(memory.get("updated_at")),
        "metadata": metadata("mem0", memory.get("metadata")),
        "agent_id": memory.get("agent_id") if isinstance(memory.get("agent_id"), str) else None,
    }
    if memory.get("id") is not None:
        note["external_id"] = f"mem0/{memory['id']}"
    yield note
