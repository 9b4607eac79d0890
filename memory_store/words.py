"""The words of a text by which it may be found, in Japanese, English or both at once. Pure; one way for all.

English words are stemmed; words that stand in every text are left out. Japanese is not cut into words, which would
take a dictionary of 100 MB: its words are the pairs of neighbouring characters, but for pairs of hiragana alone,
which are mostly grammar. Any other script is cut where its letters end.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from snowballstemmer.english_stemmer import EnglishStemmer

from memory_store.wording import own_family

_STOP_WORDS = re.compile(
    "about|an?|am|and|any|are|as|at|be|been|being|but|by|can|could|do|does|did|doing|don|for|from|ha[ds]|have|having"
    "|hers?|him|his|how|i|if|in|into|is|its?|just|ll|me?|my|not?|nor|off?|on|or|ours?|re|she|should|so|some|such|tha[nt]"
    "|the|theirs?|them|then|there|these|they|this|those|to|too|up|us|ve|very|was|were|we|what|when|where|which|while"
    "|who|whom|whose|why|will|with|would|yours?|you|[dst]|he|had"
)
_JA = "[\u3005\u3040-\u30ff\u3400-\u9fff]"
_RUN = re.compile(rf"(?P<ja>{_JA}+)|(?:(?!{_JA})[^\W_])+")
_HIRAGANA = re.compile("[\u3040-\u309fー]+")

#: Longest word that is told from others: what is longer is no word but a token, a hash or an address.
_LONGEST = 64
#: Stems that are remembered.
_STEMS = 20_000


def words(text: str) -> dict[str, None]:
    """The different words of a text, in order."""
    folded = own_family(unicodedata.normalize("NFKC", text)).casefold()
    return dict.fromkeys(_words(folded))


def numbered(text: str) -> tuple[int, ...]:
    """The words of a text as numbers of 32 bits, ascending: equal words have equal ones on every machine."""
    return tuple(sorted({_number(word) for word in words(text)}))


def asked(question: str, most: int) -> tuple[int, ...]:
    """As `numbered`, of the longest words only: long ones are rare, and a question may be a whole letter."""
    longest = sorted(words(question), key=len, reverse=True)[:most]
    return tuple(sorted({_number(word) for word in longest}))


def _words(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        if run["ja"]:
            yield from _pairs(run["ja"])
        elif not _STOP_WORDS.fullmatch(run[0]):
            yield _stem(run[0][:_LONGEST])


def _pairs(run: str) -> Iterator[str]:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
    return (pair for pair in pairs if not _HIRAGANA.fullmatch(pair))


@lru_cache(_STEMS)
def _stem(word: str) -> str:
    # A stemmer of its own each time: one keeps its word in itself, and any thread may come by.
    stem: str = EnglishStemmer().stemWord(word)
    return stem


def _number(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(errors="replace"), digest_size=4).digest(), "big")
