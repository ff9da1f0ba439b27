"""Counts that explain themselves: numerator, denominator, rule, day, and the version they rest on.

Every figure is an SQL aggregation over the period rows of one day; the number of queries does not
grow with the rows. Which status enters what is said in one table (`rules.COUNTED`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Session

from tracker.core.deadlines import DeadlineKind
from tracker.core.numbers import percent
from tracker.plans.models import (
    Assignment,
    AssignmentPeriod,
    Plan,
    PlanDocument,
    PlanState,
    RowKind,
    Task,
)
from tracker.plans.rules import COUNTED, DONE, CountRule, Status, period_columns, status_sql
from tracker.settings import queries as settings
from tracker.units import tree

# The ages of overdue work, in days: the last day of each band, None for no end.
AGE_BANDS: tuple[tuple[int, int | None], ...] = ((1, 7), (8, 30), (31, None))
IN_PLAN = tuple(status for status, counted in COUNTED.items() if counted.in_plan)
IN_DUE = tuple(status for status, counted in COUNTED.items() if counted.in_due)


@dataclass(frozen=True)
class Filter:
    """What a figure is about; nothing chosen means every plan that is not a draft.

    `unit_id` means the unit and all under it (by today's tree, reading: ended units too),
    `year` means the plans of a year; `reach` what reports count for a reader: units led within
    these, and all of the plans that they issued; `condition` is any further condition on
    Assignment, Task or Plan, such as the reader's rights.
    """

    plan_id: int | None = None
    unit_id: int | None = None
    area_id: int | None = None
    condition: ColumnElement[bool] | None = None
    year: int | None = None
    reach: frozenset[int] | None = None

    def on_tasks(self) -> list[ColumnElement[bool]]:
        """Return the conditions on Task and Plan."""
        found: list[ColumnElement[bool]] = [Task.kind == RowKind.TASK]
        if self.plan_id is not None:
            found.append(Task.plan_id == self.plan_id)
        else:
            found.append(Plan.state != PlanState.DRAFT)
        if self.area_id is not None:
            found.append(Task.area_id == self.area_id)
        if self.year is not None:
            found += [Plan.year_from <= self.year, Plan.year_to >= self.year]
        return found

    def on_reach(self) -> ColumnElement[bool] | None:
        """Return the condition that reports count a share for the reader."""
        if self.reach is None:
            return None
        within = tree.units_within(self.reach, reading=True)
        return or_(AssignmentPeriod.unit_id.in_(within), Plan.issuer_id.in_(within))

    def on_units(self) -> ColumnElement[bool] | None:
        """Return the condition on the unit that led on the day."""
        if self.unit_id is None:
            return None
        return AssignmentPeriod.unit_id.in_(tree.units_within([self.unit_id], reading=True))


@dataclass(frozen=True)
class Figure:
    """A rate with all that it rests on; `percent` is None for 0 of 0: there is no such figure."""

    numerator: int
    denominator: int
    rule: CountRule
    as_of: date
    # The newest document of the plan by that day: 0 as issued, 1 and up as amended.
    version: int | None = None
    # Reported as done, whether confirmed or not; differs where the plan asks for confirmation.
    claimed: int | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def percent(self) -> Decimal | None:
        """Return the rate in percent, two decimals, half up."""
        return percent(self.numerator, self.denominator)

    @property
    def claimed_percent(self) -> Decimal | None:
        """Return the rate that units claim, confirmed or not."""
        return None if self.claimed is None else percent(self.claimed, self.denominator)

    @property
    def has_claims(self) -> bool:
        """Tell whether more is claimed than confirmed."""
        return self.claimed is not None and self.claimed != self.numerator


def due_soon_days() -> int:
    """Return how many days before its deadline work counts as due soon."""
    return settings.whole("plans.due_soon_days")


def assignments_on(as_of: date, wanted: Filter) -> Select[Any]:
    """Return a query of assignments as they stood on a day, with `status`; more may be joined.

    Columns: assignment_id, task_id, plan_id, area_id, unit_id, due_on, done_on, reported, status.
    """
    status = status_sql(period_columns(), as_of, due_soon_days()).label("status")
    query = (
        select(
            Assignment.id.label("assignment_id"),
            Task.id.label("task_id"),
            Task.plan_id.label("plan_id"),
            Task.area_id.label("area_id"),
            AssignmentPeriod.unit_id.label("unit_id"),
            AssignmentPeriod.due_on.label("due_on"),
            AssignmentPeriod.done_on.label("done_on"),
            AssignmentPeriod.reported.label("reported"),
            status,
        )
        .select_from(AssignmentPeriod)
        .join(Assignment, Assignment.id == AssignmentPeriod.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            AssignmentPeriod.valid_from <= as_of,
            AssignmentPeriod.valid_to > as_of,
            *wanted.on_tasks(),
        )
    )
    for condition in (wanted.on_units(), wanted.on_reach(), wanted.condition):
        if condition is not None:
            query = query.where(condition)
    return query


def tasks_on(as_of: date, wanted: Filter) -> Subquery:
    """Return tasks as rule 'plan' sees them on a day, one row each.

    Columns: task_id, plan_id, area_id, is_counted (enters the denominator), is_done, is_claimed
    (0 or 1 each). With a unit only its own shares of a task are looked at.
    """
    shares = assignments_on(as_of, wanted).subquery("shares")
    one, none = literal(1), literal(0)
    done = case((shares.c.status.in_(DONE), one), else_=none)
    claimed = case(
        (or_(shares.c.status.in_(DONE), shares.c.status == Status.AWAITING), one), else_=none
    )
    summed = (
        select(
            shares.c.task_id,
            func.count().label("total"),
            func.sum(done).label("done"),
            func.sum(claimed).label("claimed"),
            func.sum(case((shares.c.status == Status.WITHDRAWN, one), else_=none)).label("gone"),
            func.sum(case((shares.c.status == Status.REGULAR, one), else_=none)).label("regular"),
        )
        .group_by(shares.c.task_id)
        .subquery("summed")
    )
    live = func.coalesce(summed.c.total, 0) - func.coalesce(summed.c.gone, 0)
    begins_on = func.coalesce(Task.valid_from, Plan.issued_on)
    # What is led by nobody still has to be done; looked at by unit there is no such thing.
    unled = and_(summed.c.task_id.is_(None), Task.deadline_kind != DeadlineKind.OPEN_ENDED)
    counted = or_(and_(live > 0, func.coalesce(summed.c.regular, 0) == 0), unled)
    query = (
        select(
            Task.id.label("task_id"),
            Task.plan_id.label("plan_id"),
            Task.area_id.label("area_id"),
            case((counted, one), else_=none).label("is_counted"),
            case((and_(counted, live > 0, summed.c.done == live), one), else_=none).label(
                "is_done"
            ),
            case((and_(counted, live > 0, summed.c.claimed == live), one), else_=none).label(
                "is_claimed"
            ),
        )
        .select_from(Task)
        .join(Plan, Plan.id == Task.plan_id)
        .join(summed, summed.c.task_id == Task.id, isouter=True)
        .where(
            *wanted.on_tasks(),
            begins_on <= as_of,
            or_(Task.withdrawn_on.is_(None), Task.withdrawn_on > as_of),
        )
    )
    if wanted.unit_id is not None or wanted.condition is not None:
        # Rows whose shares all lie outside the filter are not what the figure is about.
        query = query.where(summed.c.task_id.is_not(None))
    elif wanted.reach is not None:
        # What nobody leads belongs to whoever issued the plan.
        within = tree.units_within(wanted.reach, reading=True)
        query = query.where(or_(summed.c.task_id.is_not(None), Plan.issuer_id.in_(within)))
    return query.subquery("tasks_on")


def _version(plan_id: int | None, as_of: date) -> ColumnElement[int | None]:
    """Return the number of the plan's newest document by a day; null before the first."""
    return (
        select(func.max(PlanDocument.ordinal))
        .where(PlanDocument.plan_id == plan_id, PlanDocument.issued_on <= as_of)
        .scalar_subquery()
    )


def figure(
    session: Session,
    as_of: date,
    rule: CountRule = CountRule.PLAN,
    wanted: Filter | None = None,
) -> Figure:
    """Return one figure by its rule, in one query."""
    wanted = wanted or Filter()
    parameters = _parameters(as_of, rule, wanted)
    if rule is CountRule.PLAN:
        tasks = tasks_on(as_of, wanted)
        row = session.execute(
            select(
                func.coalesce(func.sum(tasks.c.is_done), 0),
                func.coalesce(func.sum(tasks.c.is_counted), 0),
                func.coalesce(func.sum(tasks.c.is_claimed), 0),
                _version(wanted.plan_id, as_of),
            )
        ).one()
    else:
        due = assignments_on(as_of, wanted).subquery("due")
        row = session.execute(
            select(
                func.coalesce(func.sum(_when(due.c.status.in_(DONE))), 0),
                func.count(),
                func.coalesce(
                    func.sum(_when(or_(due.c.status.in_(DONE), due.c.status == Status.AWAITING))), 0
                ),
                _version(wanted.plan_id, as_of),
            ).where(due.c.status.in_(IN_DUE), due.c.due_on <= as_of)
        ).one()
    return Figure(int(row[0]), int(row[1]), rule, as_of, row[3], int(row[2]), parameters)


def _when(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal(1)), else_=literal(0))


