"""Whether a message asks for what is remembered: the rule of `recall: auto`. Pure.

Words that name memory or taste speak for themselves. Beside them, a question about the speaker's own things
(「私の誕生日いつだっけ」, "what's my dog's name"), and what points back at an earlier talk. What somebody tells,
and what they ask of the world, does neither. Measured in tests/unit/test_auto_recall.py.
"""

import re
from collections.abc import Callable

_WORDS_JA = ("覚えて", "憶えて", "好み", "前回", "嫌い", "好き", "思い出して", "忘れた", "忘れちゃ")
_WORDS_EN = re.compile(
    r"\b(?:remember|recall|remind|forgot|forgotten|last time|previously|earlier|favou?rites?|prefer(?:red|ences?)?"
    r"|dislikes?|(?:I|i) (?:really |also )?(?:like|love|enjoy|hate)"
    r"|(?:do|did|what|which|that) i (?:like|love|hate)"
    r"|my taste|the usual|where we left off)\b",
    re.IGNORECASE,
)

#: Somebody who does not know any more.
_WONDERING_JA = re.compile(r"っけ(?:[ねなか？?。、\s]|$)|(?:だった|でした)(?:か|かな|かしら|の)?[？?]|だったかな")
_POINTING_BACK_JA = re.compile(
    r"(?:前に|前にも|以前|この前|この間|こないだ|先日|さっき|先ほど|昨日|先週|先月|去年)[^。？?]{0,12}"
    r"(?:言っ|話し|話を|伝え|教えた|教えてくれた|聞いた|相談|勧め|すすめ|決め)"
    r"|例の|いつもの|の続き"
)
_MYSELF_JA = re.compile(
    r"(?:私|わたし|あたし|僕|ぼく|俺|おれ|自分|うち|我が家)(?:たち|達)?(?:の|に|が|は|って|も|を|と|、)"
)
_ASKING_JA = re.compile(
    r"[？?]|いつ|どこ|誰|だれ|何|なに|なん|どれ|どの|どんな|いくつ|教えて|知りたい|分かる|わかり|わかる|合う|向いた|向け"
)
#: What somebody has before them, rather than in their life.
_AT_HAND_JA = re.compile(
    r"(?:の|が書いた)(?:この)?(?:コード|質問|文章|文|プログラム|関数|クエリ|メール|英語|作文|答え|回答)"
)

_POINTING_BACK_EN = re.compile(
    r"\b(?:i|we|you) (?:\w+ )?(?:said|told|mentioned|talked|discussed|spoke|decided|agreed|suggested"
    r"|recommended)\b"
    r"|\b(?:did|have) (?:i|we|you) (?:\w+ )?(?:say|said|tell|told|mention|mentioned|talk|talked|discuss|discussed"
    r"|suggest|suggested|recommend|recommended)\b",
    re.IGNORECASE,
)
#: "How do I …?" asks how it is done, "what do I do if …?" alike; not what the speaker does.
_ABOUT_ME_EN = re.compile(
    r"(?<!how )\b(?:did|have|am|was|had) i\b|(?<!how )(?<!what )\bdo i\b(?! (?:do|need|have to)\b)"
    r"|\bwhat do i (?!do\b|need\b|have to\b)|\b(?:recommend|suggest|pick|choose|find)\b.*\bfor me\b",
    re.IGNORECASE,
)
_MINE_EN = re.compile(r"\bmy (\w+)", re.IGNORECASE)
_ASKING_EN = re.compile(
    r"\?|^(?:what|when|where|who|which|whose|how old|how many|is|are|was|were|does|did)\b"
    r"|^(?:tell me|show me|list|give me|plan)\b|\bin mind\b",
    re.IGNORECASE,
)
_AT_HAND_EN = frozenset(
    {
        "answer",
        "app",
        "application",
        "browser",
        "build",
        "code",
        "computer",
        "dockerfile",
        "draft",
        "email",
        "english",
        "error",
        "essay",
        "file",
        "function",
        "grammar",
        "laptop",
        "letter",
        "program",
        "project",
        "query",
        "question",
        "repository",
        "script",
        "sentence",
        "server",
        "test",
        "tests",
        "text",
    }
)
#: How much of a message's beginning and of its end is read: what is asked stands there, a pasted text between.
_READ_CHARACTERS = 2_000
#: A question in one sentence does not make the next one's "my" its subject.
_SENTENCE_ENDS = re.compile(r"(?<=[.!?。！？])|\n")


def rule(more_words: str = "") -> Callable[[str], bool]:
    """The rule, with further words (commas or 、 between them) beside the built-in ones."""
    words = [word.strip().casefold() for word in re.split(r"[,、，]", more_words) if word.strip()]

    def wants(message: str) -> bool:
        told = _read(message).casefold()
        return any(word in told for word in words) or wants_recall(message)

    return wants


def wants_recall(message: str) -> bool:
    """Whether the message asks for what is remembered, as far as its beginning and its end tell."""
    read = _read(message)
    if any(word in read for word in _WORDS_JA) or _WORDS_EN.search(read):
        return True
    return any(_asks(sentence.strip()) for sentence in _SENTENCE_ENDS.split(read))


def _read(message: str) -> str:
    if len(message) <= 2 * _READ_CHARACTERS:
        return message
    return f"{message[:_READ_CHARACTERS]}\n{message[-_READ_CHARACTERS:]}"


def _asks(sentence: str) -> bool:
    return _japanese(sentence) or _english(sentence)


def _japanese(sentence: str) -> bool:
    if _WONDERING_JA.search(sentence) or _POINTING_BACK_JA.search(sentence):
        return True
    about_me = _MYSELF_JA.search(sentence) and not _AT_HAND_JA.search(sentence)
    return bool(about_me and _ASKING_JA.search(sentence))


def _english(sentence: str) -> bool:
    if _POINTING_BACK_EN.search(sentence) or _ABOUT_ME_EN.search(sentence):
        return True
    mine = {word.lower() for word in _MINE_EN.findall(sentence)} - _AT_HAND_EN
    return bool(mine and _ASKING_EN.search(sentence))
