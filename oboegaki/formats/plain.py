"""Messages as `POST /v1/messages` takes them, and what oboegaki exports. Pure."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from oboegaki.formats.items import Message

NAME = "messages"
#: The kinds of lines of an export; of these only messages are imported, as memories are learned from them again.
KINDS = frozenset({"export", "user", "conversation", "message", "memory", "end"})
#: What the names begin with that an export gives to messages without one; the message's id follows.
NAMED = "oboegaki/"
#: What an instance says of a message in its metadata; it names messages of that instance.
_OURS = "oboegaki"
_FIELDS = (
    "external_id",
    "conversation_id",
    "role",
    "content",
    "created_at",
    "suppressed",
    "metadata",
    "agent_id",
    "pinned",
)


def fits(item: object) -> bool:
    """Whether it is such a message, or a line of an export."""
    return isinstance(item, dict) and ("role" in item or "content" in item or item.get("type") in KINDS)


def messages(item: Mapping[str, Any]) -> Iterator[Message]:
    """The message, of a line of an export by a name of its own; none of the export's other lines."""
    kind = item.get("type")
    if kind in KINDS and kind != "message":
        return
    message = {field: item[field] for field in _FIELDS if item.get(field) is not None}
    if isinstance(held := message.get("metadata"), dict):
        message["metadata"] = {key: value for key, value in held.items() if key != _OURS}
    if kind == "message" and "external_id" not in message and "message_id" in item:
        # Two exports may hold messages of one number, never two of one number, time and text.
        said = json.dumps([item.get("role"), item.get("content"), item.get("created_at")])
        digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        message["external_id"] = f"{NAMED}{item['message_id']}/{digest}"
    yield message


class Namer:
    """Names messages that have no name, the same at every import of what they say.

    The file is the conversation; a message is known by what it says and by how often that was said before it.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._said: Counter[bytes] = Counter()

    def named(self, message: Message) -> Message:
        """The message with its names."""
        said = json.dumps([message["role"], message["content"]]).encode()
        digest = hashlib.sha256(said).digest()[:16]
        self._said[digest] += 1
        name = f"import/{self._file}/{digest.hex()}/{self._said[digest]}"
        made = {"conversation_id": f"import/{self._file}", "external_id": name}
        return made | {field: value for field, value in message.items() if value is not None}
