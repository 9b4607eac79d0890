"""The offline extractor: what a user tells or notes down, in their own words. Pure, no model.

Greetings, thanks, reactions, bare questions and bare instructions hold nothing to remember. Nor do fenced code
and quoted lines beside a user's own words, or a text that is only given to be worked on. What is left is cut at
sentence ends, so that each fact is about one thing and an embedder can take it whole. Notes are kept whole.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from memory_consumer.extractors.rules.english import RULES as ENGLISH
from memory_consumer.extractors.rules.japanese import RULES as JAPANESE
from memory_consumer.extractors.rules.material import Stretch, own_words
from memory_consumer.extractors.rules.ruleset import Rules
from memory_consumer.extractors.rules.sentences import Piece, sentences
from memory_consumer.extractors.rules.small_talk import is_small_talk
from memory_consumer.extractors.rules.speakers import Turn, turns
from memory_consumer.learning.extractor import Extractor, Passage
from memory_consumer.records.cdc import MessageRow

VERSION = "offline-2"

#: Longest fact in characters: about 200 tokens of English, 500 of Japanese.
FACT_CHARACTERS = 800

#: Sentences are put together until a fact has so many characters, as long as it has no more than the second.
#: Measured over 301 English and 22 Japanese questions: recall rises down to about 40; below, Japanese loses.
ENOUGH_CHARACTERS, MANY_CHARACTERS = 40, 120

#: A message beyond this is a document: pieces of the longest size, and only its opening if it is somebody else's.
LONG_CHARACTERS = 2_000

#: Most facts of one message: its record must fit into the log.
MOST_FACTS = 2_500

#: What is kept of the message before a fact: as much as helps to find it.
PRECEDING_CHARACTERS = 250

_LEAST_SHARE_OF_USER = 0.1
_JAPANESE_LETTER = re.compile(r"[぀-ヿ一-鿿]")


def extract(row: MessageRow) -> tuple[Passage, ...]:
    """What is worth remembering in a message, in order, without repeats; none where nothing is told."""
    text = row.content.strip()
    match row.role:
        case "note":
            found = [_passage(text, Turn(0, len(text)), piece) for piece in _whole(text)]
        case "user":
            found = list(_told(text))
        case _:
            found = []
    return tuple({passage.text: passage for passage in reversed(found) if passage.text}.values())[::-1]


def language(text: str) -> str:
    """`ja` where kana or kanji make up a part of the text worth the name, else `en`."""
    letters = [character for character in text if character.isalpha()]
    japanese_letters = sum("぀" <= character <= "ヿ" or "一" <= character <= "鿿" for character in letters)
    return "ja" if letters and japanese_letters * 5 >= len(letters) else "en"


def _told(text: str) -> Iterator[Passage]:
    own = own_words(text)
    everything = Turn(0, len(text))
    if not any(text[start:end].strip() for start, end in own):
        # Nothing but code or quotes: its opening, so that the message can be found.
        yield from (_passage(text, everything, piece) for piece in _whole(text)[:1])
    elif len(text) > LONG_CHARACTERS:
        told = _told_at_length(text, _sentences_of(text, everything, own))
        yield from (_passage(text, everything, piece) for piece in told)
    else:
        for turn in turns(text):
            told = _told_by(text, turn, _sentences_of(text, turn, own))
            yield from (_passage(text, turn, piece) for piece in told)


def _whole(text: str) -> list[Piece]:
    return list(_joined(sentences(text), FACT_CHARACTERS, FACT_CHARACTERS))


def _sentences_of(text: str, turn: Turn, own: Iterable[Stretch]) -> list[list[Piece]]:
    return [sentences(text, max(start, turn.start), min(end, turn.end)) for start, end in own]


def _told_by(text: str, turn: Turn, parts: list[list[Piece]]) -> list[Piece]:
    told = list(_told_shortly(text, parts, _tells))
    if told or not turn.speaker:
        return told
    # People asking each other do not ask the assistant: the question shows what they talk about.
    return list(_told_shortly(text, parts, _is_more_than_small_talk))


def _told_shortly(text: str, parts: Iterable[list[Piece]], tells: Callable[[str], bool]) -> Iterator[Piece]:
    for part in parts:
        run: list[Piece] = []
        for sentence in part:
            said = text[sentence.start : sentence.end]
            if tells(said):
                run.append(sentence)
                continue
            yield from _joined(run, ENOUGH_CHARACTERS, MANY_CHARACTERS)
            run = []
            if _announces_a_text(said) or (said[-1] in ":：" and not _of_user(text, part)):
                return
        yield from _joined(run, ENOUGH_CHARACTERS, MANY_CHARACTERS)


def _told_at_length(text: str, parts: Sequence[list[Piece]]) -> list[Piece]:
    pieces = [piece for part in parts for piece in _joined(part, FACT_CHARACTERS, FACT_CHARACTERS)]
    told = [
        piece
        for piece in pieces
        if any(_tells(text[s.start : s.end]) for s in sentences(text, piece.start, piece.end))
    ]
    return (
        told[:1]
        if _is_given_to_work_on([text[s.start : s.end] for part in parts for s in part])
        else told[:MOST_FACTS]
    )


def _is_given_to_work_on(said: Sequence[str]) -> bool:
    """Whether a long text stands beside an instruction and hardly speaks of the user."""
    if not said or not (_only_asks(said[0]) or _only_asks(said[-1])):
        return False
    return sum(map(_is_of_user, said)) < _LEAST_SHARE_OF_USER * len(said)


def _of_user(text: str, part: Iterable[Piece]) -> bool:
    return any(_is_of_user(text[sentence.start : sentence.end]) for sentence in part)


def _is_of_user(sentence: str) -> bool:
    return _rules(sentence).speaks_of_the_user(sentence[:FACT_CHARACTERS])


def _joined(run: Iterable[Piece], enough: int, many: int) -> Iterator[Piece]:
    """Neighbouring pieces, each joined to the one before until that has enough; none beyond the longest fact."""
    joined: Piece | None = None
    for piece in run:
        for part in _cut(piece):
            if joined is not None and joined.end - joined.start < enough and part.end - joined.start <= many:
                joined = Piece(joined.start, part.end)
                continue
            if joined is not None:
                yield joined
            joined = part
    if joined is not None:
        yield joined


def _cut(piece: Piece) -> Iterator[Piece]:
    for start in range(piece.start, piece.end, FACT_CHARACTERS):
        yield Piece(start, min(piece.end, start + FACT_CHARACTERS))


def _passage(text: str, turn: Turn, piece: Piece) -> Passage:
    return Passage(
        turn.prefix + text[piece.start : piece.end].strip(),
        preceding=text[max(0, piece.start - PRECEDING_CHARACTERS) : piece.start].strip(),
        speaker=turn.speaker,
    )


def _tells(sentence: str) -> bool:
    return _is_more_than_small_talk(sentence) and not _only_asks(sentence)


def _is_more_than_small_talk(sentence: str) -> bool:
    return not is_small_talk(sentence)


def _only_asks(sentence: str) -> bool:
    # Nobody asks that long without telling anything, and the work on one sentence stays bounded.
    return len(sentence) <= FACT_CHARACTERS and _rules(sentence).only_asks(sentence)


def _announces_a_text(sentence: str) -> bool:
    return len(sentence) <= FACT_CHARACTERS and _rules(sentence).announces_a_text(sentence)


def _rules(sentence: str) -> Rules:
    return JAPANESE if _JAPANESE_LETTER.search(sentence) else ENGLISH


EXTRACTOR = Extractor(version=VERSION, extract=extract, language=language)
