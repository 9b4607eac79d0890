"""What a language model is asked for a profile: the facts, numbered, and what to make of them. Pure."""

from collections.abc import Callable, Sequence

from memory_consumer.extractors.model.answer import Answer, drafts
from memory_consumer.extractors.model.prompt import Prompt
from memory_consumer.extractors.offline import language
from memory_consumer.profiles.record import Line
from memory_consumer.profiles.writer import Item, within_budget

#: Counts up with every change to the prompt or to what is kept of an answer.
FORMAT = 1

_ENGLISH = """\
You keep the profile of a user: what an assistant should know of the user in every conversation. Make at most 8 \
short lines of the numbered facts, the most important first: name, family, home, work, health, needs, likes, \
plans. Join what belongs together; of what contradicts itself keep the newer. Add nothing. Keep names, numbers \
and dates as they are. Write in the language of the facts. Answer with JSON only:
{"memory": [{"text": "a line", "sources": [1, 2]}]}
"sources": the numbers of all facts that the line rests on."""

_JAPANESE = """\
あなたは利用者のプロフィールの係です。どの会話でもアシスタントが知っておくべきことを、番号の付いた事実から\
短い行で八行以内にまとめ、大切なものから並べてください。名前、家族、住まい、仕事、健康、必要なこと、好み、予定など。\
関係のあるものは一行にまとめ、食い違うものは新しいほうだけを残す。何も足さない。名前、数、日付はそのまま書く。\
事実と同じ言語で書く。答えはJSONだけです。
{"memory": [{"text": "一行", "sources": [1, 2]}]}
sources: その行のもとになった事実の番号をすべて。"""


def prompt(items: Sequence[Item]) -> Prompt:
    """The prompt, of at most 2,000 characters, in the language of the facts."""
    japanese = language("\n".join(item.text for item in items)) == "ja"
    facts = (f"{number}. {item.text} ({item.said_at:%Y-%m-%d})" for number, item in enumerate(items, start=1))
    return Prompt(_JAPANESE if japanese else _ENGLISH, "\n".join(facts))


def lines(answer: Answer, items: Sequence[Item], cleaned: Callable[[str], str]) -> tuple[Line, ...]:
    """The lines of an answer. Raises Invalid where it cannot be used; never quotes it."""
    return within_budget(((draft.text, draft.sources) for draft in drafts(answer, cleaned)), items)
