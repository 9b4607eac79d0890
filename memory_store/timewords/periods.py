"""Calendar periods in local time, as words name them, and rules that read them. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

Unit = Literal["hours", "day", "week", "month", "year"]

_MONTHS_A_YEAR = 12
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of local time; `hours` are part of a day or a night."""

    unit: Unit
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what its match means on a day. Reading may raise ValueError or OverflowError: no such date."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str], date], Period | None]
    #: Whether the words mean another time when said another day.
    relative: bool = True


def day(of: date) -> Period:
    """Midnight to midnight."""
    return _days("day", of, of + timedelta(days=1))


def days_from(of: date, count: int) -> Period:
    """The day so many days later; earlier where negative."""
    return day(of + timedelta(days=count))


def week(of: date, weeks: int = 0) -> Period:
    """The week, Monday to Sunday, so many weeks after the one with that day."""
    monday = monday_of(of) + timedelta(weeks=weeks)
    return _days("week", monday, monday + timedelta(weeks=1))


def weekend(of: date, weeks: int = 0) -> Period:
    """Saturday and Sunday of a week, as `week` counts them."""
    saturday = weekday(of, _SATURDAY, weeks)
    return _days("week", saturday, saturday + timedelta(days=2))


def month(of: date, months: int = 0) -> Period:
    """The calendar month so many months after the one with that day."""
    first = first_of_month(of, months)
    return _days("month", first, first_of_month(first, 1))


def year(number: int) -> Period:
    """A calendar year."""
    return _days("year", date(number, 1, 1), date(number + 1, 1, 1))


def night(of: date) -> Period:
    """From that day's evening to the next morning."""
    return Period("hours", _at(of, 18), _at(of + timedelta(days=1), 6))


def hours(of: date, first: int, last: int) -> Period:
    """From one full hour of a day to another."""
    return Period("hours", _at(of, first), _at(of, last))


def monday_of(of: date) -> date:
    """The Monday of its week."""
    return of - timedelta(days=of.weekday())


def weekday(of: date, number: int, weeks: int = 0) -> date:
    """The weekday (Monday is 0) of a week, as `week` counts them."""
    return monday_of(of) + timedelta(days=number, weeks=weeks)


def weekday_before(of: date, number: int) -> date:
    """The last such weekday (Monday is 0) before that day."""
    return of - timedelta(days=(of.weekday() - number - 1) % 7 + 1)


def weekday_after(of: date, number: int) -> date:
    """The first such weekday (Monday is 0) after that day."""
    return of + timedelta(days=(number - of.weekday() - 1) % 7 + 1)


def first_of_month(of: date, months: int = 0) -> date:
    """The first day of the month so many months later."""
    years, index = divmod(of.year * _MONTHS_A_YEAR + of.month - 1 + months, _MONTHS_A_YEAR)
    return date(years, index + 1, 1)


def latest(of: date, month_number: int, day_number: int = 1) -> date:
    """The last such date that is not after that day: words without a year mostly look back."""
    this_year = date(of.year, month_number, day_number)
    return this_year if this_year <= of else date(of.year - 1, month_number, day_number)


def moved(of: date, unit: str, count: int) -> Period:
    """The day, week, month or year so many of them later; earlier where negative."""
    match unit:
        case "day":
            return days_from(of, count)
        case "week":
            return week(of, count)
        case "month":
            return month(of, count)
        case _:
            return year(of.year + count)


def _days(unit: Unit, since: date, until: date) -> Period:
    return Period(unit, _at(since, 0), _at(until, 0))


def _at(of: date, hour: int) -> datetime:
    return datetime.combine(of, time(hour))
