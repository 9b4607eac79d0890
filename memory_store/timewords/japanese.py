"""Japanese time words. Pure.

Names that open like one (明日香さん, 今日子さん) are known as far as they are listed; others are taken for a time.
"""

import re
from collections.abc import Mapping
from datetime import date

from memory_store.timewords.periods import (
    Period,
    Rule,
    day,
    days_from,
    first_of_month,
    hours,
    latest,
    month,
    moved,
    night,
    weekday,
    weekday_after,
    weekday_before,
    weekend,
    year,
)

_DAYS = {
    "一昨日": -2, "おととい": -2, "昨日": -1, "きのう": -1, "今日": 0, "本日": 0, "きょう": 0,
    "明日": 1, "あした": 1, "あす": 1, "明後日": 2, "あさって": 2,
}  # fmt: skip
_WEEKS = {"先々週": -2, "先週": -1, "今週": 0, "来週": 1, "再来週": 2}
_MONTHS = {"先々月": -2, "先月": -1, "今月": 0, "来月": 1, "再来月": 2}
_YEARS = {
    "一昨年": -2, "おととし": -2, "昨年": -1, "去年": -1, "今年": 0, "ことし": 0, "来年": 1, "再来年": 2,
}  # fmt: skip
_NEAREST = {"この前の": weekday_before, "前の": weekday_before, "今度の": weekday_after, "次の": weekday_after}
_UNITS = {"日": "day", "週": "week", "年": "year"}
_DIGITS = "一二三四五六七八九"
_WEEKDAYS = "月火水木金土日"

_NUMBER = rf"(?:[0-9０-９]{{1,3}}|[{_DIGITS}十]{{1,3}})"
_AHEAD_OF_NUMBER = rf"(?<![0-9０-９{_DIGITS}十百千第])"
_MONTH = rf"(?P<month>[0-9０-９]{{1,2}}|十[一二]?|[{_DIGITS}])月(?![前後間光蝿雨])"
_DAY = rf"(?P<day>[0-9０-９]{{1,2}}|[{_DIGITS}十]{{1,3}})日(?![間前後])"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2}|(?:１９|２０)[０-９]{2})年"
#: Words in hiragana lie inside others (べんきょう, 好きのうち), so they must follow a particle or no hiragana.
_APART = r"(?:(?<![ぁ-ん])|(?<=[はがもてで]))"
#: Counted from something else that was named: 締切の3日前, それから2日後.
_FROM_NOW = r"(?:(?<=ほんの)|(?<!の)(?<!から)(?<!より))"


