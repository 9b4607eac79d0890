"""What an extractor that needs no model is, and what it finds. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from memory_consumer.records.cdc import MessageRow


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a message that is worth remembering."""

    text: str
    #: What stands before it in the same message, as far as it helps to understand it.
    preceding: str = ""
    #: Who said it, where the message itself tells.
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Extractor:
    """What finds the facts in a message by itself; `version` names exactly this behaviour."""

    version: str
    extract: Callable[[MessageRow], tuple[Passage, ...]]
    language: Callable[[str], str]
