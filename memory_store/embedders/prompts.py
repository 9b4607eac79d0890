"""What a model wants to read before a question and before a passage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompts:
    """Put before each text as they are, so with the space that may belong at their end."""

    query: str = ""
    passage: str = ""


#: Models that do not say it themselves, by the end of their name: from their model cards.
_KNOWN = (
    (re.compile(r"(^|[-_/])e5-(?!.*instruct)", re.IGNORECASE), Prompts("query: ", "passage: ")),
    (re.compile(r"(^|/)nomic-embed-text-v1", re.IGNORECASE), Prompts("search_query: ", "search_document: ")),
    (re.compile(r"(^|/)ruri-v3-", re.IGNORECASE), Prompts("検索クエリ: ", "検索文書: ")),
)

#: The names by which models call what they want before a passage; sentence-transformers looks in this order.
_PASSAGE_NAMES = ("document", "passage", "corpus")


def prompts_of(
    model: str, said: Mapping[str, str | None], *, query: str | None = None, passage: str | None = None
) -> Prompts:
    """A setting counts first (`none` is nothing), then what the model says, then what is known of it."""
    own_passage = next((said[name] for name in _PASSAGE_NAMES if said.get(name)), None)
    own_query = said.get("query")
    known = next((prompts for name, prompts in _KNOWN if name.search(model)), Prompts())
    if own_query or own_passage:
        known = Prompts(own_query or "", own_passage or "")
    return Prompts(_set(query, known.query), _set(passage, known.passage))


def _set(to: str | None, otherwise: str) -> str:
    # An empty variable of the environment is one that is not set.
    if not to:
        return otherwise
    return "" if to == "none" else to
