"""Made-up chat of realistic length, English and Japanese, the same for the same seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chat_api.messages import NewMessage


@dataclass(frozen=True, slots=True)
class _Language:
    """Sentences with slots, and the words that fill them."""

    said: Sequence[str]
    answered: Sequence[str]
    asked: Sequence[str]
    words: Mapping[str, Sequence[str]]
    between: str


_ENGLISH = _Language(
    said=(
        "{time} I went to {place} with {person}, {feeling}.",
        "{person} gave me {thing} {time}, and I still use it at least {number} times a week.",
        "I am allergic to peanuts, so {person} cooked something else when we stayed in {place} {time}.",
        "We plan to move to {place} in {number} months because the rent here went up again {time}.",
        "Could you remind me to call {person} about {thing}? It is number {number} on my list.",
        "I started learning the piano {time}, and {person} says that {number} minutes a day are enough.",
    ),
    answered=(
        "That sounds lovely! How did {person} like {place}? If you go again, take the early train.",
        "I see. With {thing} I would start slowly, and look after it {number} days a week at most.",
        "It makes sense that {person} would say so. Would you like a list of what to pack for {place}?",
    ),
    asked=("What did I do with {person} in {place}?", "Who gave me {thing}, and when was that?"),
    words={
        "person": ("my sister", "Kenji", "my boss", "Maria", "the neighbour", "my grandmother", "our daughter"),
        "place": ("Lisbon", "Kyoto", "the lake house", "Sapporo", "the old library", "Berlin", "the night market"),
        "thing": ("a cello", "a blue bicycle", "hiking boots", "an espresso machine", "a film camera"),
        "time": ("last Tuesday", "in early March", "two years ago", "this morning", "before the holidays"),
        "feeling": ("and I loved it", "which was harder than I had thought", "but nobody told me why"),
    },
    between=" ",
)
_JAPANESE = _Language(
    said=(
        "{time}{person}と{place}へ行って、{number}時間も歩き回りました。",
        "{time}{person}から{thing}をもらったので、週に{number}回は使っています。",
        "実は{thing}が欲しくて、{place}の店を{number}軒も見て回ったんです。",
        "{person}は来年{place}に引っ越す予定で、今は{number}万円を貯めているそうです。",
        "そばのアレルギーがあるので、{place}では{person}が別の料理を{number}品頼んでくれました。",
        "{time}ピアノを始めて、{person}に毎日{number}分練習するように言われました。",
    ),
    answered=(
        "それは素敵ですね。{place}では{person}と何を食べましたか？次は朝早く行くのもおすすめです。",
        "なるほど、{thing}なら最初の{number}日はゆっくり慣らすのがよいと思います。",
    ),
    asked=("{person}と{place}で何をしましたか？", "{thing}は誰にもらったものでしたか？"),
    words={
        "person": ("妹", "健司さん", "上司", "隣の田中さん", "祖母", "高校の友達", "娘", "大家さん"),
        "place": ("京都", "札幌", "湖の近くの別荘", "古い図書館", "鎌倉", "リスボン", "夜市"),
        "thing": ("チェロ", "青い自転車", "登山靴", "コーヒーメーカー", "フィルムカメラ", "茶トラの猫"),
        "time": ("先週の火曜日に", "三月の初めに", "二年前に", "今朝", "連休の前に", "誕生日に"),
    },
    between="",
)


class Chat:
    """Somebody who talks; about every third turn is Japanese."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  made-up text

    def said(self) -> str:
        """What a user says: one to three sentences."""
        language = self._language()
        return self._text(language, language.said, self._chance.randint(1, 3))

    def answered(self) -> str:
        """What an assistant answers: two sentences."""
        language = self._language()
        return self._text(language, language.answered, 2)

    def asked(self) -> str:
        """What a user asks later."""
        language = self._language()
        return self._text(language, language.asked, 1)

    def _language(self) -> _Language:
        return _JAPANESE if self._chance.random() < 1 / 3 else _ENGLISH

    def _text(self, language: _Language, forms: Sequence[str], sentences: int) -> str:
        chosen = self._chance.sample(forms, sentences)
        return language.between.join(self._filled(form, language.words) for form in chosen)

    def _filled(self, form: str, words: Mapping[str, Sequence[str]]) -> str:
        slots = {slot: self._chance.choice(choices) for slot, choices in words.items()}
        filled = form.format(number=self._chance.randint(2, 90), **slots)
        return filled[0].upper() + filled[1:]


@dataclass(frozen=True, slots=True)
class Thread:
    """Turns of one user in one conversation, user and assistant in turn."""

    user_id: str
    messages: list[NewMessage]


def threads(count: int, *, turns: int, users: int, seed: int) -> Iterator[Thread]:
    """So many messages, as conversations of so many turns."""
    chat = Chat(seed)
    for number, start in enumerate(range(0, count, turns)):
        name = f"{seed}-{number}"
        length = min(turns, count - start)
        yield Thread(f"user-{number % users}", [_turn(chat, name, turn) for turn in range(length)])


def _turn(chat: Chat, conversation: str, number: int) -> NewMessage:
    if number % 2:
        return NewMessage("assistant", chat.answered(), conversation_id=conversation)
    return NewMessage("user", chat.said(), conversation_id=conversation)
