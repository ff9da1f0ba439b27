"""Deadlines in words: what a person reads where the plan itself has no phrase."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask_babel import gettext

from tracker.core.deadlines import DeadlineKind, Frequency, Last, RecurrenceRule

_: Callable[..., str] = gettext


def weekday_name(weekday: int) -> str:
    """Return the name of a weekday, 1 for Monday to 7 for Sunday."""
    return (
        _("thứ Hai"),
        _("thứ Ba"),
        _("thứ Tư"),
        _("thứ Năm"),
        _("thứ Sáu"),
        _("thứ Bảy"),
        _("Chủ nhật"),
    )[weekday - 1]


def _day(day: int | Last) -> str:
    return _("ngày cuối") if day == "last" else _("ngày %(day)s", day=day)


def recurrence_phrase(rule: RecurrenceRule) -> str:
    """Return a rule in words: 'hằng tháng, ngày 5'."""
    if rule.freq is Frequency.WEEKLY and rule.weekday is not None:
        return _("%(weekday)s hằng tuần", weekday=weekday_name(rule.weekday))
    if rule.freq is Frequency.DATES and rule.dates is not None:
        days = ", ".join(
            _("cuối tháng %(month)s", month=month) if day == "last" else f"{day:02}/{month:02}"
            for month, day in rule.dates
        )
        return _("các ngày %(days)s hằng năm", days=days)
    day = _day(rule.day) if rule.day is not None else ""
    if rule.freq is Frequency.MONTHLY:
        return _("hằng tháng, %(day)s", day=day)
    if rule.freq is Frequency.QUARTERLY:
        if rule.month == 3:
            return _("hằng quý, %(day)s của tháng cuối quý", day=day)
        return _("hằng quý, %(day)s của tháng thứ %(month)s", day=day, month=rule.month)
    if rule.freq is Frequency.HALF_YEARLY:
        if rule.month == 6:
            return _("6 tháng một lần, %(day)s của tháng cuối kỳ", day=day)
        return _("6 tháng một lần, %(day)s của tháng thứ %(month)s", day=day, month=rule.month)
    return _("hằng năm, %(day)s tháng %(month)s", day=day, month=rule.month)


def deadline_phrase(
    *,
    kind: DeadlineKind,
    on: date | None = None,
    starts_on: date | None = None,
    rule: RecurrenceRule | None = None,
    trigger: str = "",
    offset: int | None = None,
    in_working_days: bool = False,
) -> str:
    """Return a deadline in words, '' when nobody has said when."""
    if kind is DeadlineKind.DATE and on is not None:
        return f"{on:%d/%m/%Y}"
    if kind is DeadlineKind.WINDOW and on is not None:
        start = f"{starts_on:%d/%m/%Y}" if starts_on else "…"
        return _("từ %(start)s đến %(end)s", start=start, end=f"{on:%d/%m/%Y}")
    if kind is DeadlineKind.RECURRING and rule is not None:
        return recurrence_phrase(rule)
    if kind is DeadlineKind.OPEN_ENDED:
        return _("thường xuyên")
    if kind is DeadlineKind.CONDITIONAL:
        if offset and in_working_days:
            return _("%(days)s ngày làm việc sau khi: %(trigger)s", days=offset, trigger=trigger)
        if offset:
            return _("%(days)s ngày sau khi: %(trigger)s", days=offset, trigger=trigger)
        return _("khi: %(trigger)s", trigger=trigger)
    return ""
