"""English time words. Pure.

`next Friday` is the one of next week, `last Friday` the latest one before today.
`in two weeks` is taken to look ahead.
"""

import re
from datetime import date

from memory_store.timewords.periods import (
    Period,
    Rule,
    day,
    days_from,
    hours,
    latest,
    month,
    moved,
    night,
    week,
    weekday,
    weekday_before,
    weekend,
    year,
)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COUNTS = {
    word: number
    for number, words in enumerate(
        (
            "a an one",
            "two couple",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ),
        start=1,
    )
    for word in words.split()
}
_STEPS = {"last": -1, "this": 0, "next": 1}
#: Verbs and names as well: taken for a month only where capital, or behind `in` or `on`.
_AMBIGUOUS = frozenset({"may", "march", "mar"})

_MONTH = (
    r"(?P<month>jan(?:uary|\b\.?)|feb(?:ruary|\b\.?)|mar(?:ch|\b\.?)|apr(?:il|\b\.?)|may|june?|july?"
    r"|aug(?:ust|\b\.?)|sept?(?:ember|\b\.?)|oct(?:ober|\b\.?)|nov(?:ember|\b\.?)|dec(?:ember|\b\.?))(?![\w-])"
)
_WEEKDAY = r"(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?(?![\w%:]|[.,][0-9])"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![\w%:]|[.,-][0-9])"
_COUNT = rf"(?P<count>[0-9]{{1,3}}|(?:a\s+)?couple(?=\s+of)|{'|'.join(sorted(_COUNTS))})(?:\s+of)?"
_UNIT = r"(?P<unit>day|week|month|year)s?"
_NO_PLACE_IN_A_ROW = r"(?!\s+of\b)"
_NO_RATE = r"(?<!once )(?<!twice )(?<!times )"
_NOT_COUNTED = r"(?!\s+(?:words?|people|dollars|yen|euros|steps|miles|km|characters|lines|items|points)\b)"
_PART_OF_DAY = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 24)}


def _named_month(match: re.Match[str]) -> int | None:
    word = match["month"]
    if word in _AMBIGUOUS and not match.groupdict().get("preposition"):
        return None
    return _MONTHS.index(word[:3].casefold()) + 1


def _weekday_number(match: re.Match[str]) -> int:
    return _WEEKDAYS.index(match["weekday"][:3].casefold())


def _date(match: re.Match[str], today: date) -> Period | None:
    number = _named_month(match)
    if number is None:
        return None
    if match["year"]:
        return day(date(int(match["year"]), number, int(match["day"])))
    return day(latest(today, number, int(match["day"])))


def _month(match: re.Match[str], today: date) -> Period | None:
    number = _named_month(match)
    if number is None:
        return None
    return month(date(int(match["year"]), number, 1) if match["year"] else latest(today, number))


def _stepped_month(match: re.Match[str], today: date) -> Period:
    number = _MONTHS.index(match["month"][:3].casefold()) + 1
    this_year = date(today.year, number, 1)
    match match["step"].casefold():
        case "last" if number < today.month:
            return month(this_year)
        case "next" if number > today.month:
            return month(this_year)
        case step:
            return month(date(today.year + _STEPS[step], number, 1))


def _stepped_weekday(match: re.Match[str], today: date) -> Period:
    step = match["step"].casefold()
    if step == "last":
        return day(weekday_before(today, _weekday_number(match)))
    return day(weekday(today, _weekday_number(match), _STEPS[step]))


def _stepped_unit(match: re.Match[str], today: date) -> Period:
    step, unit = _STEPS[match["step"].casefold()], match["unit"].casefold()
    return weekend(today, step) if unit == "weekend" else moved(today, unit, step)


def _count(match: re.Match[str]) -> int:
    word = match["count"].casefold().split()[-1]
    return _COUNTS[word] if word in _COUNTS else int(word)


def _ago(match: re.Match[str], today: date) -> Period:
    return moved(today, match["unit"].casefold(), -_count(match))


def _ahead(match: re.Match[str], today: date) -> Period:
    return moved(today, match["unit"].casefold(), _count(match))


def _part_of_today(match: re.Match[str], today: date) -> Period:
    first, last = _PART_OF_DAY[match["part"].casefold()]
    if last == 24:  # noqa: PLR2004  midnight, which no hour of the same day names
        return Period("hours", hours(today, first, first).since, day(today).until)
    return hours(today, first, last)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'’-]){text}(?![\w-])", re.IGNORECASE)


_OF_DAY = r"(?:\s+(?:morning|afternoon|evening|night))?"

RULES = (
    Rule(_pattern(r"today"), lambda _, today: day(today)),
    Rule(_pattern(rf"yesterday{_OF_DAY}"), lambda _, today: days_from(today, -1)),
    Rule(_pattern(rf"tomorrow{_OF_DAY}"), lambda _, today: days_from(today, 1)),
    Rule(_pattern(r"(?:the\s+)?day\s+before\s+yesterday"), lambda _, today: days_from(today, -2)),
    Rule(_pattern(r"(?:the\s+)?day\s+after\s+tomorrow"), lambda _, today: days_from(today, 2)),
    Rule(_pattern(r"tonight"), lambda _, today: night(today)),
    Rule(_pattern(r"last\s+night"), lambda _, today: night(days_from(today, -1).since.date())),
    Rule(_pattern(r"this\s+(?P<part>morning|afternoon|evening)"), _part_of_today),
    Rule(
        _pattern(rf"(?P<step>last|this|next)\s+(?P<unit>weekend|week|month|year){_NO_PLACE_IN_A_ROW}"),
        _stepped_unit,
    ),
    Rule(_pattern(rf"(?P<step>last|this|next)\s+{_WEEKDAY}{_OF_DAY}{_NO_PLACE_IN_A_ROW}"), _stepped_weekday),
    Rule(_pattern(rf"(?P<step>last|this|next)\s+{_MONTH}"), _stepped_month),
    Rule(_pattern(rf"{_COUNT}\s+{_UNIT}\s+ago"), _ago),
    Rule(_pattern(rf"{_NO_RATE}in\s+{_COUNT}\s+{_UNIT}"), _ahead),
    Rule(_pattern(rf"{_COUNT}\s+{_UNIT}\s+from\s+now"), _ahead),
    Rule(_pattern(r"(?:the\s+)?week\s+before\s+last"), lambda _, today: week(today, -2)),
    Rule(_pattern(r"(?:the\s+)?week\s+after\s+next"), lambda _, today: week(today, 2)),
    Rule(
        _pattern(rf"(?P<preposition>on\s+|in\s+)?(?:the\s+)?{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?"),
        _date,
        relative=False,
    ),
    Rule(
        _pattern(rf"(?P<preposition>on\s+)?(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?"),
        _date,
        relative=False,
    ),
    Rule(
        _pattern(rf"(?P<preposition>(?:in|during)\s+(?:(?:early|late|mid)[\s-]+)?){_MONTH}(?:,?\s+{_YEAR})?"),
        _month,
        relative=False,
    ),
    Rule(_pattern(rf"{_MONTH},?\s+{_YEAR}"), _month, relative=False),
    Rule(
        _pattern(rf"(?:in|during)\s+(?:the\s+year\s+)?{_YEAR}{_NOT_COUNTED}"),
        lambda match, _: year(int(match["year"])),
        relative=False,
    ),
)