def _parameters(as_of: date, rule: CountRule, wanted: Filter) -> dict[str, object]:
    """Return what an address needs to explain the figure (see the page `plans.explain`)."""
    chosen = {"plan": wanted.plan_id, "unit": wanted.unit_id, "area": wanted.area_id}
    return {
        "rule": rule.value,
        "as_of": as_of.isoformat(),
        **{key: value for key, value in chosen.items() if value is not None},
    }


def plan_figures(
    session: Session, as_of: date, plan_ids: Sequence[int], rule: CountRule = CountRule.PLAN
) -> dict[int, Figure]:
    """Return rule 'plan' figures of several plans in one query; plans without rows are 0 of 0."""
    tasks = tasks_on(as_of, Filter(condition=None))
    if rule is not CountRule.PLAN:
        return {key: figure(session, as_of, rule, Filter(plan_id=key)) for key in plan_ids}
    rows = session.execute(
        select(
            tasks.c.plan_id,
            func.sum(tasks.c.is_done),
            func.sum(tasks.c.is_counted),
            func.sum(tasks.c.is_claimed),
        )
        .where(tasks.c.plan_id.in_(plan_ids))
        .group_by(tasks.c.plan_id)
    ).all()
    found = {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}
    return {
        key: Figure(
            *found.get(key, (0, 0, 0))[:2],
            CountRule.PLAN,
            as_of,
            None,
            found.get(key, (0, 0, 0))[2],
            _parameters(as_of, CountRule.PLAN, Filter(plan_id=key)),
        )
        for key in plan_ids
    }


