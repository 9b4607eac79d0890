"""What Open WebUI sends beside what its users say. Pure; the shapes are in tests/data/open_webui.json.

For titles, tags, follow-up questions, search queries and autocompletion it asks the same model with prompts of
its own. It does not send what a request is for, so those are known by how they begin and what they hold; where
somebody has changed them, a header tells (docs/open-webui.md). With documents it puts its instructions and the
documents before what the user said, in the same message.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TASK = "### Task:"
#: Its prompts that do not begin so.
_OTHER_TASKS = (
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji",
    "You have been provided with a set of responses from various models to the latest user query",
)
_TOOL_CHOICE = "Available Tools:"
_WRAPPED = re.compile(r"^### Task:\s.*</context>\s*(?:<user_query>\s*)?(.*?)(?:\s*</user_query>)?\s*$", re.DOTALL)
#: How models that think aloud are shown, and what some servers leave in what they say.
_REASONING = re.compile(r"<details type=\"reasoning\".*?</details>|<think>.*?</think>", re.DOTALL)


def is_task(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it asks for something of its own, which is no part of a conversation."""
    spoken = [each for each in messages if each.get("role") not in ("system", "developer")]
    told = [each for each in messages if each.get("role") in ("system", "developer")]
    if len(spoken) != 1 or spoken[0].get("role") != "user":
        return False
    if any(text_of(each.get("content")).startswith(_TOOL_CHOICE) for each in told):
        return True
    text = text_of(spoken[0].get("content")).lstrip()
    return text.startswith(_OTHER_TASKS) or (text.startswith(_TASK) and "<chat_history>" in text)


def said(text: str) -> str:
    """What the user said, without the documents that were put before it."""
    wrapped = _WRAPPED.match(text)
    return wrapped[1] if wrapped else text


def replied(text: str) -> str:
    """What the assistant said, without what it thought."""
    return _REASONING.sub("", text).strip()


def text_of(content: object) -> str:
    """The text of a message's content, of which images and files are no part."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))
