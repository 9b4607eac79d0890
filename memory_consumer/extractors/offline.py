"""The offline extractor: what a user says or notes down, kept in their own words. Pure, no model.

Greetings, thanks and fillers hold nothing to remember. A long message becomes several facts, cut at sentence
ends so that an embedder can take each whole.
"""

import re
import unicodedata

from memory_consumer.cdc import MessageRow
from memory_consumer.fold import Extractor, Passage

VERSION = "offline-1"

#: Longest fact in characters: about 200 tokens of English, 500 of Japanese.
FACT_CHARACTERS = 800

_REMEMBERED_ROLES = frozenset({"user", "note"})

_SENTENCE_END = re.compile(r"(?<=[。！？!?\n])|(?<=[.])\s+")

_SMALL_TALK_PHRASES = (
    r"hi|hello|hey|yo|bye|goodbye|good\s(?:morning|afternoon|evening|night)|see\s(?:you|ya)(?:\s(?:later|soon))?",
    r"thanks?(?:\syou)?(?:\s(?:so|very)\smuch)?|thx|ty|you(?:'|\s?a)?re\swelcome|got\sit|i\ssee",
    r"ok(?:ay)?|yes|yeah|yep|no|nope|sure|cool|great|nice|wow|lol|haha|hmm+|there|again|everyone",
    r"こんにち[はわ]|こんばん[はわ]|おはよう(?:ございます)?|おやすみ(?:なさい)?|はじめまして|初めまして",
    r"お疲れ(?:様|さま)(?:です|でした)?|よろしく(?:お願い(?:します|致します|いたします))?|さようなら|またね|じゃあ?ね",
    r"ありがとう(?:ございま(?:す|した))?|どうも|すみません|わかりました|分かりました|了解(?:です|しました)?",
    r"はい|ええ|うん|うーん|いいえ|いや|へえ|笑|なるほど(?:です)?ね?|そう(?:です)?(?:ね|か)?",
)
_SMALL_TALK = re.compile("|".join(_SMALL_TALK_PHRASES))
_SEPARATORS = re.compile(r"[\s、。，．,.!?！？…~〜ー♪w（）():;\-\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]*")


def extract(row: MessageRow) -> tuple[Passage, ...]:
    """The texts worth remembering in a message, in order, without repeats; none for small talk."""
    text = row.content.strip()
    if row.role not in _REMEMBERED_ROLES or is_small_talk(text):
        return ()
    return tuple(Passage(piece) for piece in dict.fromkeys(pieces(text)))


def is_small_talk(text: str) -> bool:
    """Whether a text is nothing but greetings, thanks, fillers, punctuation and emoji."""
    rest = unicodedata.normalize("NFKC", text).casefold()
    position = _skip(rest, 0)
    while position < len(rest):
        found = _SMALL_TALK.match(rest, position)
        if found is None or found.end() == position or _inside_word(rest, found.end()):
            return False
        position = _skip(rest, found.end())
    return True


def _skip(text: str, position: int) -> int:
    found = _SEPARATORS.match(text, position)
    return found.end() if found else position


def _inside_word(text: str, end: int) -> bool:
    # "no" opens "not" and "november": an ASCII match must end where its word ends.
    return end < len(text) and text[end - 1].isascii() and text[end].isascii() and text[end].isalnum()


def pieces(text: str, limit: int = FACT_CHARACTERS) -> list[str]:
    """A text in pieces of at most `limit` characters, cut at sentence ends where there are any."""
    found: list[str] = []
    start = 0
    while len(text) - start > limit:
        end = _last_sentence_end(text, start, start + limit)
        found.append(text[start:end].strip())
        start = end
    found.append(text[start:].strip())
    return [piece for piece in found if piece]


def _last_sentence_end(text: str, start: int, most: int) -> int:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start + 1, most)]
    return ends[-1] if ends else most


def language(text: str) -> str:
    """`ja` where kana or kanji make up a part of the text worth the name, else `en`."""
    letters = [character for character in text if character.isalpha()]
    japanese = sum("぀" <= character <= "ヿ" or "一" <= character <= "鿿" for character in letters)
    return "ja" if letters and japanese * 5 >= len(letters) else "en"


EXTRACTOR = Extractor(version=VERSION, extract=extract, language=language)
