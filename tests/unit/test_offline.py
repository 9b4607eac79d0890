"""The offline extractor keeps what was said and leaves small talk out."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_api.messages import NOTE_CHARACTERS
from memory_consumer.extractors import offline
from memory_consumer.learning.extractor import Passage
from memory_consumer.records import cdc
from memory_consumer.records.cdc import MessageRow
from tests.support import events
from tests.support.events import Row


def _row(text: str, role: str = "user") -> MessageRow:
    change = cdc.decode(events.key(1), events.written(Row(1, text, role=role)))
    assert isinstance(change, cdc.Written)
    return change.row


def passages(text: str, role: str = "user") -> tuple[Passage, ...]:
    return offline.extract(_row(text, role))


def extract(text: str, role: str = "user") -> tuple[str, ...]:
    return tuple(passage.text for passage in passages(text, role))


@pytest.mark.parametrize(
    "text",
    [
        "Hi!",
        "thanks so much :)",
        "OK",
        "こんにちは！",
        "ありがとうございます。",
        "了解です",
        "👍",
        "…",
        "おはよう、よろしく！",
    ],
)
def test_small_talk_holds_nothing_to_remember(text: str) -> None:
    assert extract(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "No peanuts for me",
        "November is my month",
        "Hi, I moved to Kyoto",
        "はい、犬を飼っています",
        "そうめんが好き",
    ],
)
def test_what_opens_like_small_talk_is_still_kept(text: str) -> None:
    assert extract(text) == (text,)


@pytest.mark.parametrize(
    ("role", "kept"), [("user", 1), ("note", 1), ("assistant", 0), ("system", 0), ("tool", 0)]
)
def test_users_and_notes_are_learned_from(role: str, kept: int) -> None:
    assert len(extract("I live in Nagoya.", role=role)) == kept


def test_a_long_message_becomes_facts_cut_at_sentence_ends_and_loses_nothing() -> None:
    sentences = [f"これは{number}番目の文です。" for number in range(300)]
    facts = extract("".join(sentences))

    assert len(facts) > 1
    assert all(len(fact) <= offline.FACT_CHARACTERS and fact.endswith("。") for fact in facts)
    assert "".join(facts) == "".join(sentences)


def test_a_text_without_sentence_ends_is_cut_all_the_same() -> None:
    facts = extract("".join(chr(0x4E00 + number) for number in range(2001)))

    assert [len(fact) for fact in facts] == [800, 800, 401]


def test_words_are_kept_apart_where_sentences_are_joined() -> None:
    text = " ".join(f"Sentence number {number} ends here." for number in range(60))

    assert " ".join(extract(text)) == text


@pytest.mark.parametrize(
    ("text", "language"), [("I like tea", "en"), ("お茶が好き", "ja"), ("123", "en"), ("Pythonが好き", "ja")]
)
def test_the_language_is_told(text: str, language: str) -> None:
    assert offline.language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "What's up?",
        "Can you help me?",
        "今日は何曜日？",
        "what should i cook tonight",
        "And in Celsius?",
        "Sounds good to me!",
        "もっと詳しく",
        "明日の天気はどうなりそう？",
        "Translate this",
        "要約して",
        "Thanks, Maria! What time is it in Lima?",
        "なるほど。フランスの首都は？",
        "Fix this:\n```\nx = [my_list, our_list]\n```",
    ],
)
def test_what_tells_nothing_is_left_out(text: str) -> None:
    assert passages(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "I'm allergic to nuts, what can I eat?",
        "来週京都に行くんだけど、おすすめある？",
        "What should I get my niece for her graduation?",
        "Should I give up on us?",
        "Do you remember when I broke my leg in Nara?",
        "娘への贈り物、何がいい？",
        "仕事を辞めるべき？",
        "always answer in French",
        "敬語で話して",
        "Remind me to call the vet",
        "Yes, Kyoto.",
        "犬が熱を出して",
        "Guess the kids are ill again",
        "Made a quilt",
        "Correct, in Osaka.",
        "Make that three dogs.",
        "Find it hard to sleep.",
        "Test results came back negative.",
        "When I was 12 we moved to Peru.",
        "昨日やっと先生に話して",
        "転勤になりそう、どうしよう",
        "ジムに通おうと思う",
        "いいえ、3月に売りました。",
        "彼氏と喧嘩して",
        "塩バターロールかな。",
        "See the photo [image: a photo of a lake]. What do you think of it?",
    ],
)
def test_a_question_or_an_order_that_tells_something_stays(text: str) -> None:
    assert "".join(passage.text for passage in passages(text)).replace(" ", "") in text.replace(" ", "")
    assert passages(text)


def test_greetings_thanks_and_questions_around_it_are_left_out() -> None:
    (passage,) = passages("Hey Mel! Good to see you! I'm swamped with work. What's up with you? Thanks!")

    assert passage.text == "I'm swamped with work."
    assert passage.preceding == "Hey Mel! Good to see you!"


def test_a_long_message_is_split_and_each_part_knows_what_stands_before() -> None:
    first = "I spent the whole spring learning how to repair old clocks with my uncle."
    second = "He has a workshop in Nagano that smells of oil and dust, and I love it."

    assert passages(f"{first} {second}") == (Passage(first), Passage(second, preceding=first))


def test_short_sentences_stay_together() -> None:
    assert [each.text for each in passages("犬がいます。名前はモカです。3歳です。")] == [
        "犬がいます。名前はモカです。3歳です。"
    ]


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("Caroline: I went to a concert.", "Caroline"),
        ("Mary Ann: I went to a concert.", "Mary Ann"),
        ("太郎：昨日コンサートに行った。", "太郎"),
        ("花子さん: 昨日コンサートに行った。", "花子さん"),
        ("Note: the office is closed.", None),
        ("TODO: renew the passport", None),
        ("https://example.com is where I work", None),
        ("3:30 is when I get up", None),
        ("持ち物：傘と水筒を持っていく。", None),
        ("TypeError: my build fails", None),
    ],
)
def test_who_says_it_is_told_where_the_message_tells_it(text: str, speaker: str | None) -> None:
    (passage,) = passages(text)

    assert (passage.text, passage.speaker) == (text, speaker)


def test_every_part_of_a_split_message_names_who_says_it() -> None:
    first = "I spent the whole spring learning how to repair old clocks with my uncle."
    second = "He has a workshop in Nagano that smells of oil and dust, and I love it."
    found = passages(f"Caroline: {first} {second}")

    assert [(each.text, each.speaker) for each in found] == [
        (f"Caroline: {first}", "Caroline"),
        (f"Caroline: {second}", "Caroline"),
    ]


def test_each_line_of_a_pasted_talk_has_its_speaker() -> None:
    found = passages("太郎：京都に行った。\n花子：いいね！\n花子：私は奈良に住んでるよ。")

    assert [(each.speaker, each.text) for each in found] == [
        ("太郎", "太郎：京都に行った。"),
        ("花子", "花子：私は奈良に住んでるよ。"),
    ]


def test_a_question_between_people_shows_what_they_talk_about() -> None:
    assert [each.text for each in passages("Ann: Wow! What got you into rowing?")] == [
        "Ann: What got you into rowing?"
    ]


@pytest.mark.parametrize("text", ["Thanks! What time is it?", "```\nx = 1\n```", "OK"])
def test_a_note_is_kept_whole(text: str) -> None:
    assert [each.text for each in passages(text, role="note")] == [text]


def test_code_and_quoted_lines_are_left_out_beside_ones_own_words() -> None:
    (passage,) = passages("> we shall see\nI wrote this for the harbour office:\n```\nprint(my_name)\n```\n")

    assert passage.text == "I wrote this for the harbour office:"


def test_a_message_of_nothing_but_code_can_be_found_by_its_opening() -> None:
    (passage,) = passages("```\n" + "x = 1 + y\n" * 150 + "```")

    assert passage.text.startswith("```\nx = 1")
    assert len(passage.text) <= offline.FACT_CHARACTERS


ARTICLE = " ".join(f"The river number {number} rises in the north and flows to the sea." for number in range(60))
DIARY = " ".join(f"On day {number} I walked to the harbour and drew the boats." for number in range(60))


def test_of_a_long_text_to_be_worked_on_only_the_opening_stays() -> None:
    (passage,) = passages(f"Summarize this text in two sentences.\n\n{ARTICLE}")

    assert passage.text.endswith("flows to the sea.")
    assert "river number 0 " in passage.text


@pytest.mark.parametrize("text", [ARTICLE, DIARY, f"{DIARY} Can you summarize this?"])
def test_a_long_text_is_kept_in_long_pieces_and_loses_nothing(text: str) -> None:
    found = passages(text)

    assert all(len(each.text) <= offline.FACT_CHARACTERS for each in found)
    assert len(found) == math.ceil(len(text) / offline.FACT_CHARACTERS)
    assert " ".join(each.text for each in found) == text


_MARKS = (
    "Hi!",
    "thanks",
    "?",
    "。",
    "、",
    "\n",
    " ",
    "\u3000",
    "```",
    "> ",
    "「",
    "」",
    "(",
    "...",
    "😊",
    "\x00",
    "3.5",
)
_WORDS = (
    "Caroline: ",
    "太郎：",
    "I have a dog.",
    "犬がいる。",
    "what is it",
    "教えて",
    "けど、",
    "my ",
    "Fix this:",
    "Dr. ",
)
_FRAGMENTS = st.sampled_from(_MARKS + _WORDS)


@given(st.lists(_FRAGMENTS, max_size=30).map("".join) | st.text(max_size=300), st.sampled_from(["user", "note"]))
def test_nothing_is_invented(text: str, role: str) -> None:
    for passage in passages(text, role):
        said = passage.text
        if passage.speaker and said not in text:
            said = re.sub(r"^[^:：]*[:：][ \t]*", "", said)

        assert said
        assert said in text
        assert passage.preceding in text


@given(st.lists(_FRAGMENTS, min_size=50, max_size=60).map(lambda words: "".join(words) * 20))
@settings(max_examples=20)
def test_nothing_is_invented_at_length(text: str) -> None:
    assert all(passage.text in text and len(passage.text) <= offline.FACT_CHARACTERS for passage in passages(text))


_REPEATED = (
    *(
        "a",
        " ",
        "(",
        "「",
        "```",
        "> ",
        "so ",
        "I'd like you to ",
        "haha",
        "my ",
        "I ",
        ". ",
        "?",
        "\n",
        "x: ",
        "Al Al: ",
    ),
    *(
        "thank you very much ",
        "this is so ",
        "what ",
        "お",
        "また",
        "の、",
        "けど",
        "が",
        "どう",
        "どう何",
        "て、",
        "しよう",
    ),
    *("？", "ちょっと", "すごい", "\u3000"),
)


@pytest.mark.parametrize("unit", _REPEATED)
def test_the_longest_message_of_any_kind_comes_to_an_end(unit: str) -> None:
    # A pattern that tries again from every place would take hours at this length; the test's own limit ends it.
    text = unit * (100_000 // len(unit))

    assert len(passages(text)) <= offline.MOST_FACTS
    assert len(passages(f"{text}?")) <= offline.MOST_FACTS


@given(st.text(min_size=1, max_size=NOTE_CHARACTERS).filter(str.strip))
def test_a_note_of_no_more_than_a_memorys_length_is_one_memory_word_for_word(text: str) -> None:
    assert [each.text for each in passages(text, role="note")] == [text.strip()]


def test_the_api_takes_no_longer_memory_than_learning_keeps_in_one() -> None:
    assert NOTE_CHARACTERS == offline.FACT_CHARACTERS
