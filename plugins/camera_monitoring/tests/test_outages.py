"""Stretches, incidents and days: examples, and what holds for any series of probes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tracker_camera_monitoring.outages import Standing, Step, Stretch, observe
from tracker_camera_monitoring.probing import Health, Reason, health_of
from tracker_camera_monitoring.rollups import DayFigures, days_between, share, summarise, total

START = datetime(2026, 6, 15, 17, 0, tzinfo=UTC)
SILENCE = timedelta(minutes=13)
PATIENCE = timedelta(minutes=15)


def walk(*probes: tuple[int, Reason]) -> tuple[list[Step], list[Stretch], Standing]:
    """Observe (minute, reason) one after the other."""
    standing: Standing | None = None
    steps, over = [], []
    for minute, reason in probes:
        at = START + timedelta(minutes=minute)
        step = observe(standing, reason, at, silence=SILENCE, patience=PATIENCE)
        steps.append(step)
        over.extend(step.over)
        standing = step.standing
    assert standing is not None
    return steps, over, standing


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def test_steady_camera_makes_one_stretch() -> None:
    steps, over, standing = walk(*((one, Reason.OK) for one in range(0, 500, 5)))
    assert over == []
    assert [step.began for step in steps] == [True] + [False] * 99
    assert standing.since == START
    assert standing.checked_at == minute(495)


def test_outage_opens_one_incident_after_patience_and_closes_it_when_back() -> None:
    probes = [(0, Reason.OK), *((one, Reason.TIMEOUT) for one in range(5, 60, 5)), (60, Reason.OK)]
    steps, over, standing = walk(*probes)
    assert [number for number, step in enumerate(steps) if step.opens] == [4]
    assert [number for number, step in enumerate(steps) if step.closes] == [12]
    assert over == [
        Stretch(Reason.OK, minute(0), minute(5)),
        Stretch(Reason.TIMEOUT, minute(5), minute(60)),
    ]
    assert standing.failing_since is None


def test_reason_that_changes_does_not_restart_the_clock_of_an_incident() -> None:
    steps, _over, standing = walk(
        (0, Reason.OK), (5, Reason.TIMEOUT), (10, Reason.WRONG_PASSWORD), (20, Reason.REFUSED)
    )
    assert [step.opens for step in steps] == [False, False, False, True]
    assert standing.failing_since == minute(5)


def test_short_outage_opens_nothing() -> None:
    steps, _over, _standing = walk((0, Reason.OK), (5, Reason.TIMEOUT), (10, Reason.OK))
    assert not any(step.opens or step.closes for step in steps)


def test_silence_is_a_stretch_that_nobody_measured() -> None:
    _steps, over, standing = walk((0, Reason.OK), (5, Reason.OK), (300, Reason.OK))
    assert over == [
        Stretch(Reason.OK, minute(0), minute(5)),
        Stretch(Reason.NOT_MEASURED, minute(5), minute(300)),
    ]
    assert standing.since == minute(300)


def test_camera_outside_the_networks_is_neither_up_nor_failing() -> None:
    steps, _over, standing = walk(*((one, Reason.NOT_ALLOWED) for one in range(0, 120, 5)))
    assert standing.health is Health.UNKNOWN
    assert standing.failing_since is None
    assert not any(step.opens for step in steps)


def test_late_probe_of_the_past_changes_nothing() -> None:
    steps, over, standing = walk((10, Reason.OK), (5, Reason.TIMEOUT))
    assert over == []
    assert standing == steps[0].standing


series = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(sorted(Reason))), min_size=1, max_size=60
).map(
    lambda gaps: [
        (sum(gap for gap, _reason in gaps[: number + 1]), reason)
        for number, (_gap, reason) in enumerate(gaps)
    ]
)


@given(series)
def test_stretches_tile_the_time_without_gap_or_overlap(probes: list[tuple[int, Reason]]) -> None:
    _steps, over, standing = walk(*probes)
    edges = [minute(probes[0][0])]
    for one in over:
        assert one.began_at == edges[-1]
        assert one.ended_at is not None
        assert one.ended_at > one.began_at
        edges.append(one.ended_at)
    assert standing.since == edges[-1]


@given(series)
def test_incidents_open_and_close_in_turn(probes: list[tuple[int, Reason]]) -> None:
    steps, _over, standing = walk(*probes)
    is_open = False
    for step, (_at, reason) in zip(steps, probes, strict=True):
        assert not (step.opens and step.closes)
        if step.opens:
            assert not is_open
            assert health_of(reason) in {Health.DOWN, Health.FAULT}
            is_open = True
        if step.closes:
            assert is_open
            assert reason is Reason.OK
            is_open = False
    assert standing.has_incident is is_open


@given(series)
def test_day_figures_add_up_to_what_was_known(probes: list[tuple[int, Reason]]) -> None:
    _steps, over, standing = walk(*probes)
    stretches = [*over, Stretch(standing.reason, standing.since)]
    end = minute(probes[-1][0] + 30)
    figures = summarise(stretches, START, end)
    known = end - minute(probes[0][0])
    assert figures.measured_seconds + figures.unknown_seconds == known.total_seconds()
    assert figures.longest_outage_seconds <= figures.down_seconds + figures.fault_seconds
    assert (figures.outages > 0) == (figures.longest_outage_seconds > 0)
    middle = START + (end - START) / 2
    halves = total([summarise(stretches, START, middle), summarise(stretches, middle, end)])
    assert abs(halves.up_seconds - figures.up_seconds) <= 1


def test_day_in_figures() -> None:
    day = [
        Stretch(Reason.OK, minute(-600), minute(60)),
        Stretch(Reason.TIMEOUT, minute(60), minute(90)),
        Stretch(Reason.WRONG_PASSWORD, minute(90), minute(100)),
        Stretch(Reason.OK, minute(100), minute(200)),
        Stretch(Reason.NOT_MEASURED, minute(200), minute(1400)),
        Stretch(Reason.REFUSED, minute(1400)),
    ]
    figures = summarise(day, START, START + timedelta(days=1))
    assert figures == DayFigures(
        up_seconds=160 * 60,
        fault_seconds=10 * 60,
        down_seconds=70 * 60,
        unknown_seconds=1200 * 60,
        outages=2,
        longest_outage_seconds=40 * 60,
    )
    assert figures.availability == Decimal(160) * 100 / Decimal(240)


def test_nothing_measured_has_no_availability() -> None:
    assert summarise([], START, START + timedelta(days=1)).availability is None
    assert share(0, 0) is None


def test_days_of_a_window() -> None:
    assert days_between(date(2026, 2, 27), date(2026, 3, 1)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
