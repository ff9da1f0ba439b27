"""Reporting windows of the Ministry's regime, and of regimes that people make up."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.calendar import DayRule, WorkingCalendar
from tracker.core.periods import (
    WindowRule,
    current_window,
    due_for_level,
    previous_window,
    window,
)

# The Ministry's regime: official letter 581/BNV-CCHC.
RULES = (
    WindowRule("q1", "Quý I", 12, 15, -1, 3, 14, 3, 20, cumulative=False),
    WindowRule("h1", "6 tháng đầu năm", 12, 15, -1, 6, 14, 6, 20, cumulative=True),
    WindowRule("q3", "Quý III", 6, 15, 0, 9, 14, 9, 20, cumulative=False),
    WindowRule("year", "Cả năm", 12, 15, -1, 12, 14, 12, 20, cumulative=True),
)
Q1, H1, Q3, YEAR = RULES
TET = [DayRule(date(2026, 2, day), "holiday", "Tết") for day in range(14, 23)]
CALENDAR = WorkingCalendar([*TET, DayRule(date(2026, 11, 24), "holiday", "Ngày Văn hóa")])


@pytest.mark.parametrize(
    ("rule", "start", "end", "due", "cumulative"),
    [
        (Q1, date(2025, 12, 15), date(2026, 3, 14), date(2026, 3, 20), False),
        (H1, date(2025, 12, 15), date(2026, 6, 14), date(2026, 6, 20), True),
        (Q3, date(2026, 6, 15), date(2026, 9, 14), date(2026, 9, 20), False),
        (YEAR, date(2025, 12, 15), date(2026, 12, 14), date(2026, 12, 20), True),
    ],
)
def test_default_rules_cut_off_on_the_fourteenth(
    rule: WindowRule, start: date, end: date, due: date, cumulative: bool
) -> None:
    result = window(rule, 2026)
    assert (result.start, result.end, result.due) == (start, end, due)
    assert result.cumulative is cumulative
    assert (result.code, result.year) == (rule.code, 2026)


@pytest.mark.parametrize(
    ("today", "current", "previous"),
    [
        (date(2025, 12, 14), ("year", 2025), ("q3", 2025)),
        (date(2025, 12, 15), ("q1", 2026), ("year", 2025)),
        (date(2026, 1, 1), ("q1", 2026), ("year", 2025)),
        (date(2026, 3, 14), ("q1", 2026), ("year", 2025)),
        (date(2026, 3, 15), ("h1", 2026), ("q1", 2026)),
        (date(2026, 6, 15), ("q3", 2026), ("h1", 2026)),
        (date(2026, 9, 15), ("year", 2026), ("q3", 2026)),
    ],
)
def test_current_and_previous(
    today: date, current: tuple[str, int], previous: tuple[str, int]
) -> None:
    now, before = current_window(RULES, today), previous_window(RULES, today)
    assert now is not None
    assert before is not None
    assert (now.code, now.year) == current
    assert (before.code, before.year) == previous
    assert previous_window(RULES, now.end) == before


@given(st.dates(date(2, 1, 1), date(9998, 12, 30)))
def test_every_day_has_a_current_window_after_the_previous(today: date) -> None:
    now, before = current_window(RULES, today), previous_window(RULES, today)
    assert now is not None
    assert now.start <= today <= now.end < now.due
    if before is not None:
        assert before.end < today
        assert current_window(RULES, before.end) == before
        # Nothing closes between the two: the day after the one is in the other.
        assert current_window(RULES, before.end + timedelta(days=1)) == now


def test_no_rules_no_window() -> None:
    assert current_window((), date(2026, 1, 1)) is None
    assert previous_window((), date(2026, 1, 1)) is None
    assert current_window((Q3,), date(2026, 1, 1)) is None
    assert current_window(RULES, date.max) is None


def test_calendar_year_is_due_in_the_next() -> None:
    rule = WindowRule("cal", "Năm dương lịch", 1, 1, 0, 12, 31, 1, 10, cumulative=False)
    result = window(rule, 2026)
    assert (result.end, result.due) == (date(2026, 12, 31), date(2027, 1, 10))


def test_end_of_february_follows_the_year() -> None:
    rule = WindowRule("feb", "Hai tháng", 1, 1, 0, 2, 29, 3, 5, cumulative=False)
    assert window(rule, 2026).end == date(2026, 2, 28)
    assert window(rule, 2028).end == date(2028, 2, 29)


@pytest.mark.parametrize(
    "change",
    [
        {"from_month": 13},
        {"to_month": 9, "to_day": 31},
        {"due_day": 0},
        {"from_year_offset": 1},
        {"from_year_offset": 0},
    ],
)
def test_impossible_rules_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="q1"):
        replace(Q1, **change)  # type: ignore[arg-type]


def test_lower_levels_are_due_working_days_earlier() -> None:
    due = window(YEAR, 2026).due
    assert due.isoweekday() == 7
    assert due_for_level(due, 0, CALENDAR) == due
    assert due_for_level(due, 3, CALENDAR) == date(2026, 12, 16)
    assert due_for_level(date(2026, 2, 24), 2, CALENDAR) == date(2026, 2, 13)
    with pytest.raises(ValueError, match="never"):
        due_for_level(due, -1, CALENDAR)
