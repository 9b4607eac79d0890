"""The words of the compact prompt, in English and in Japanese; both ask for the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """Instructions, and the headings of what follows them."""

    instructions: str
    known: str
    before: str
    messages: str
    ending: str


ENGLISH = Wording(
    instructions="""\
You keep the long-term memory of a chat assistant. Read the numbered messages and write down what is worth \
remembering about the user and about the people and things in the user's life. Answer with JSON only:
{"memory": [{"text": "the fact", "sources": [1], "supersedes": []}]}
If there is nothing worth remembering: {"memory": []}

What to write
- Names, family, work, home, health, habits, likes and dislikes, belongings, plans, events, decisions, \
feelings and their reasons; also what is told in passing, in a question or a request. Look at every message, \
not only the first.
- One fact per entry, in one or two sentences that are understood without the conversation: names instead of \
"he" or "it". If a message begins with its speaker's name ("Anna: ..."), use that name; else write "User".
- Keep names, titles, places, numbers and amounts exactly as said. Add nothing that was not said. Leave out \
greetings, thanks, small talk and bare questions.

"sources": the numbers of all messages that the fact rests on, at least one of them by user or note.
Messages by the assistant, and those before the numbered ones, only help to understand: "yes" gets its \
meaning from the question before. What the assistant says, advises or recalls is no fact unless the user \
confirms it.

"supersedes": the numbers of existing memories that are no longer so because of the fact (moved, changed, \
cancelled, corrected). Say then in the text what changed. Not those that stay true. Never repeat an existing \
memory.

Dates: every message stands below its local date, weekday and UTC offset. Write "yesterday", "last Friday" or \
"next month" as dates, counted from the date of the message that says so; if unsure, keep the words.

Language: that of the message. Do not translate.

Example
Existing memories:
0. User lives in Leeds (2025-01-10)
Messages:
# 2025-06-03 Tue, UTC+01:00, conversation A
[1] 00:20 user: We moved to York yesterday! Any vet you'd recommend for Biscuit, our beagle?
[2] 00:21 assistant: Congratulations! You like green tea, so rest with a cup. Does Biscuit have allergies?
[3] 00:22 user: Yes, to chicken.
Answer:
{"memory": [{"text": "User moved from Leeds to York on 2025-06-02.", "sources": [1], "supersedes": [0]}, \
{"text": "User has a beagle named Biscuit, who is allergic to chicken.", "sources": [1, 2, 3], "supersedes": \
[]}]}""",
    known="Existing memories:",
    before="Before, only to understand:",
    messages="Messages:",
    ending="Answer (JSON only):",
)

JAPANESE = Wording(
    instructions="""\
あなたはチャットアシスタントの長期記憶の係です。番号の付いた発言を読み、利用者本人と、\
その身近な人や物事について、覚えておく価値のあることを書き出してください。答えはJSONだけです。
{"memory": [{"text": "事実", "sources": [1], "supersedes": []}]}
覚えることがなければ {"memory": []}

書くこと
- 名前、家族、仕事、住まい、健康、習慣、好き嫌い、持ち物、予定、出来事、決めたこと、気持ちとその理由。\
質問や頼みごとの中でついでに語られたことも含む。最初の発言だけでなく、すべての発言を見る。
- 一件に一つの事実を、会話を見なくても分かる一、二文で。省かれた主語は補い、「彼」「それ」は名前にする。\
発言が「花子: 」のように話し手の名で始まればその名を、なければ「ユーザー」を主語にする。
- 名前、題名、地名、数、金額は言われたとおりに。言われていないことは足さない。挨拶、お礼、相づち、\
ただの質問は書かない。

sources: その事実のもとになった発言の番号をすべて。少なくとも一つは user か note の発言。
assistant の発言と、番号の前にある発言は、理解の助けにだけ使う（「はい」の意味は前の問いで決まる）。\
アシスタントが言ったこと、勧めたこと、思い出して引用したことは、利用者が認めないかぎり事実としない。

supersedes: その事実によって今はもう正しくなくなった既存の記憶の番号（引っ越した、変わった、やめた、訂正した）\
。そのときは何がどう変わったかを text に書く。今も正しいものは入れない。既存の記憶と同じことは書かない。

日付: 発言はその土地の日付、曜日、UTCとの差の下に並ぶ。「昨日」「先週の金曜」「来月」は、\
そう言った発言の日付から数えて日付で書く。確かでなければ言われたとおりに残す。

言語: 発言と同じ言語で書く。翻訳しない。

例
既存の記憶:
0. ユーザーは大阪に住んでいる (2025-01-10)
発言:
# 2025-06-03 Tue, UTC+09:00, conversation A
[1] 00:20 user: 昨日、神戸に引っ越しました。柴犬のムギにいい病院はありますか。
[2] 00:21 assistant: おめでとうございます。緑茶がお好きでしたね、一息ついてください。ムギにアレルギーは？
[3] 00:22 user: はい、鶏肉がだめです。
答え:
{"memory": [{"text": "ユーザーは2025-06-02に大阪から神戸へ引っ越した。", "sources": [1], "supersedes": [0]}, \
{"text": "ユーザーの柴犬ムギは鶏肉のアレルギーがある。", "sources": [1, 2, 3], "supersedes": []}]}""",
    known="既存の記憶:",
    before="これより前（理解のためだけ）:",
    messages="発言:",
    ending="答え（JSONだけ）:",
)

#: What Mem0's prompt is told in addition; it calls these the rules of highest priority.
FOR_MEM0 = """\
These rules win over everything above.
1. New Messages are numbered and stand below the local date, weekday, UTC offset and conversation they belong \
to. Resolve "yesterday", "last Friday", 昨日, 先週 against the date above the very message that says so, \
never against another date. If unsure, keep the words as said. Write dates as 2025-06-02.
2. Give every memory a "sources" array: the numbers of all New Messages it rests on. At least one of them \
must be by user or note. Messages by the assistant, Last k Messages and Existing Memories only help to \
understand: do not extract what the assistant says, recommends or recalls unless the user confirms it.
3. Give every memory a "supersedes" array: the ids of Existing Memories that are no longer so because of it \
(moved, changed, cancelled, corrected), else []. Say in the text what changed. Leave out "linked_memory_ids" \
and "attributed_to".
4. If a message begins with its speaker's name ("Anna: ..."), use that name instead of "User".
5. Write in the language of the message. Do not translate.
Structure: {"memory": [{"id": "0", "text": "...", "sources": [1, 3], "supersedes": ["0"]}]}"""