def _any(words: Mapping[str, object]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


def _number(word: str) -> int:
    if "十" in word:
        tens, ones = word.split("十", 1)
        return (_number(tens) if tens else 1) * 10 + (_number(ones) if ones else 0)
    return int("".join(str(_DIGITS.index(each) + 1) if each in _DIGITS else each for each in word))


def _counted(match: re.Match[str], today: date) -> Period:
    count = _number(match["count"]) * (-1 if match["way"] == "前" else 1)
    return moved(today, _UNITS.get(match["unit"][0], "month"), count)


def _weekday_of_week(match: re.Match[str], today: date) -> Period:
    return day(weekday(today, _WEEKDAYS.index(match["weekday"]), _WEEKS[match["week"]]))


def _nearest_weekday(match: re.Match[str], today: date) -> Period:
    return day(_NEAREST[match["which"]](today, _WEEKDAYS.index(match["weekday"])))


def _day_of_month(match: re.Match[str], today: date) -> Period:
    return day(first_of_month(today, _MONTHS[match["which"]]).replace(day=_number(match["day"])))


def _month_of_year(match: re.Match[str], today: date) -> Period:
    number = today.year + _YEARS[match["which"]]
    if match["day"]:
        return day(date(number, _number(match["month"]), _number(match["day"])))
    return month(date(number, _number(match["month"]), 1))


def _date(match: re.Match[str], today: date) -> Period:
    number = _number(match["month"])
    if match["year"]:
        first = date(int(match["year"]), number, 1)
        return day(first.replace(day=_number(match["day"]))) if match["day"] else month(first)
    return day(latest(today, number, _number(match["day"]))) if match["day"] else month(latest(today, number))


def _numeric(match: re.Match[str], _: date) -> Period:
    first = date(int(match["year"]), int(match["month"]), 1)
    return day(first.replace(day=int(match["day"]))) if match["day"] else month(first)


def _rule(pattern: str, steps: Mapping[str, int], unit: str) -> Rule:
    return Rule(re.compile(pattern), lambda match, today: moved(today, unit, steps[match["word"]]))


RULES = (
    _rule(r"(?P<word>一昨日|昨日|本日|明後日)", _DAYS, "day"),
    _rule(r"(?P<word>今日)(?!子(?!供|ども|守|犬|猫|会))", _DAYS, "day"),
    _rule(r"(?P<word>明日)(?![香美奈菜葉架])", _DAYS, "day"),
    _rule(
        rf"{_APART}(?P<word>おととい|きのう(?![えち])|あした(?!ば)|あさって|きょう(?=[はのも、]))", _DAYS, "day"
    ),
    _rule(rf"{_APART}(?P<word>あす)(?=[はのもに、]|から|まで)", _DAYS, "day"),
    _rule(rf"(?P<word>{_any(_WEEKS)})", _WEEKS, "week"),
    _rule(rf"(?P<word>{_any(_MONTHS)})", _MONTHS, "month"),
    _rule(rf"(?P<word>{_any(_YEARS)})(?!度)", _YEARS, "year"),
    Rule(re.compile(r"今朝"), lambda _, today: hours(today, 5, 12)),
    Rule(re.compile(r"昨夜|昨晩|夕べ|ゆうべ"), lambda _, today: night(days_from(today, -1).since.date())),
    Rule(re.compile(r"今夜|今晩"), lambda _, today: night(today)),
    Rule(
        re.compile(rf"(?P<week>{_any(_WEEKS)})の?(?P<weekday>[{_WEEKDAYS}])曜日?"),
        _weekday_of_week,
    ),
    Rule(
        re.compile(rf"(?P<week>{_any(_WEEKS)})(?:の?週末|末|の?土日)"),
        lambda match, today: weekend(today, _WEEKS[match["week"]]),
    ),
    Rule(re.compile(rf"(?P<which>{_any(_NEAREST)})(?P<weekday>[{_WEEKDAYS}])曜日?"), _nearest_weekday),
    Rule(re.compile(rf"(?P<which>{_any(_MONTHS)})の?{_DAY}"), _day_of_month),
    Rule(re.compile(rf"(?P<which>{_any(_YEARS)})の?{_MONTH}(?:の?{_DAY})?"), _month_of_year),
    Rule(
        re.compile(
            rf"{_FROM_NOW}{_AHEAD_OF_NUMBER}(?P<count>{_NUMBER})\s?(?P<unit>日|週間?|[かカヶケヵ箇]月|年)"
            r"(?P<way>前|後)(?![半回後日])"
        ),
        _counted,
    ),
    Rule(re.compile(rf"{_FROM_NOW}半年前(?!後)"), lambda _, today: month(today, -6)),
    Rule(re.compile(rf"{_FROM_NOW}半年後"), lambda _, today: month(today, 6)),
    Rule(re.compile(rf"{_AHEAD_OF_NUMBER}(?:{_YEAR}の?)?{_MONTH}(?:の?{_DAY})?"), _date, relative=False),
    Rule(
        re.compile(rf"{_AHEAD_OF_NUMBER}{_YEAR}(?![代度前後間])"),
        lambda match, _: year(int(match["year"])),
        relative=False,
    ),
    Rule(
        re.compile(
            r"(?<![\w/-])(?P<year>(?:19|20)[0-9]{2})([-/])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})(?![0-9/-])"
        ),
        _numeric,
        relative=False,
    ),
    Rule(
        re.compile(r"(?<![\w/-])(?P<year>(?:19|20)[0-9]{2})-(?P<month>0[1-9]|1[0-2])(?P<day>(?!))?(?![0-9/-])"),
        _numeric,
        relative=False,
    ),
)
