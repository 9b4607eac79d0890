"""Questions and memories word the same thing differently. Pure.

Whoever asks says `the user` or ユーザー; who was remembered said `I`, or nothing at all in Japanese. And Japanese
has other words for one's own family (妻, 母) than for another's (奥さん, お母さん): 奥さんの名前は？ would share
nothing with 妻の由美と.
"""

import re

_KIN = (
    ("妻", "奥さん|奥様|おくさん|家内|女房|嫁さん"),
    ("夫", "ご主人|旦那(?:さん|様)?"),
    ("母", "お?母(?:さん|さま|様|親)"),
    ("父", "お?父(?:さん|さま|様|親)"),
    ("兄", "お?兄(?:さん|さま|様|ちゃん)"),
    ("姉", "お?姉(?:さん|さま|様|ちゃん)"),
    ("祖父", "お(?:じい|爺)(?:さん|ちゃん)"),
    ("祖母", "お(?:ばあ|婆)(?:さん|ちゃん)"),
    ("子ども", "お子(?:さん|様)|こども|子供"),
    ("息子", "息子さん"),
    ("娘", "娘さん"),
    ("弟", "弟さん"),
    ("妹", "妹さん"),
)
_OWN_WORD = {f"kin{number}": own for number, (own, _) in enumerate(_KIN)}
_ANY_KIN = re.compile("|".join(f"(?P<kin{number}>{others})" for number, (_, others) in enumerate(_KIN)))

_USER_JA = re.compile("(?:ユーザー?|利用者)(?:さん|様)?[のはがをにと]?")
_USERS_EN = re.compile(r"\b(?:the )?user['’]s\b", re.IGNORECASE)
_USER_EN = re.compile(r"\b(?:the )?user\b", re.IGNORECASE)


def own_family(text: str) -> str:
    """The text with each relation named as one names one's own: 奥さん and 家内 become 妻."""
    return _ANY_KIN.sub(lambda found: _OWN_WORD[found.lastgroup or ""], text)


def as_told(question: str) -> str:
    """A question in the words in which the user will have told it; itself where nothing would be left of it."""
    worded = _USER_JA.sub("", question)
    worded = _USER_EN.sub("I", _USERS_EN.sub("my", worded))
    return own_family(worded) if worded.strip() else question
