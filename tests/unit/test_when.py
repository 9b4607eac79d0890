"""Time words mean what they mean where and when they are said. 2026-03-04 is a Wednesday."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.when import dated, spans

NOW = datetime.fromisoformat("2026-03-04T10:00+09:00")

JAPANESE = [
    ("今日", "2026-03-04", "2026-03-05"),
    ("本日", "2026-03-04", "2026-03-05"),
    ("昨日", "2026-03-03", "2026-03-04"),
    ("きのう", "2026-03-03", "2026-03-04"),
    ("一昨日", "2026-03-02", "2026-03-03"),
    ("おととい", "2026-03-02", "2026-03-03"),
    ("明日", "2026-03-05", "2026-03-06"),
    ("あした", "2026-03-05", "2026-03-06"),
    ("明後日", "2026-03-06", "2026-03-07"),
    ("今朝", "2026-03-04T05", "2026-03-04T12"),
    ("昨夜", "2026-03-03T18", "2026-03-04T06"),
    ("昨晩", "2026-03-03T18", "2026-03-04T06"),
    ("今夜", "2026-03-04T18", "2026-03-05T06"),
    ("今週", "2026-03-02", "2026-03-09"),
    ("先週", "2026-02-23", "2026-03-02"),
    ("先々週", "2026-02-16", "2026-02-23"),
    ("来週", "2026-03-09", "2026-03-16"),
    ("再来週", "2026-03-16", "2026-03-23"),
    ("先週末", "2026-02-28", "2026-03-02"),
    ("今月", "2026-03-01", "2026-04-01"),
    ("先月", "2026-02-01", "2026-03-01"),
    ("先々月", "2026-01-01", "2026-02-01"),
    ("来月", "2026-04-01", "2026-05-01"),
    ("再来月", "2026-05-01", "2026-06-01"),
    ("今年", "2026-01-01", "2027-01-01"),
    ("去年", "2025-01-01", "2026-01-01"),
    ("昨年", "2025-01-01", "2026-01-01"),
    ("来年", "2027-01-01", "2028-01-01"),
    ("一昨年", "2024-01-01", "2025-01-01"),
    ("おととし", "2024-01-01", "2025-01-01"),
    ("3日前", "2026-03-01", "2026-03-02"),
    ("３日前", "2026-03-01", "2026-03-02"),
    ("十二日前", "2026-02-20", "2026-02-21"),
    ("二週間前", "2026-02-16", "2026-02-23"),
    ("3ヶ月前", "2025-12-01", "2026-01-01"),
    ("3か月前", "2025-12-01", "2026-01-01"),
    ("3カ月前", "2025-12-01", "2026-01-01"),
    ("半年前", "2025-09-01", "2025-10-01"),
    ("2年前", "2024-01-01", "2025-01-01"),
    ("5日後", "2026-03-09", "2026-03-10"),
    ("先週の金曜日", "2026-02-27", "2026-02-28"),
    ("今週の月曜", "2026-03-02", "2026-03-03"),
    ("今度の日曜日", "2026-03-08", "2026-03-09"),
    ("この前の水曜日", "2026-02-25", "2026-02-26"),
    ("先月の15日", "2026-02-15", "2026-02-16"),
    ("去年の夏", "2025-01-01", "2026-01-01"),
    ("去年の12月", "2025-12-01", "2026-01-01"),
    ("来年の3月5日", "2027-03-05", "2027-03-06"),
    ("3月", "2026-03-01", "2026-04-01"),
    ("五月", "2025-05-01", "2025-06-01"),
    ("2024年2月", "2024-02-01", "2024-03-01"),
    ("3月4日", "2026-03-04", "2026-03-05"),
    ("3月5日", "2025-03-05", "2025-03-06"),
    ("2026年3月5日", "2026-03-05", "2026-03-06"),
    ("2023年", "2023-01-01", "2024-01-01"),
]
ENGLISH = [
    ("today", "2026-03-04", "2026-03-05"),
    ("Yesterday", "2026-03-03", "2026-03-04"),
    ("yesterday evening", "2026-03-03", "2026-03-04"),
    ("tomorrow", "2026-03-05", "2026-03-06"),
    ("the day before yesterday", "2026-03-02", "2026-03-03"),
    ("the day after tomorrow", "2026-03-06", "2026-03-07"),
    ("this morning", "2026-03-04T05", "2026-03-04T12"),
    ("this evening", "2026-03-04T17", "2026-03-05T00"),
    ("tonight", "2026-03-04T18", "2026-03-05T06"),
    ("last night", "2026-03-03T18", "2026-03-04T06"),
    ("this week", "2026-03-02", "2026-03-09"),
    ("last week", "2026-02-23", "2026-03-02"),
    ("next week", "2026-03-09", "2026-03-16"),
    ("the week before last", "2026-02-16", "2026-02-23"),
    ("last weekend", "2026-02-28", "2026-03-02"),
    ("last month", "2026-02-01", "2026-03-01"),
    ("next month", "2026-04-01", "2026-05-01"),
    ("last year", "2025-01-01", "2026-01-01"),
    ("last Friday", "2026-02-27", "2026-02-28"),
    ("last Wednesday", "2026-02-25", "2026-02-26"),
    ("last Tuesday", "2026-03-03", "2026-03-04"),
    ("this Friday", "2026-03-06", "2026-03-07"),
    ("next Friday", "2026-03-13", "2026-03-14"),
    ("last May", "2025-05-01", "2025-06-01"),
    ("last January", "2026-01-01", "2026-02-01"),
    ("next January", "2027-01-01", "2027-02-01"),
    ("3 days ago", "2026-03-01", "2026-03-02"),
    ("a week ago", "2026-02-23", "2026-03-02"),
    ("two weeks ago", "2026-02-16", "2026-02-23"),
    ("a couple of days ago", "2026-03-02", "2026-03-03"),
    ("four months ago", "2025-11-01", "2025-12-01"),
    ("ten years ago", "2016-01-01", "2017-01-01"),
    ("in 5 days", "2026-03-09", "2026-03-10"),
    ("in May", "2025-05-01", "2025-06-01"),
    ("in march", "2026-03-01", "2026-04-01"),
    ("in early Feb", "2026-02-01", "2026-03-01"),
    ("in May 2023", "2023-05-01", "2023-06-01"),
    ("May 2023", "2023-05-01", "2023-06-01"),
    ("on May 7", "2025-05-07", "2025-05-08"),
    ("May 7, 2023", "2023-05-07", "2023-05-08"),
    ("7 May 2023", "2023-05-07", "2023-05-08"),
    ("the 7th of May, 2023", "2023-05-07", "2023-05-08"),
    ("Sept. 3rd", "2025-09-03", "2025-09-04"),
    ("in 2023", "2023-01-01", "2024-01-01"),
    ("during 2019", "2019-01-01", "2020-01-01"),
    ("2026-03-02", "2026-03-02", "2026-03-03"),
    ("2026/3/2", "2026-03-02", "2026-03-03"),
]


@pytest.mark.parametrize(("phrase", "since", "until"), [*JAPANESE, *ENGLISH])
def test_a_time_word_means_its_time(phrase: str, since: str, until: str) -> None:
    (span,) = spans(phrase, NOW)

    assert phrase.startswith(span.phrase)
    assert (span.since, span.until) == tuple(
        datetime.fromisoformat(at).replace(tzinfo=NOW.tzinfo) for at in (since, until)
    )


@pytest.mark.parametrize(
    "text",
    [
        "May I ask you something, or may we march on?",
        "You may 7 times out of ten.",
        "Write it in 2000 words.",
        "The last week of the course was hard.",
        "It runs twice in a day.",
        "My last name is Day.",
        "I paid 2023 yen at 10:30.",
        "三日月がきれい",
        "明日香さんと今日子さん",
        "締切の3日前に出す",
        "それから二日後",
        "3日間と3日前後",
        "2020年代と今年度",
        "べんきょうの本を読み、すきのうちに入る",
        "次の日、前の月、前の火事",
        "2月30日と2026-13-01",
        "毎日お茶を飲む",
    ],
)
def test_what_only_looks_like_a_time_is_none(text: str) -> None:
    assert spans(text, NOW) == ()


@pytest.mark.parametrize("said", ["2026-03-02T00:30+09:00", "2026-03-02T08:30+09:00", "2026-03-02T23:59+09:00"])
def test_a_day_begins_at_midnight_where_the_speaker_is(said: str) -> None:
    (span,) = spans("昨日", datetime.fromisoformat(said))

    assert span.since.isoformat() == "2026-03-01T00:00:00+09:00"
    assert span.until.isoformat() == "2026-03-02T00:00:00+09:00"


def test_spans_say_where_they_stand() -> None:
    text = "先週の金曜日に見た映画、今日も last night も"

    found = spans(text, NOW)

    assert [span.phrase for span in found] == ["先週の金曜日", "今日", "last night"]
    assert [text[span.start : span.end] for span in found] == [span.phrase for span in found]


def test_a_month_turns_over_the_year() -> None:
    (span,) = spans("先月", datetime.fromisoformat("2026-01-31T10:00+00:00"))

    assert (span.since.isoformat(), span.until.isoformat()) == (
        "2025-12-01T00:00:00+00:00",
        "2026-01-01T00:00:00+00:00",
    )


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        spans("昨日", NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("昨日、歯医者に行った", "昨日（2026-03-03）、歯医者に行った"),
        ("先週の金曜日に会った", "先週の金曜日（2026-02-27）に会った"),
        ("先週は忙しかった", "先週（2026-02-23〜2026-03-01）は忙しかった"),
        ("来月から大阪", "来月（2026-04）から大阪"),
        ("去年結婚した", "去年（2025）結婚した"),
        ("昨夜は眠れなかった", "昨夜（2026-03-03）は眠れなかった"),
        ("Was ill last week.", "Was ill last week (2026-02-23 to 2026-03-01)."),
        ("Moves next month", "Moves next month (2026-04)"),
        (
            "Married two years ago and left yesterday",
            "Married two years ago (2024) and left yesterday (2026-03-03)",
        ),
    ],
)
def test_relative_words_get_their_date(fact: str, expected: str) -> None:
    assert dated(fact, NOW) == expected


@pytest.mark.parametrize(
    "fact",
    [
        "2026年3月1日に引っ越した",
        "Moved in May 2023, on May 7",
        "昨日（2026年3月3日）、歯医者に行った",
        "昨日の3月3日に行った",
        "yesterday, March 3, 2026",
        "on 3 March 2026 (yesterday)",
        "last year (2025) was good",
        "お茶が好き",
    ],
)
def test_what_is_dated_stays_as_it_is(fact: str) -> None:
    assert dated(fact, NOW) == fact


_PHRASES = st.sampled_from([phrase for phrase, _, _ in (*JAPANESE, *ENGLISH)])


@given(st.lists(_PHRASES, max_size=6).map("。".join), st.integers(-14, 14))
def test_dating_twice_changes_nothing_more(text: str, hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    once = dated(text, now)

    assert dated(once, now) == once
    assert [span.phrase for span in spans(once, now) if span.relative] == [
        span.phrase for span in spans(text, now) if span.relative
    ]


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_text_at_any_time_is_read(text: str, now: datetime) -> None:
    for span in spans(f"{text}999年前、来年 in 999 years, tonight", now):
        assert span.since < span.until


def test_times_beyond_the_calendar_are_none() -> None:
    assert spans("999年前 yesterday", datetime(1, 1, 1, tzinfo=UTC)) == ()
    assert spans("来年 tomorrow in 999 years", datetime(9999, 12, 31, tzinfo=UTC)) == ()
