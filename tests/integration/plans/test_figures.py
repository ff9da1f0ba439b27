"""Figures through real rows: the golden cases, what enters which part, ages, and the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from flask import Flask

from tests.factories.plans import make_plan, make_task, report, withdraw
from tests.factories.units import make_unit
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.plans import figures
from tracker.plans.figures import Filter
from tracker.plans.models import RowKind
from tracker.plans.rules import CountRule, Status


@pytest.fixture
def unit(app: Flask) -> Iterator[int]:
    with app.app_context():
        yield make_unit("UBND thị xã Vĩnh Châu")


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [
        (21, 23, "91.30"),  # A0, Vĩnh Châu 2021
        (61, 68, "89.71"),  # A4, Cần Thơ 2023
        (19, 23, "82.61"),  # A3, Tiền Giang 2017
    ],
)
def test_golden_cases(unit: int, done: int, total: int, percent: str) -> None:
    plan = make_plan(unit)
    tasks = [make_task(plan, unit) for _ in range(total)]
    make_task(plan, unit, row=RowKind.GROUP)
    make_task(plan, unit, due_on=None, kind=DeadlineKind.OPEN_ENDED)
    for task in tasks[:done]:
        report(task, done_on=date(2026, 5, 4))
    found = figures.figure(db.session, date(2026, 6, 16), wanted=Filter(plan_id=plan))
    assert (found.numerator, found.denominator, found.rule) == (done, total, CountRule.PLAN)
    assert found.percent == Decimal(percent)


def test_nothing_to_count_gives_no_percent(unit: int) -> None:
    plan = make_plan(unit)
    found = figures.figure(db.session, date(2026, 6, 16), wanted=Filter(plan_id=plan))
    assert (found.numerator, found.denominator, found.percent) == (0, 0, None)


def test_task_is_done_when_all_its_units_are(unit: int) -> None:
    other = make_unit("Phường 1", parent=unit)
    plan = make_plan(unit)
    task = make_task(plan, unit, other)
    report(task, unit=unit, done_on=date(2026, 5, 4))
    day = date(2026, 6, 16)
    assert figures.figure(db.session, day, wanted=Filter(plan_id=plan)).numerator == 0
    assert (
        figures.figure(db.session, day, wanted=Filter(plan_id=plan, unit_id=other)).numerator == 0
    )
    report(task, unit=other, done_on=date(2026, 5, 5))
    assert figures.figure(db.session, day, wanted=Filter(plan_id=plan)).numerator == 1


def test_task_without_units_counts_as_not_done(unit: int) -> None:
    plan = make_plan(unit)
    make_task(plan)
    make_task(plan, kind=DeadlineKind.OPEN_ENDED, due_on=None)
    found = figures.figure(db.session, date(2026, 6, 16), wanted=Filter(plan_id=plan))
    assert (found.numerator, found.denominator) == (0, 1)


def test_as_of_asks_how_it_stood_on_the_day(unit: int) -> None:
    plan = make_plan(unit, issued_on=date(2026, 1, 15))
    task = make_task(plan, unit)
    report(task, done_on=date(2026, 5, 4))
    wanted = Filter(plan_id=plan)
    assert figures.figure(db.session, date(2026, 5, 3), wanted=wanted).numerator == 0
    assert figures.figure(db.session, date(2026, 5, 4), wanted=wanted).numerator == 1
    assert figures.figure(db.session, date(2026, 1, 14), wanted=wanted).denominator == 0


def test_withdrawn_leaves_the_denominator_from_its_day(unit: int) -> None:
    plan = make_plan(unit)
    make_task(plan, unit)
    withdraw(make_task(plan, unit), date(2026, 4, 1))
    wanted = Filter(plan_id=plan)
    assert figures.figure(db.session, date(2026, 3, 31), wanted=wanted).denominator == 2
    assert figures.figure(db.session, date(2026, 4, 1), wanted=wanted).denominator == 1


def test_rule_due_counts_what_has_fallen_due(unit: int) -> None:
    plan = make_plan(unit)
    report(make_task(plan, unit, due_on=date(2026, 3, 31)), done_on=date(2026, 3, 20))
    report(make_task(plan, unit, due_on=date(2026, 3, 31)), done_on=date(2026, 4, 20))
    make_task(plan, unit, due_on=date(2026, 6, 16))
    make_task(plan, unit, due_on=date(2026, 6, 17))
    make_task(plan, unit, due_on=None)
    found = figures.figure(db.session, date(2026, 6, 16), CountRule.DUE, Filter(plan_id=plan))
    assert (found.numerator, found.denominator) == (2, 3)
    counts = dict(figures.by_status(db.session, date(2026, 6, 16), Filter(plan_id=plan)))
    assert counts[Status.DONE_LATE] == 1
    assert counts[Status.DUE_SOON] == 2
    assert counts[Status.UNDATED] == 1


def test_claimed_and_confirmed_stand_side_by_side(unit: int) -> None:
    plan = make_plan(unit, needs_confirmation=True)
    report(make_task(plan, unit), done_on=date(2026, 5, 4))
    make_task(plan, unit)
    found = figures.figure(db.session, date(2026, 6, 16), wanted=Filter(plan_id=plan))
    assert (found.numerator, found.claimed, found.denominator) == (0, 1, 2)
    assert found.claimed_percent == Decimal("50.00")
    assert found.has_claims


def test_matrix_ages_and_oldest(unit: int) -> None:
    plan = make_plan(unit)
    for due_on in (date(2026, 6, 15), date(2026, 6, 9), date(2026, 6, 8), date(2026, 5, 1)):
        make_task(plan, unit, due_on=due_on)
    make_task(plan, unit, due_on=date(2026, 12, 31))
    day = date(2026, 6, 16)
    cell = figures.matrix(db.session, day, Filter(plan_id=plan))[unit, None]
    assert (cell.late, cell.total) == (4, 5)
    assert [band.count for band in figures.overdue_ages(db.session, day)] == [2, 1, 1]
    oldest = figures.oldest_overdue(db.session, day, limit=2)
    assert [row.days for row in oldest] == [46, 8]


def test_figures_of_plans_areas_and_units(unit: int) -> None:
    plan, other = make_plan(unit), make_plan(unit)
    report(make_task(plan, unit, area=1), done_on=date(2026, 5, 4))
    make_task(plan, unit, area=2)
    day = date(2026, 6, 16)
    found = figures.plan_figures(db.session, day, [plan, other])
    assert (found[plan].numerator, found[plan].denominator) == (1, 2)
    assert (found[other].numerator, found[other].denominator) == (0, 0)
    areas = figures.by_area(db.session, day, Filter(plan_id=plan))
    assert {key: one.percent for key, one in areas.items()} == {1: Decimal(100), 2: Decimal(0)}
    assert figures.by_unit(db.session, date(2026, 7, 1))[unit].percent == Decimal("50.00")


def test_regular_work_never_counts_whatever_is_reported(unit: int) -> None:
    """Reported done it stays apart: a rate is not raised by ticking it."""
    plan = make_plan(unit)
    dated = make_task(plan, unit, due_on=date(2026, 6, 1))
    make_task(plan, unit, due_on=date(2026, 6, 2))
    regular = make_task(plan, unit, due_on=None, kind=DeadlineKind.OPEN_ENDED)
    report(dated, done_on=date(2026, 5, 30))
    report(regular, done_on=date(2026, 6, 1))
    day, wanted = date(2026, 6, 16), Filter(plan_id=plan)
    for rule in CountRule:
        found = figures.figure(db.session(), day, rule, wanted)
        assert (found.numerator, found.denominator) == (1, 2), rule
    counts = dict(figures.by_status(db.session(), day, wanted))
    assert counts[Status.REGULAR] == 1
    assert counts[Status.DONE] == 1
    assert figures.matrix(db.session(), day, wanted)[unit, None].total == 2