def by_area(
    session: Session, as_of: date, wanted: Filter | None = None
) -> dict[int | None, Figure]:
    """Return rule 'plan' figures of each area that has rows."""
    wanted = wanted or Filter()
    tasks = tasks_on(as_of, wanted)
    rows = session.execute(
        select(
            tasks.c.area_id,
            func.sum(tasks.c.is_done),
            func.sum(tasks.c.is_counted),
            func.sum(tasks.c.is_claimed),
        ).group_by(tasks.c.area_id)
    )
    return {
        row[0]: Figure(
            int(row[1]),
            int(row[2]),
            CountRule.PLAN,
            as_of,
            None,
            int(row[3]),
            _parameters(
                as_of, CountRule.PLAN, Filter(wanted.plan_id, wanted.unit_id, area_id=row[0])
            ),
        )
        for row in rows
    }


def by_unit(session: Session, as_of: date, wanted: Filter | None = None) -> dict[int, Figure]:
    """Return rule 'due' figures of each lead unit by itself, in one query."""
    wanted = wanted or Filter()
    due = assignments_on(as_of, wanted).subquery("due")
    rows = session.execute(
        select(due.c.unit_id, func.sum(_when(due.c.status.in_(DONE))), func.count())
        .where(due.c.status.in_(IN_DUE), due.c.due_on <= as_of)
        .group_by(due.c.unit_id)
    )
    return {
        row[0]: Figure(
            int(row[1]),
            int(row[2]),
            CountRule.DUE,
            as_of,
            parameters=_parameters(
                as_of, CountRule.DUE, Filter(wanted.plan_id, row[0], wanted.area_id)
            ),
        )
        for row in rows
    }


