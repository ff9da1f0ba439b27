"""Reporting windows: from which day to which day a report's figures run, and when it is due.

Reporting quarters are not calendar quarters: figures close on the 14th (581/BNV-CCHC). The rules
are data, because regimes change and provinces have their own. All days are local dates, both ends
included.
"""

from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from tracker.core.calendar import WorkingCalendar

_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class WindowRule:
    """How one kind of report runs, every year.

    ``code`` is stable; ``name`` is a Vietnamese message to be translated when shown. The window
    starts in the report's year plus ``from_year_offset`` (0, or -1 for the year before) and ends
    in the report's year. It is due on the first ``due_day``/``due_month`` on or after its end.
    ``cumulative`` says that it repeats the figures of earlier windows, so it must not be added
    to them. 29/2 means the last of February.

    Raises ``ValueError`` for a day that no year has, or a window that ends before it starts.
    """

    code: str
    name: str
    from_month: int
    from_day: int
    from_year_offset: int
    to_month: int
    to_day: int
    due_month: int
    due_day: int
    cumulative: bool

    def __post_init__(self) -> None:
        for month, day in (
            (self.from_month, self.from_day),
            (self.to_month, self.to_day),
            (self.due_month, self.due_day),
        ):
            if not (1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1]):
                raise ValueError(f"{self.code}: no year has a {day}/{month}")
        if self.from_year_offset not in (-1, 0):
            raise ValueError(f"{self.code}: a window starts in its year or in the year before")
        start = (self.from_year_offset, self.from_month, self.from_day)
        if start > (0, self.to_month, self.to_day):
            raise ValueError(f"{self.code}: the window ends before it starts")


@dataclass(frozen=True)
class Window:
    """One report's window: ``start`` and ``end`` are both in it; ``due`` is its last day."""

    code: str
    name: str
    year: int
    start: date
    end: date
    due: date
    cumulative: bool


def window(rule: WindowRule, year: int) -> Window:
    """Return the window of ``rule`` in the report's ``year``.

    Raises ``ValueError`` if a day of it lies outside the years 1 to 9999.
    """
    end = _day(year, rule.to_month, rule.to_day)
    due = _day(year, rule.due_month, rule.due_day)
    if due < end:
        due = _day(year + 1, rule.due_month, rule.due_day)
    start = _day(year + rule.from_year_offset, rule.from_month, rule.from_day)
    return Window(rule.code, rule.name, year, start, end, due, rule.cumulative)


def current_window(rules: Iterable[WindowRule], today: date) -> Window | None:
    """Return the window whose figures are being gathered on ``today``.

    Windows overlap (all but the third quarter start on 15/12): of those that hold ``today`` it is
    the one that closes first, and of several that close on one day the first listed. None if
    ``rules`` leave ``today`` out.
    """
    windows = [w for w in _around(rules, today) if w.start <= today <= w.end]
    return min(windows, key=lambda w: w.end, default=None)


def previous_window(rules: Iterable[WindowRule], before: date) -> Window | None:
    """Return the window that closed last before ``before``.

    With today it is the last one that is complete; with the end of a window it is the one that
    closed before that. Of several that closed on one day it is the first listed. None without
    rules.
    """
    windows = [w for w in _around(rules, before) if w.end < before]
    return max(windows, key=lambda w: w.end, default=None)


def due_for_level(due: date, working_days_earlier: int, calendar: WorkingCalendar) -> date:
    """Return when a lower level must hand in, for a report due at the level above on ``due``.

    ``working_days_earlier`` is the level's offset; 0 leaves ``due`` as it is, even on a day off.
    Raises ``ValueError`` if it is negative.
    """
    if working_days_earlier < 0:
        raise ValueError("a lower level is never due after the level above")
    return calendar.add_working_days(due, -working_days_earlier)


def _around(rules: Iterable[WindowRule], day: date) -> list[Window]:
    """Return the windows of the years that can hold ``day`` or have closed last before it."""
    years = range(max(day.year - 1, date.min.year + 1), min(day.year + 1, date.max.year - 1) + 1)
    return [window(rule, year) for rule in rules for year in years]


def _day(year: int, month: int, day: int) -> date:
    if (month, day) == (2, 29) and not isleap(year):
        day = 28
    return date(year, month, day)
