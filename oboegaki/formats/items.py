"""What the formats have in common: times, texts, and the way back through a tree of turns. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

#: A message as `POST /v1/messages` takes it.
Message = dict[str, Any]

#: Seconds beyond this are milliseconds.
_MILLISECONDS = 100_000_000_000


def said_at(seconds: object) -> str | None:
    """A time of Unix as a date with its offset; None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return None
    whole = seconds / 1000 if seconds > _MILLISECONDS else seconds
    try:
        return datetime.fromtimestamp(whole, UTC).isoformat() if whole > 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def dated(text: object) -> str | None:
    """A date and time as text, in UTC where it names no offset; None for anything else."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def text_of(content: object) -> str:
    """The text of a content: text, or a list of texts and of parts that have one; else nothing."""
    if isinstance(content, str):
        return content.strip()
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "\n".join(part.strip() for part in parts if isinstance(part, str) and part.strip())


def way_to(nodes: Mapping[str, Any], last: object, parent: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The turns of a tree from its root to one of them, by the name of each."""
    way: list[tuple[str, Mapping[str, Any]]] = []
    seen: set[str] = set()
    while isinstance(last, str) and last not in seen and isinstance(nodes.get(last), dict):
        seen.add(last)
        way.append((last, nodes[last]))
        last = nodes[last].get(parent)
    return way[::-1]


def metadata(source: str, *held: object) -> dict[str, Any]:
    """The metadata of something imported: what it had, and where it is from."""
    known = [each for each in held if isinstance(each, dict)]
    return {key: value for each in known for key, value in each.items()} | {"imported_from": source}


def last_of(names: Sequence[str]) -> str | None:
    """The last name, if there is any."""
    return names[-1] if names else None