def by_status(
    session: Session, as_of: date, wanted: Filter | None = None
) -> list[tuple[Status, int]]:
    """Return how many assignments have each status, in the order in which people read them."""
    rows = assignments_on(as_of, wanted or Filter()).subquery("rows")
    counts = {
        row[0]: row[1]
        for row in session.execute(select(rows.c.status, func.count()).group_by(rows.c.status))
    }
    return [(status, counts.get(status.value, 0)) for status in Status]


@dataclass(frozen=True)
class Cell:
    """A cell of the unit × area matrix: overdue assignments of all that enter figures."""

    late: int
    total: int


def matrix(
    session: Session, as_of: date, wanted: Filter | None = None
) -> dict[tuple[int, int | None], Cell]:
    """Return the cells (lead unit, area) that hold anything, in one query."""
    rows = assignments_on(as_of, wanted or Filter()).subquery("rows")
    query = (
        select(
            rows.c.unit_id,
            rows.c.area_id,
            func.sum(_when(rows.c.status == Status.OVERDUE)),
            func.count(),
        )
        .where(rows.c.status.in_(IN_PLAN))
        .group_by(rows.c.unit_id, rows.c.area_id)
    )
    return {(row[0], row[1]): Cell(int(row[2]), row[3]) for row in session.execute(query)}


@dataclass(frozen=True)
class AgeBand:
    """How many assignments are overdue by so many days; `most` is None for no end."""

    least: int
    most: int | None
    count: int


def overdue_ages(session: Session, as_of: date, wanted: Filter | None = None) -> list[AgeBand]:
    """Return overdue assignments by age in days past the current deadline, in one query."""
    rows = assignments_on(as_of, wanted or Filter()).subquery("rows")
    sums = [func.sum(_when(_aged(rows.c.due_on, as_of, *band))) for band in AGE_BANDS]
    row = session.execute(select(*sums).where(rows.c.status == Status.OVERDUE)).one()
    return [
        AgeBand(least, most, int(count or 0))
        for (least, most), count in zip(AGE_BANDS, row, strict=True)
    ]


def _aged(
    due_on: ColumnElement[Any], as_of: date, least: int, most: int | None
) -> ColumnElement[bool]:
    newest = due_on <= as_of - timedelta(days=least)
    return newest if most is None else and_(newest, due_on >= as_of - timedelta(days=most))


@dataclass(frozen=True)
class OverdueRow:
    """An overdue assignment, for the list of the oldest."""

    assignment_id: int
    task_id: int
    title: str
    number: str
    plan_title: str
    unit_id: int
    due_on: date
    days: int


