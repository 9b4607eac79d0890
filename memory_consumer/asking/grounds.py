"""What a model's words rest on without saying so. Pure.

A model cites what a fact rests on, and may use a word of something else that it was shown: the town in "moved from
Leeds to York" stands in an older memory. If that is deleted, the word has to go, so it counts as a source too.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from memory_store.wording import as_told
from memory_store.words import words

Key = TypeVar("Key", bound=Hashable)

#: A word that more of the other texts have is nobody's own.
_MOST_HOLDERS = 2
#: Dates are worked out from the words, by the model or by us.
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}){1,2}")


def unsaid(text: str, cited: Iterable[str], others: Mapping[Key, str]) -> list[Key]:
    """Of the other texts that were shown, those that have a word of this one that no cited text has."""
    said = {word for each in cited for word in _words(each)}
    own = _words(text) - said
    having = {key: own & _words(other) for key, other in others.items()}
    holders = Counter(word for found in having.values() for word in found)
    return [key for key, found in having.items() if any(holders[word] <= _MOST_HOLDERS for word in found)]


def _words(text: str) -> set[str]:
    return set(words(as_told(_DATE.sub(" ", text))))
