"""Quiet hours and the hour of the digest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.clock import LOCAL, to_local
from tracker.notices.hours import Hours, after_quiet, next_digest

HOUR = st.integers(0, 23)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
    lambda one: one.replace(tzinfo=UTC)
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-16T20:59", "2026-06-16T20:59"),
        ("2026-06-16T21:00", "2026-06-17T06:00"),
        ("2026-06-16T05:59", "2026-06-16T06:00"),
        ("2026-06-16T06:00", "2026-06-16T06:00"),
    ],
)
def test_quiet_time_ends_in_the_morning(moment: str, expected: str):
    assert after_quiet(Hours(), local(moment)) == local(expected)


@given(MOMENTS, HOUR, HOUR, HOUR)
def test_nothing_leaves_in_quiet_time_and_nothing_waits_longer_than_a_day(
    moment: datetime, digest: int, quiet_from: int, quiet_to: int
):
    hours = Hours(digest, quiet_from, quiet_to)
    free = after_quiet(hours, moment)
    assert not hours.is_quiet(to_local(free).hour)
    assert timedelta(0) <= free - moment <= timedelta(days=1)
    at = next_digest(hours, moment)
    assert not hours.is_quiet(to_local(at).hour)
    assert timedelta(0) < at - moment <= timedelta(days=2)
    if not hours.is_quiet(digest):
        assert to_local(at).hour == digest
        assert at - moment <= timedelta(days=1)


@given(MOMENTS, HOUR)
def test_equal_ends_mean_no_quiet_time(moment: datetime, hour: int):
    assert after_quiet(Hours(7, hour, hour), moment) == moment