def oldest_overdue(
    session: Session, as_of: date, wanted: Filter | None = None, limit: int = 10
) -> list[OverdueRow]:
    """Return the assignments that have been overdue for longest, in one query."""
    rows = assignments_on(as_of, wanted or Filter()).subquery("rows")
    query = (
        select(
            rows.c.assignment_id,
            rows.c.task_id,
            Task.title,
            Task.number,
            Plan.title.label("plan_title"),
            rows.c.unit_id,
            rows.c.due_on,
        )
        .join(Task, Task.id == rows.c.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(rows.c.status == Status.OVERDUE)
        .order_by(rows.c.due_on, rows.c.assignment_id)
        .limit(limit)
    )
    found = [[*row, (as_of - row.due_on).days] for row in session.execute(query)]
    return [OverdueRow(*values) for values in found]


@dataclass(frozen=True)
class ExplainedRow:
    """A row of a figure: a task by rule 'plan', an assignment by rule 'due'."""

    task_id: int
    title: str
    number: str
    plan_title: str
    # Whether the reader may open the task, beyond knowing of it.
    is_open: bool
    unit_id: int | None = None
    due_on: date | None = None
    status: Status | None = None


@dataclass(frozen=True)
class Reader:
    """What a person may read of the rows behind a figure: conditions on Task and on Assignment.

    `opened` are the tasks whose page they may open.
    """

    tasks: ColumnElement[bool]
    assignments: ColumnElement[bool]
    opened: ColumnElement[bool]


@dataclass(frozen=True)
class Part:
    """The rows of one part of a figure; `total` counts those too that are not listed."""

    total: int
    rows: Sequence[ExplainedRow]

    @property
    def unlisted(self) -> int:
        """Return how many rows are not listed: too many, or outside the reader's reach."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Parts:
    """What a figure is made of: what is done, what is not yet, and what is left out."""

    done: Part
    open: Part
    left_out: Part


def rows_of(
    session: Session,
    as_of: date,
    rule: CountRule,
    wanted: Filter,
    reader: Reader,
    limit: int,
) -> Parts:
    """Return the rows behind a figure that the reader may see, at most `limit` of each part."""
    columns: Sequence[Any] = (
        Task.id,
        Task.title,
        Task.number,
        Plan.title.label("plan_title"),
        reader.opened.label("is_open"),
    )
    if rule is CountRule.PLAN:
        tasks = tasks_on(as_of, wanted)
        query = (
            select(*columns)
            .join(tasks, tasks.c.task_id == Task.id)
            .join(Plan, Plan.id == Task.plan_id)
            .order_by(Plan.sort_key, Task.path, Task.id)
        )
        conditions = (
            tasks.c.is_done == 1,
            and_(tasks.c.is_counted == 1, tasks.c.is_done == 0),
            tasks.c.is_counted == 0,
        )
        readable = reader.tasks
    else:
        shares = assignments_on(as_of, wanted).subquery("shares")
        query = (
            select(*columns, shares.c.unit_id, shares.c.due_on, shares.c.status)
            .join(shares, shares.c.task_id == Task.id)
            .join(Plan, Plan.id == Task.plan_id)
            .order_by(shares.c.due_on, Plan.sort_key, Task.path, shares.c.assignment_id)
        )
        enters = and_(shares.c.status.in_(IN_DUE), shares.c.due_on <= as_of)
        is_done = shares.c.status.in_(DONE)
        conditions = (
            and_(enters, is_done),
            and_(enters, not_(is_done)),
            or_(
                not_(shares.c.status.in_(IN_DUE)),
                shares.c.due_on > as_of,
                shares.c.due_on.is_(None),
            ),
        )
        readable = shares.c.assignment_id.in_(
            select(Assignment.id)
            .join(Task, Task.id == Assignment.task_id)
            .join(Plan, Plan.id == Task.plan_id)
            .where(reader.assignments)
            .correlate(None)
        )
    done, still_open, left_out = (
        _part(session, query.where(condition), readable, limit) for condition in conditions
    )
    return Parts(done, still_open, left_out)


def _part(session: Session, query: Select[Any], readable: ColumnElement[bool], limit: int) -> Part:
    rows = [ExplainedRow(*row) for row in session.execute(query.where(readable).limit(limit))]
    count = select(func.count()).select_from(query.order_by(None).subquery())
    return Part(session.execute(count).scalar_one(), rows)
