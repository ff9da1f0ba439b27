"""Rules of inspections without a database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.inspections import rules
from tracker.inspections.models import FindingState

DAYS = st.dates(date(1990, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 6, 16), 24, date(2024, 6, 16)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(1, 1, 1), 24, date.min),
    ],
)
def test_months_before_keeps_the_day_or_the_months_end(
    day: date, months: int, expected: date
) -> None:
    assert rules.months_before(day, months) == expected


@given(DAYS, st.integers(1, 120))
def test_months_before_is_earlier_by_as_many_months(day: date, months: int) -> None:
    earlier = rules.months_before(day, months)
    assert earlier < day
    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months


def test_month_range_ends_on_the_last_day() -> None:
    assert rules.month_range(2026, 1, 2) == (date(2026, 1, 1), date(2026, 2, 28))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 2), (12, 13)])
def test_month_range_refuses_what_is_no_range(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="months"):
        rules.month_range(2026, first, last)


@given(st.sampled_from(FindingState), st.none() | DAYS, DAYS)
def test_only_an_open_finding_past_its_day_is_late(
    state: FindingState, due: date | None, today: date
) -> None:
    late = rules.is_overdue(state, due, today)
    assert late == (rules.due_tone(state, due, today) == "late")
    if late:
        assert state is FindingState.OPEN
        assert due is not None
        assert due < today
        assert not rules.is_overdue(state, today, today)
        assert rules.is_overdue(state, today - timedelta(days=1), today)


def test_progress_is_complete_when_all_is_answered() -> None:
    assert rules.Progress(3, 3).is_complete
    assert not rules.Progress(2, 3).is_complete
