"""English sentences that only ask something or tell the assistant to do something. Pure.

A sentence is let go only by a form that is known to tell nothing, and kept if anything in it speaks of the user.
"""

import re

from memory_consumer.extractors.rules.ruleset import Rules


def _any_of(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_QUOTED = re.compile(r"\"[^\"]{0,300}\"|“[^”]{0,300}”|`[^`]{0,300}`")
_OPENERS = _any_of(
    r"so and but also well oh hey hi hello ok(?:ay)? alright btw by\sthe\sway now then wow hmm+ um"
    r" please actually anyway (?:quick\s|next\s|another\s)?question thanks thank\syou great nice cool"
    r" yes yeah no sorry just"
)
_LEAD = _compiled(rf"(?:{_OPENERS}[\s,:!.…-]+)*")
_ENDS_ASKING = re.compile(r"\?[\s?!\"'”’)\]~\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]*\Z")
_ASKING = _any_of(
    r"what which who whom whose when where why how is are am was were do does did can could would will"
    r" should shall may might have has had any ever wanna mind\sif"
    r" you\s(?:like|want|know|think|have|got|sure)"
)
_OPENS_ASKING = _compiled(rf"{_ASKING}(?:n't|'?s|'re|'d|'ll)?\b")
_ASKED_AFTER = _any_of(
    "is are was were do does did can could would should will has to many much far long old often"
    " about wrote made invented"
)
_ASKS_WITHOUT_MARK = _compiled(
    rf"(?:what|which|who|where|why|how|when)(?:'s|s|\s+{_ASKED_AFTER})\b(?!.*!)|(?:can|could|would|will) you\b"
    r"|(?:do|did) you (?:know|remember|have)\b|is (?:there|it|this|that)\b|are there\b"
)
_FRAGMENT_WORDS = 4
_ASKED_TO = _compiled(
    r"(?:(?:can|could|would|will) you (?:please )?|please |help me (?:to )?(?=\w+ )|i(?:'d| would) like you to "
    r"|i want you to )*"
)
_TOLD = _any_of(
    r"translate summari[sz]e explain write rewrite rephrase paraphrase proofread debug refactor"
    r" continue retry tell give describe define compare convert calculate compute solve generate"
    r" suggest recommend shorten expand simplify analy[sz]e teach brainstorm outline compose elaborate"
    r" clarify evaluate improve polish extract classify implement optimi[sz]e let's\splay go\son"
    r" do\s(?:it|that|this)\sagain"
)
#: These are nouns and past tenses as well, or what somebody does all day.
_MAYBE_TOLD = _any_of(
    r"fix correct try find(?!\sit) add remove delete replace create make(?!\sthat) choose name test"
    r" change start stop show plan design build list update review format draft sort count rate"
    r" edit check run repeat look pick help search print act ask answer use"
)
_OBJECT = _any_of("an? the this that it me these those them some any two three four five ten [0-9]+ again as")
_TOLD_TO = _compiled(rf"{_TOLD}\b(?!,)|{_MAYBE_TOLD}(?= {_OBJECT}\b|\W*\Z)")
#: Verbs that work on a text: what stands behind their colon is that text.
_WORKS_ON_A_TEXT = _compiled(
    _any_of(
        "translate summari[sz]e rewrite rephrase paraphrase proofread fix correct debug refactor"
        " review check explain edit shorten simplify polish improve format convert analy[sz]e"
    )
    + r"\b"
)
_WISHES = _any_of(
    r"always never from\snow\son in\s(?:the\s)?future going\sforward every\stime whenever by\sdefault"
    r" call\sme remember remind shopping\slist to-?do calendar don't do\snot forget keep\sin\smind"
    r" note\sthat prefer emojis? metric"
)
_STANDING = _compiled(rf"\b{_WISHES}\b")
_INVERTED = _any_of("do did have should can could would will am was may must shall had what which how that")
_STATES = _any_of(
    r"am was were have had got get need want love like hate prefer live work use just usually always"
    r" never don't didn't can't won't feel think know went bought made found lost moved started quit"
    r" (?!mention|ask)\w+ed"
)
_STATED = _compiled(rf"(?:\b(?P<inverted>{_INVERTED})\s+)?\b(?:i|we)(?:'(?:m|ve|d|ll|re)|\s+{_STATES})\b")
_IDIOMS = _compiled(
    r"like i'm (?:five|5)|(?:what|if you know what) i mean|i (?:was|am|'m) wondering|i need (?:your )?help"
)
_OF_THE_TALK = _any_of(
    "questions? code texts? messages? prompts? input sentences? grammar english mistakes? answers?"
    " mind point previous last name"
)
_OWN = _compiled(rf"\b(?:my|our)\s+(?!(?:own\s)?{_OF_THE_TALK}\b)\w")
_ASKS_WHAT_WAS_SAID = _compiled(
    r"(?:what|when|where|who|which|how old)(?:'s|'re|\s+(?:is|are|was|were))\s+(?:my|our)\b"
    r"|.*\b(?:did (?:i|we) (?:tell|say|mention|ask|talk)"
    r"|do you (?:still )?(?:remember|know|recall) (?:what|where|who|which|how|my|the))\b"
)
#: What to do in life, not which of two: it tells what is thought of.
_THOUGHT_OF = _compiled(r"should (?:i|we) (?!use\b)(?!.*\bor\b)")
_PICTURED = re.compile(r"\[image:")


def _only_asks(sentence: str) -> bool:
    if _PICTURED.search(sentence):
        return False
    text = _IDIOMS.sub("", _QUOTED.sub('""', sentence.replace("’", "'")))
    text = text[_end(_LEAD, text) :]
    asked_to = _end(_ASKED_TO, text)
    if _TOLD_TO.match(text, asked_to):
        return not (_STANDING.search(text) or _tells(text))
    if asked_to and _STANDING.search(text):
        return False
    return _is_question(text) and (_ASKS_WHAT_WAS_SAID.match(text) is not None or not _tells(text))


def _announces_a_text(sentence: str) -> bool:
    text = sentence[_end(_LEAD, sentence) :]
    return text.endswith(":") and _WORKS_ON_A_TEXT.match(text, _end(_ASKED_TO, text)) is not None


def _speaks_of_the_user(sentence: str) -> bool:
    return _tells(sentence.replace("’", "'"))


def _is_question(text: str) -> bool:
    if _THOUGHT_OF.match(text):
        return False
    if _ENDS_ASKING.search(text):
        return _OPENS_ASKING.match(text) is not None or len(text.split()) <= _FRAGMENT_WORDS
    return _ASKS_WITHOUT_MARK.match(text) is not None


def _tells(text: str) -> bool:
    if _OWN.search(text):
        return True
    return any(match["inverted"] is None for match in _STATED.finditer(text))


def _end(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


RULES = Rules(only_asks=_only_asks, announces_a_text=_announces_a_text, speaks_of_the_user=_speaks_of_the_user)
