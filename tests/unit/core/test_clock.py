"""The clock: moments are UTC, days are Vietnamese days."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.clock import LOCAL, Clock, FixedClock, SystemClock, local_day_bounds, to_local


def test_fixed_clock_late_evening_in_utc_is_already_tomorrow_in_vietnam() -> None:
    clock: Clock = FixedClock(datetime(2026, 11, 21, 17, 0, tzinfo=UTC))
    assert clock.today() == date(2026, 11, 22)
    assert FixedClock(datetime(2026, 11, 21, 16, 59, 59, tzinfo=UTC)).today() == date(2026, 11, 21)


def test_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(datetime(2026, 1, 1, 7, 0, tzinfo=LOCAL))
    assert clock.now() == clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    clock.advance(days=1, hours=-1)
    assert clock.now() == datetime(2026, 1, 1, 23, tzinfo=UTC)
    clock.move_to(datetime(2025, 6, 1, 7, 0, tzinfo=timezone(timedelta(hours=7))))
    assert clock.now() == datetime(2025, 6, 1, tzinfo=UTC)


def test_naive_moment_is_refused() -> None:
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(naive)
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(datetime(2026, 1, 1, tzinfo=UTC)).move_to(naive)
    with pytest.raises(ValueError, match="time zone"):
        to_local(naive)


def test_system_clock_agrees_with_the_machine() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
    assert clock.today() in {to_local(now).date(), to_local(datetime.now(UTC)).date()}


def test_local_day_bounds_are_seven_hours_behind_utc() -> None:
    start, end = local_day_bounds(date(2026, 2, 14))
    assert start == datetime(2026, 2, 13, 17, tzinfo=UTC)
    assert end == datetime(2026, 2, 14, 17, tzinfo=UTC)


@given(st.dates(min_value=date(1900, 1, 2), max_value=date(2200, 12, 30)))
def test_local_day_bounds_abut_and_hold_exactly_their_day(day: date) -> None:
    start, end = local_day_bounds(day)
    assert to_local(start).date() == day
    assert to_local(end - timedelta(microseconds=1)).date() == day
    assert local_day_bounds(day + timedelta(days=1))[0] == end
