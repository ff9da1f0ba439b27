"""Months held, due days, deferrals that end by themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker_position_rotation.rules import (
    Pause,
    Period,
    Standing,
    add_months,
    due_by,
    earliest_move,
    months_held,
    standing,
)

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
FIVE_YEARS = Period(months=60, alert_months=54)


@pytest.mark.parametrize(
    ("since", "as_of", "months"),
    [
        (date(2021, 5, 28), date(2026, 5, 27), 59),
        (date(2021, 5, 28), date(2026, 5, 28), 60),
        (date(2024, 1, 31), date(2024, 2, 29), 1),
        (date(2024, 2, 29), date(2025, 2, 28), 12),
        (date(2026, 3, 1), date(2026, 2, 1), 0),
        (date(2026, 3, 1), date(2026, 3, 1), 0),
        (date(2025, 12, 31), date(2026, 11, 30), 11),
    ],
)
def test_months_held_counts_full_months(since: date, as_of: date, months: int):
    assert months_held(since, as_of) == months


@given(DAYS, st.integers(0, 240))
def test_months_held_is_the_inverse_of_adding_months(since: date, months: int):
    day = add_months(since, months)
    assert months_held(since, day) == months
    if months:
        assert months_held(since, day - timedelta(days=1)) == months - 1


@given(DAYS, DAYS, DAYS)
def test_months_held_never_falls_as_time_goes_on(since: date, one: date, other: date):
    earlier, later = sorted((one, other))
    assert months_held(since, earlier) <= months_held(since, later)


def test_standing_goes_from_not_due_over_soon_to_due():
    since = date(2021, 6, 1)
    assert standing(since, FIVE_YEARS, (), date(2025, 11, 30))[0] is Standing.NOT_DUE
    assert standing(since, FIVE_YEARS, (), date(2025, 12, 1)) == (Standing.SOON, date(2026, 6, 1))
    assert standing(since, FIVE_YEARS, (), date(2026, 6, 1)) == (Standing.DUE, date(2026, 6, 1))
    assert due_by(since, FIVE_YEARS) == date(2026, 6, 1)


def test_person_under_deferral_comes_back_by_themselves_when_it_ends():
    since, end = date(2020, 1, 1), date(2026, 3, 31)
    pauses = [Pause(date(2025, 1, 1), end)]
    assert standing(since, FIVE_YEARS, pauses, end) == (Standing.DEFERRED, end)
    assert standing(since, FIVE_YEARS, pauses, end + timedelta(days=1))[0] is Standing.DUE


def test_deferral_without_an_end_has_no_day_and_exemption_wins():
    since = date(2020, 1, 1)
    pauses = [Pause(date(2025, 1, 1), None), Pause(date(2025, 1, 1), date(2026, 1, 1))]
    assert standing(since, FIVE_YEARS, pauses, date(2025, 6, 1)) == (Standing.DEFERRED, None)
    pauses.append(Pause(date(2025, 1, 1), None, counts_out=True))
    assert standing(since, FIVE_YEARS, pauses, date(2025, 6, 1)) == (Standing.EXEMPT, None)


def test_reason_changes_nothing_before_the_alert_and_outside_categories():
    pauses = [Pause(date(2020, 1, 1), None)]
    assert standing(date(2025, 1, 1), FIVE_YEARS, pauses, date(2026, 1, 1))[0] is Standing.NOT_DUE
    assert standing(date(2000, 1, 1), None, pauses, date(2026, 1, 1)) == (Standing.OUTSIDE, None)


@pytest.mark.parametrize("months", [23, 61])
def test_period_outside_the_law_is_refused(months: int):
    with pytest.raises(ValueError, match="24 to 60"):
        Period(months=months, alert_months=0)


def test_alert_after_the_period_is_refused():
    with pytest.raises(ValueError, match="alert"):
        Period(months=36, alert_months=37)


def test_earliest_move_waits_for_the_shortest_time_and_for_every_reason():
    since, start = date(2025, 2, 10), date(2026, 1, 1)
    assert earliest_move(since, 24, (), start) == date(2027, 2, 10)
    assert earliest_move(date(2020, 1, 1), 24, (), start) == start
    chain = [Pause(date(2026, 2, 1), date(2026, 5, 31)), Pause(date(2025, 6, 1), date(2026, 2, 1))]
    assert earliest_move(date(2020, 1, 1), 24, chain, start) == date(2026, 6, 1)
    assert earliest_move(date(2020, 1, 1), 24, [Pause(date(2025, 1, 1), None)], start) is None
