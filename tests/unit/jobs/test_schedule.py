"""Due moments by arithmetic: local cron lines, what passed, what is owed of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.clock import LOCAL
from tracker.jobs.schedule import (
    MOST_LISTED,
    ON_TIME,
    newest_due,
    next_due,
    passed,
    plan_for,
    start_delay,
    tolerance,
)
from tracker.plugins.descriptors import JobSpec, MissedPolicy

DAILY = "10 0 * * *"
# Ten past midnight of 16/06/2026 in Vietnam.
DUE = datetime(2026, 6, 15, 17, 10, tzinfo=UTC)
DAY = timedelta(days=1)
CRONS = (
    "* * * * *",
    "*/7 * * * *",
    "43 * * * *",
    DAILY,
    "30 5 * * mon-fri",
    "0 7 20 3,6,9,12 *",
    "* * 1-14 * *",
    "0 0 29 2 *",
)
moments = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def spec(**more: object) -> JobSpec:
    return JobSpec(key="test.one", label="Một", run=lambda call: "", **more)  # type: ignore[arg-type]


def test_next_due_is_local_and_after():
    assert next_due(DAILY, DUE) == DUE + DAY
    assert next_due(DAILY, DUE - timedelta(microseconds=1)) == DUE
    assert next_due("", DUE) is None
    with pytest.raises(ValueError, match="Wrong number of fields"):
        next_due("* *", DUE)


@given(st.sampled_from(CRONS), moments, st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_newest_due_is_due_and_nothing_is_due_after_it(cron: str, start: datetime, span: timedelta):
    end = start + span
    newest = newest_due(cron, start, end)
    if newest is None:
        first = next_due(cron, start)
        assert first is None or first > end
        return
    assert start < newest <= end
    assert next_due(cron, newest - timedelta(seconds=1)) == newest
    following = next_due(cron, newest)
    assert following is None or following > end


def test_what_passed_in_a_century_is_found_without_walking_through_it():
    found = passed("* * * * *", datetime(1926, 1, 1, tzinfo=UTC), DUE)
    assert len(found.moments) == MOST_LISTED
    assert found.has_more
    assert found.moments[-1] == DUE
    assert found.moments[0] == DUE - timedelta(minutes=MOST_LISTED - 1)
    few = passed(DAILY, DUE, DUE + 3 * DAY)
    assert few.moments == (DUE + DAY, DUE + 2 * DAY, DUE + 3 * DAY)
    assert not few.has_more


def test_unknown_job_begins_with_its_newest_moment_within_its_tolerance():
    assert plan_for(spec(cron=DAILY), None, DUE + timedelta(hours=5)).run_for == DUE
    short = spec(cron=DAILY, catch_up_seconds=3600)
    assert plan_for(short, None, DUE + timedelta(hours=5)).run_for is None


def test_late_moments_come_to_one_run_and_misses():
    plan = plan_for(spec(cron=DAILY), DUE, DUE + 3 * DAY + timedelta(hours=1))
    assert plan.run_for == DUE + 3 * DAY
    assert plan.missed == (DUE + DAY, DUE + 2 * DAY)
    declared = spec(cron=DAILY, missed=MissedPolicy.DECLARE)
    plan = plan_for(declared, DUE, DUE + DAY + timedelta(hours=1))
    assert plan.run_for is None
    assert plan.missed == (DUE + DAY,)
    assert plan_for(declared, DUE, DUE + DAY + ON_TIME / 2).run_for == DUE + DAY


def test_clock_before_what_is_known_owes_nothing():
    assert plan_for(spec(cron=DAILY), DUE, DUE - DAY).run_for is None


@given(st.integers(1, 100_000))
def test_jitter_is_constant_and_bounded(seconds: int):
    delay = start_delay(spec(cron=DAILY, jitter_seconds=seconds))
    assert timedelta(0) <= delay <= timedelta(seconds=seconds)
    assert delay == start_delay(spec(cron=DAILY, jitter_seconds=seconds))
    assert start_delay(spec(cron=DAILY)) == timedelta(0)


def test_tolerance_never_falls_below_on_time():
    assert tolerance(spec(catch_up_seconds=0)) == ON_TIME
    assert tolerance(spec(catch_up_seconds=7200)) == timedelta(hours=2)


def test_weekdays_are_told_by_name():
    monday = next_due("0 7 * * mon", DUE)
    assert monday is not None
    assert monday.astimezone(LOCAL).isoweekday() == 1
