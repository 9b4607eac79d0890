"""Time words in a text, Japanese and English, as what they mean at a moment. Pure.

A day begins at midnight where the speaker is, a week on Monday. What is counted in weeks, months or years names
the calendar week, month or year that it comes to. A date without a year is the latest one that has begun. A word
means the time itself: `since May` and `before May 7` give May and May 7. Vague words (a few days ago, 先日) are
not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from memory_store.timewords import english, japanese
from memory_store.timewords.periods import Period, Rule, Unit

_RULES = (*japanese.RULES, *english.RULES)
#: Between a time word and the date that it already stands beside: 昨日（3月1日）, yesterday, March 1.
_BESIDE = re.compile(r"\s*[(（,、:：]?\s*の?\s*")
_BESIDE_CHARACTERS = 4
_DATE_BEHIND = re.compile(r"\s*[(（]\s*[0-9]{4}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Span:
    """A time word at `text[start:end]`, and the half-open time it means, in the speaker's UTC offset."""

    phrase: str
    start: int
    end: int
    since: datetime
    until: datetime
    unit: Unit
    #: Whether it means another time when said another day.
    relative: bool


def spans(text: str, now: datetime) -> tuple[Span, ...]:
    """The time words of a text said at `now`, in order; of overlapping ones the first, then the longest.

    `now` carries the speaker's UTC offset, which holds for all times given back. Raises ValueError without one.
    """
    offset = now.utcoffset()
    if offset is None:
        raise ValueError("The moment has no UTC offset.")
    found = sorted(_found(text, now, timezone(offset)), key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return tuple(kept)


def dated(text: str, said_at: datetime) -> str:
    """The text with the absolute date in brackets after each relative time word that has none beside it."""
    found = spans(text, said_at)
    neighbours = zip((None, *found), found, (*found[1:], None), strict=False)
    parts, position = [], 0
    for before, span, after in neighbours:
        if span.relative and not _is_dated(text, before, span, after):
            parts += [text[position : span.end], _bracketed(span)]
            position = span.end
    return "".join((*parts, text[position:]))


def _found(text: str, now: datetime, zone: timezone) -> Iterator[Span]:
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            period = _read(rule, match, now)
            if period is None:
                continue
            yield Span(
                phrase=match[0],
                start=match.start(),
                end=match.end(),
                since=period.since.replace(tzinfo=zone),
                until=period.until.replace(tzinfo=zone),
                unit=period.unit,
                relative=rule.relative,
            )


def _read(rule: Rule, match: re.Match[str], now: datetime) -> Period | None:
    try:
        return rule.read(match, now.date())
    except (ValueError, OverflowError):
        return None  # the 31st of February, 999 years before the year 500


def _is_dated(text: str, before: Span | None, span: Span, after: Span | None) -> bool:
    return (
        _DATE_BEHIND.match(text, span.end) is not None
        or (before is not None and not before.relative and _is_beside(text, before.end, span.start))
        or (after is not None and not after.relative and _is_beside(text, span.end, after.start))
    )


def _is_beside(text: str, end: int, start: int) -> bool:
    return start - end <= _BESIDE_CHARACTERS and _BESIDE.fullmatch(text, end, start) is not None


def _bracketed(span: Span) -> str:
    if span.phrase.isascii():
        return f" ({_date(span, ' to ')})"
    return f"（{_date(span, '〜')}）"


def _date(span: Span, to: str) -> str:
    match span.unit:
        case "year":
            return f"{span.since:%Y}"
        case "month":
            return f"{span.since:%Y-%m}"
        case "week":
            return f"{span.since:%Y-%m-%d}{to}{span.until - timedelta(days=1):%Y-%m-%d}"
        case _:
            return f"{span.since:%Y-%m-%d}"
