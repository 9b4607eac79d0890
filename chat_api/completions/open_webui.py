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
_DOCUMENTS_END = "</context>"
_ASKED, _ASKED_END = "<user_query>", "</user_query>"
#: How models that think aloud are shown, and what some servers leave in what they say.
_REASONING = {'<details type="reasoning"': "</details>", "<think>": "</think>"}
_MARKS = re.compile("|".join(map(re.escape, (*_REASONING, *_REASONING.values()))))


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
    head, tail = text[: len(_TASK)], text[len(_TASK) :]
    if head != _TASK or not tail[:1].isspace():
        return text
    _, wrapped, asked = tail.rpartition(_DOCUMENTS_END)
    if not wrapped:
        return text
    return asked.strip().removeprefix(_ASKED).removesuffix(_ASKED_END).strip()


def replied(text: str) -> str:
    """What the assistant said, without what it thought; a thought without an end is said."""
    # One pass whatever the text holds: a pattern with its end looks for that again from each beginning.
    last = {end: text.rfind(end) for end in _REASONING.values()}
    kept: list[str] = []
    at, ends = 0, ""
    for mark in _MARKS.finditer(text):
        if ends:
            if mark[0] == ends:
                at, ends = mark.end(), ""
        elif last.get(_REASONING.get(mark[0], ""), -1) >= mark.end():
            kept.append(text[at : mark.start()])
            ends = _REASONING[mark[0]]
    return "".join([*kept, text[at:]]).strip()


def text_of(content: object) -> str:
    """The text of a message's content, of which images and files are no part."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))
