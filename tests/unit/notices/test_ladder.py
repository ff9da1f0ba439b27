"""When a rung of the ladder comes, counted in working days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.calendar import DayRule, WorkingCalendar
from tracker.notices.ladder import WINDOW, rung_day, window

# Tết and a swapped Saturday, as in 2026.
CALENDAR = WorkingCalendar(
    [DayRule(date(2026, 2, 16) + timedelta(days=n), "holiday", "Tết") for n in range(5)]
    + [DayRule(date(2026, 1, 2), "swap_off", "x"), DayRule(date(2026, 1, 10), "swap_work", "x")]
)
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


def taken(due_on: date, offset: int, today: date) -> bool:
    days = window(CALENDAR, offset, today)
    return days is not None and days[0] <= due_on <= days[1]


@pytest.mark.parametrize(
    ("due_on", "offset", "expected"),
    [
        (date(2026, 6, 30), -5, date(2026, 6, 23)),
        (date(2026, 6, 30), 0, date(2026, 6, 30)),
        (date(2026, 6, 30), 10, date(2026, 7, 14)),
        # Over Tết: the working day before is the Friday of the week before.
        (date(2026, 2, 23), -1, date(2026, 2, 13)),
        # Saturday's deadline: the day after is Monday.
        (date(2026, 6, 20), 1, date(2026, 6, 22)),
    ],
)
def test_rung_comes_by_working_days(due_on: date, offset: int, expected: date):
    assert rung_day(CALENDAR, due_on, offset) == expected
    if CALENDAR.is_working(expected):
        assert taken(due_on, offset, expected)


@given(DAYS, st.integers(-20, 30))
def test_a_rung_is_taken_from_its_day_on_for_some_days(due_on: date, offset: int):
    day = rung_day(CALENDAR, due_on, offset)
    before = day - timedelta(days=1)
    assert not taken(due_on, offset, before)
    start = CALENDAR.working_day_from(day)
    if offset > 0 or start <= due_on:
        assert taken(due_on, offset, start)
    assert not taken(due_on, offset, CALENDAR.add_working_days(start, WINDOW + 1))
    if offset <= 0:
        # What is reminded of beforehand is not overdue yet.
        assert not taken(due_on, offset, due_on + timedelta(days=1))
