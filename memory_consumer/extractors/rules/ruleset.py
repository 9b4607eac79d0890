"""What the rules of a language tell of a sentence. Pure."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Answers about one sentence each."""

    #: It asks or instructs, and tells nothing about who says it.
    only_asks: Callable[[str], bool]
    #: It is an instruction, and what follows is the text to work on.
    announces_a_text: Callable[[str], bool]
    #: It says something of its writer.
    speaks_of_the_user: Callable[[str], bool]
