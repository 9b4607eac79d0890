"""What a model that reads for facts says of a prompt, ours or Mem0's: one fact per message of a user."""

import re

_LINE = re.compile(r"^(?:\[(\d+)\] \d\d:\d\d )?user: (.+)$", re.MULTILINE)
_NEW_MESSAGES = re.compile(r"## New Messages\n(.*?)\n## ", re.DOTALL)


def facts(prompt: str) -> dict[str, object]:
    """The answer, to be sent as JSON."""
    new = _NEW_MESSAGES.search(prompt)
    return {"memory": [_fact(*found) for found in _LINE.findall(new[1] if new else prompt)]}


def _fact(number: str, text: str) -> dict[str, object]:
    return {"text": f"User said: {text}", **({"sources": [int(number)]} if number else {})}
