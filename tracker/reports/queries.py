"""Reading figures for leaders, on top of the one rule of status in tracker.plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import Session, aliased

from tracker.accounts.models import User
from tracker.core.clock import local_day_bounds, to_local
from tracker.core.deadlines import DeadlineKind
from tracker.core.rights import Access
from tracker.plans import figures
from tracker.plans.access import tasks_read_by
from tracker.plans.models import (
    FOREVER,
    Assignment,
    AssignmentPeriod,
    Decision,
    EntryKind,
    Extension,
    Plan,
    PlanDocument,
    PlanState,
    ProgressEntry,
    ReformArea,
    RowKind,
    Task,
    Urge,
)
from tracker.plans.rules import COUNTED, DONE, RULES, Moment, Status, period_columns
from tracker.reports.permissions import VIEW
from tracker.reports.progress import Stand, Stretch
from tracker.units import tree
from tracker.units.models import Unit

# The ages of overdue work: last day of each band; what is older is the third.
AGES: Final = (7, 30)
LIVE: Final = tuple(status for status, counted in COUNTED.items() if counted.in_plan)


@dataclass(frozen=True)
class Scope:
    """What figures are about and who asks: plans of a year or one plan, a unit's subtree, rights.

    `roots` are the units that the reader's right reaches, None for the system itself.
    """

    plan_id: int | None = None
    year: int | None = None
    unit_id: int | None = None
    roots: frozenset[int] | None = None

    def on_plans(self) -> list[ColumnElement[bool]]:
        """Return the conditions on Plan."""
        if self.plan_id is not None:
            return [Plan.id == self.plan_id, Plan.state != PlanState.DRAFT]
        found: list[ColumnElement[bool]] = [Plan.state != PlanState.DRAFT]
        if self.year is not None:
            found += [Plan.year_from <= self.year, Plan.year_to >= self.year]
        return found

    def reach(self, unit: ColumnElement[int]) -> ColumnElement[bool] | None:
        """Return the condition that the reader reaches a unit; None where nothing stands against.

        The issuer of a plan reads all of it, whoever leads its tasks.
        """
        if self.roots is None:
            return None
        within = tree.units_within(self.roots, reading=True)
        return or_(unit.in_(within), Plan.issuer_id.in_(within))

    def conditions(self, unit: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """Return all conditions on Plan and on the unit that leads."""
        found = self.on_plans()
        if self.unit_id is not None:
            found.append(unit.in_(tree.units_within([self.unit_id], reading=True)))
        reach = self.reach(unit)
        return found if reach is None else [*found, reach]

    def opened(self) -> ColumnElement[bool]:
        """Return the condition on Task that the reader may open it, beyond knowing of it."""
        if self.roots is None:
            return true()
        return tasks_read_by(tree.units_within(self.roots, reading=True))

    def filter(self) -> figures.Filter:
        """Return the same for tracker.plans.figures."""
        unit = AssignmentPeriod.unit_id.expression
        return figures.Filter(plan_id=self.plan_id, condition=and_(*self.conditions(unit)))


def roots_of(access: Access) -> frozenset[int] | None:
    """Return the units that the right to read reports reaches; None for all."""
    return None if access.everything else access.scope(VIEW)


# -- what to choose from ------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanChoice:
    """A plan that the reader may choose."""

    id: int
    key: str
    title: str
    year_from: int
    year_to: int


def _is_readable(roots: frozenset[int], past: date | None) -> ColumnElement[bool]:
    """Return the condition that the reader's units issued a plan or take part in it.

    For an earlier day it adds the plans in which they led something then: handed over since, it
    still counts for them.
    """
    within = tree.units_within(roots, reading=True)
    led = select(Task.plan_id).join(Assignment, Assignment.task_id == Task.id)
    found = [Plan.issuer_id.in_(within), Plan.id.in_(led.where(Assignment.unit_id.in_(within)))]
    if past is not None:
        periods = led.join(AssignmentPeriod, AssignmentPeriod.assignment_id == Assignment.id)
        led_then = periods.where(
            AssignmentPeriod.unit_id.in_(within),
            AssignmentPeriod.valid_from <= past,
            AssignmentPeriod.valid_to > past,
        )
        found.append(Plan.id.in_(led_then))
    return or_(*found)


def readable_plans(session: Session, access: Access, past: date | None) -> list[PlanChoice]:
    """Return the plans that are not drafts and that the reader's units issued or take part in.

    `past` is the earlier day that is asked about, None for now.
    """
    roots = roots_of(access)
    conditions: list[ColumnElement[bool]] = [Plan.state != PlanState.DRAFT]
    if roots is not None:
        conditions.append(_is_readable(roots, past))
    query = (
        select(
            Plan.id,
            Plan.key,
            Plan.title,
            Plan.year_from,
            Plan.year_to,
        )
        .where(*conditions)
        .order_by(Plan.year_from.desc(), Plan.sort_key, Plan.id)
    )
    return [
        PlanChoice(row.id, row.key, row.title, row.year_from, row.year_to)
        for row in session.execute(query)
    ]


def explained_as(scope: Scope) -> dict[str, int | str]:
    """Return the parameters with which `plans.explain` and the list of tasks ask the same."""
    asked = {"plan": scope.plan_id, "year": scope.year, "unit": scope.unit_id}
    found: dict[str, int | str] = {
        name: value for name, value in asked.items() if value is not None
    }
    return {**found, "scope": "reports"}


# -- how it stood on one day --------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Assignments of one unit, area, status and age that stood alike on a day."""

    unit_id: int
    area_id: int | None
    status: str
    # Which age band of overdue work: 0, 1, 2; None for what is not overdue.
    age: int | None
    is_due: bool
    lacks_evidence: bool
    count: int


def groups_on(session: Session, as_of: date, scope: Scope) -> list[Group]:
    """Return all assignments of the scope as of a day, counted by what figures ask for.

    One query feeds matrix, ages, statuses and rule 'due'.
    """
    shares = figures.assignments_on(as_of, scope.filter())
    shares = shares.add_columns(Assignment.has_evidence.label("has_evidence"))
    rows = shares.subquery("shares")
    status = rows.c.status
    age = case(
        (status != Status.OVERDUE, None),
        (rows.c.due_on >= as_of - timedelta(days=AGES[0]), 0),
        (rows.c.due_on >= as_of - timedelta(days=AGES[1]), 1),
        else_=2,
    )
    # An absent deadline has not come; comparing it would give neither yes nor no.
    is_due = case((rows.c.due_on <= as_of, 1), else_=0)
    lacks = case((and_(status.in_(DONE), rows.c.has_evidence.is_(False)), 1), else_=0)
    keys = (rows.c.unit_id, rows.c.area_id, status, age, is_due, lacks)
    labelled = [key.label(f"key_{number}") for number, key in enumerate(keys)]
    inner = select(*labelled).subquery("keyed")
    query = select(*inner.c, func.count()).group_by(*inner.c)
    return [
        Group(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6])
        for row in session.execute(query)
    ]


@dataclass(frozen=True)
class OverdueRow:
    """One of the assignments that are overdue for longest, and who answers for it."""

    assignment_id: int
    task_id: int
    title: str
    number: str
    plan_title: str
    unit_id: int
    unit: str
    person: str
    due_on: date
    days: int
    is_urged: bool
    # Whether the reader may open the task: what a unit led once may be others' by now.
    is_open: bool


def oldest_overdue(session: Session, as_of: date, scope: Scope, limit: int) -> list[OverdueRow]:
    """Return the assignments that are overdue for longest, with names, in one query."""
    shares = figures.assignments_on(as_of, scope.filter())
    rows = shares.add_columns(Assignment.person_id.label("person_id")).subquery("shares")
    unit, person = aliased(Unit), aliased(User)
    urged = (
        select(Urge.id)
        .where(Urge.assignment_id == rows.c.assignment_id, Urge.answered_at.is_(None))
        .exists()
    )
    query = (
        select(
            rows.c.assignment_id,
            rows.c.task_id,
            Task.title,
            Task.number,
            Plan.title.label("plan_title"),
            rows.c.unit_id,
            unit.name.label("unit"),
            func.coalesce(person.name, unit.head_title, "").label("person"),
            rows.c.due_on,
            urged.label("is_urged"),
            scope.opened().label("is_open"),
        )
        .join(Task, Task.id == rows.c.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(unit, unit.id == rows.c.unit_id)
        .outerjoin(person, person.id == rows.c.person_id)
        .where(rows.c.status == Status.OVERDUE)
        .order_by(rows.c.due_on, rows.c.assignment_id)
        .limit(limit)
    )
    return [
        OverdueRow(
            assignment_id=row.assignment_id,
            task_id=row.task_id,
            title=row.title,
            number=row.number,
            plan_title=row.plan_title,
            unit_id=row.unit_id,
            unit=row.unit,
            person=row.person,
            due_on=row.due_on,
            days=(as_of - row.due_on).days,
            is_urged=bool(row.is_urged),
            is_open=bool(row.is_open),
        )
        for row in session.execute(query)
    ]


@dataclass(frozen=True)
class UrgeCount:
    """Pushes that wait for an answer, and how many of them past the day to answer by."""

    open: int
    late: int


def open_urges(session: Session, as_of: date, scope: Scope) -> UrgeCount:
    """Return how many pushes sent by the day were unanswered at its end."""
    after = _end_of(as_of)
    row = session.execute(
        select(
            func.count(),
            func.sum(case((Urge.reply_by < as_of, 1), else_=0)),
        )
        .select_from(Urge)
        .join(Assignment, Assignment.id == Urge.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Urge.urged_at < after,
            or_(Urge.answered_at.is_(None), Urge.answered_at >= after),
            *scope.conditions(Assignment.unit_id.expression),
        )
    ).one()
    return UrgeCount(row[0], int(row[1] or 0))


def _end_of(day: date) -> datetime:
    return local_day_bounds(day)[1]


# -- how it went ----------------------------------------------------------------------------------


def _stand_on(day: ColumnElement[Any]) -> ColumnElement[int]:
    """Return what a period row means for its task on a day, by the rule of status itself."""
    moment = Moment(cast(date, day), cast(date, day))
    meaning = {
        Status.WITHDRAWN: Stand.WITHDRAWN,
        Status.DONE: Stand.DONE,
        Status.DONE_LATE: Stand.DONE,
        Status.AWAITING: Stand.CLAIMED,
        Status.REGULAR: Stand.REGULAR,
    }
    columns = period_columns()
    *whens, _last = RULES
    # What comes after the rule for regular work is open, whichever of the states it is.
    named = [rule for rule in whens if rule.status in meaning or rule.status is Status.DISPUTED]
    return case(
        *(
            (rule.in_sql(columns, moment), int(meaning.get(rule.status, Stand.OPEN)))
            for rule in named
        ),
        else_=int(Stand.OPEN),
    )


def stretches(session: Session, scope: Scope, until: date) -> list[Stretch]:
    """Return the history of all tasks of the scope up to a day, in one query.

    Tasks that nobody leads belong to whoever issued their plan; looked at by unit there are none.
    """
    # What a share means once a dispute has lapsed, by the same rule.
    lapsed = case(
        (AssignmentPeriod.disputed_until.is_(None), None),
        else_=_stand_on(literal(FOREVER)),
    )
    begins_on = func.coalesce(Task.valid_from, Plan.issued_on)
    query: Select[Any] | CompoundSelect[Any] = (
        select(
            Task.id,
            Assignment.id,
            Task.plan_id,
            Task.area_id,
            AssignmentPeriod.valid_from,
            AssignmentPeriod.valid_to,
            _stand_on(AssignmentPeriod.valid_from.expression),
            AssignmentPeriod.disputed_until,
            lapsed,
            begins_on,
            Task.withdrawn_on,
        )
        .select_from(AssignmentPeriod)
        .join(Assignment, Assignment.id == AssignmentPeriod.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Task.kind == RowKind.TASK,
            AssignmentPeriod.valid_from <= until,
            *scope.conditions(AssignmentPeriod.unit_id.expression),
        )
    )
    if scope.unit_id is None:
        query = union_all(query, _unled(scope, until))
    found: list[Stretch] = []
    day = timedelta(days=1)
    for row in session.execute(query):
        task, share, plan, area, start, end, stand, disputed, later, begins, withdrawn = row
        # Out of the plan the task no longer counts, whatever became of its shares.
        end = end if withdrawn is None else min(end, withdrawn)
        start = max(start, begins)
        if start >= end:
            continue
        turns_on = None if disputed is None or later is None else disputed + day
        group = (plan, area)
        found.append(Stretch(task, share, group, start, end, stand, turns_on, later or 0))
    return found


def _unled(scope: Scope, until: date) -> Select[*tuple[Any, ...]]:
    """Return the tasks that nobody leads as rows of the same kind: open from first to last."""
    begins_on = func.coalesce(Task.valid_from, Plan.issued_on)
    query = (
        select(
            Task.id,
            literal(0),
            Task.plan_id,
            Task.area_id,
            begins_on,
            literal(FOREVER),
            literal(int(Stand.OPEN)),
            cast_to(null(), Date),
            cast_to(null(), Integer),
            begins_on,
            Task.withdrawn_on,
        )
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Task.kind == RowKind.TASK,
            Task.deadline_kind != DeadlineKind.OPEN_ENDED,
            begins_on <= until,
            ~select(Assignment.id).where(Assignment.task_id == Task.id).exists(),
            *scope.on_plans(),
        )
    )
    if scope.roots is None:
        return query
    return query.where(Plan.issuer_id.in_(tree.units_within(scope.roots, reading=True)))


# -- what happened in a window ---------------------------------------------------------------------


@dataclass(frozen=True)
class Events:
    """What was asked, answered and typed between two days, both included."""

    extensions_asked: int
    extensions_approved: int
    urges_sent: int
    urges_unanswered: int
    done: int
    done_late: int
    entries: int
    # Days between when it happened and when it was typed; None without entries.
    lag: Decimal | None


class Happened(StrEnum):
    """What a window counts because it happened in it; each of them has its rows."""

    DONE = "done"
    ASKED = "asked"
    APPROVED = "approved"
    URGED = "urged"
    ENTERED = "entered"


def _within(what: Happened, start: date, end: date) -> ColumnElement[bool]:
    """Return the condition that something happened in a window, by local days."""
    first, after = local_day_bounds(start)[0], _end_of(end)
    if what is Happened.DONE:
        return and_(AssignmentPeriod.done_on >= start, AssignmentPeriod.done_on <= end)
    if what is Happened.ASKED:
        return and_(Extension.requested_at >= first, Extension.requested_at < after)
    if what is Happened.APPROVED:
        decided = and_(Extension.decided_at >= first, Extension.decided_at < after)
        return and_(Extension.state == Decision.APPROVED, decided)
    if what is Happened.URGED:
        return and_(Urge.urged_at >= first, Urge.urged_at < after)
    recorded = and_(ProgressEntry.recorded_at >= first, ProgressEntry.recorded_at < after)
    return and_(ProgressEntry.kind == EntryKind.PROGRESS, recorded)


def _unanswered(end: date) -> ColumnElement[bool]:
    return or_(Urge.answered_at.is_(None), Urge.answered_at >= _end_of(end))


def happened(what: Happened, start: date, end: date, scope: Scope) -> Select[Any]:
    """Return the rows behind a count of `events_between`, in their order, what is marked first.

    Columns: at (a day or a moment), title, number, plan_title, unit, task_id, is_open, who, words,
    and is_marked: done late, or urged and not answered by the end of the window.
    """
    about: Sequence[Any] = (
        Task.title,
        Task.number,
        Plan.title.label("plan_title"),
        Unit.name.label("unit"),
        Task.id.label("task_id"),
        scope.opened().label("is_open"),
    )
    within = _within(what, start, end)
    if what is Happened.DONE:
        shares = figures.assignments_on(end, scope.filter())
        status = shares.selected_columns["status"]
        is_late = _one(status == Status.DONE_LATE)
        return (
            shares.join(Unit, Unit.id == AssignmentPeriod.unit_id)
            .with_only_columns(
                AssignmentPeriod.done_on.label("at"),
                *about,
                literal("").label("who"),
                literal("").label("words"),
                is_late.label("is_marked"),
                maintain_column_froms=True,
            )
            .where(status.in_(DONE), within)
            .order_by(is_late.desc(), AssignmentPeriod.done_on, Assignment.id)
        )
    source: type[Extension | Urge | ProgressEntry] = Extension
    at: ColumnElement[Any]
    at, who, words = (
        Extension.requested_at.expression,
        Extension.requested_by_name.expression,
        Extension.reason.expression,
    )
    is_marked: ColumnElement[int] = literal(0, Integer)
    if what is Happened.APPROVED:
        at, who = Extension.decided_at.expression, Extension.decided_by_name.expression
    elif what is Happened.URGED:
        source, is_marked = Urge, _one(_unanswered(end))
        at, who, words = (
            Urge.urged_at.expression,
            Urge.urged_by_name.expression,
            Urge.message.expression,
        )
    elif what is Happened.ENTERED:
        source = ProgressEntry
        at, who, words = (
            ProgressEntry.recorded_at.expression,
            ProgressEntry.recorded_by_name.expression,
            ProgressEntry.note.expression,
        )
    return (
        select(
            at.label("at"),
            *about,
            who.label("who"),
            words.label("words"),
            is_marked.label("is_marked"),
        )
        .select_from(source)
        .join(Assignment, Assignment.id == source.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(within, *scope.conditions(Assignment.unit_id.expression))
        .order_by(is_marked.desc(), at, source.id)
    )


def events_between(session: Session, start: date, end: date, scope: Scope) -> Events:
    """Return the counts of what happened in a window."""
    on = scope.conditions(Assignment.unit_id.expression)
    extensions = session.execute(
        select(
            func.sum(_one(_within(Happened.ASKED, start, end))),
            func.sum(_one(_within(Happened.APPROVED, start, end))),
        )
        .select_from(Extension)
        .join(Assignment, Assignment.id == Extension.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(*on)
    ).one()
    urges = session.execute(
        select(func.count(), func.sum(_one(_unanswered(end))))
        .select_from(Urge)
        .join(Assignment, Assignment.id == Urge.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(_within(Happened.URGED, start, end), *on)
    ).one()
    entries = session.execute(
        select(ProgressEntry.effective_on, ProgressEntry.recorded_at)
        .join(Assignment, Assignment.id == ProgressEntry.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(_within(Happened.ENTERED, start, end), *on)
    ).all()
    lags = [(to_local(recorded).date() - happened).days for happened, recorded in entries]
    shares = figures.assignments_on(end, scope.filter()).subquery("shares")
    done = session.execute(
        select(func.count(), func.sum(_one(shares.c.status == Status.DONE_LATE))).where(
            shares.c.status.in_(DONE), shares.c.done_on >= start, shares.c.done_on <= end
        )
    ).one()
    return Events(
        extensions_asked=int(extensions[0] or 0),
        extensions_approved=int(extensions[1] or 0),
        urges_sent=urges[0],
        urges_unanswered=int(urges[1] or 0),
        done=done[0],
        done_late=int(done[1] or 0),
        entries=len(lags),
        # In halves of a day at most: doubled it is whole, and prints without a needless ',0'.
        lag=Decimal(int(2 * median(lags))) / 2 if lags else None,
    )


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal(1, Integer)), else_=literal(0, Integer))


# -- what a report names -----------------------------------------------------------------------


@dataclass(frozen=True)
class VersionRow:
    """The newest document of a plan by a day: as issued, or as amended."""

    plan_id: int
    plan_title: str
    plan_key: str
    ordinal: int
    number: str
    issued_on: date


def plan_versions(session: Session, as_of: date, scope: Scope) -> list[VersionRow]:
    """Return on which document of each plan that one may read the figures of a day rest."""
    newest = (
        select(PlanDocument.plan_id, func.max(PlanDocument.ordinal).label("ordinal"))
        .where(PlanDocument.issued_on <= as_of)
        .group_by(PlanDocument.plan_id)
        .subquery("newest")
    )
    query = (
        select(
            Plan.id,
            Plan.title,
            Plan.key,
            PlanDocument.ordinal,
            PlanDocument.number,
            PlanDocument.issued_on,
        )
        .join(newest, newest.c.plan_id == Plan.id)
        .join(
            PlanDocument,
            and_(
                PlanDocument.plan_id == newest.c.plan_id,
                PlanDocument.ordinal == newest.c.ordinal,
            ),
        )
        .where(*scope.on_plans())
        .order_by(Plan.sort_key, Plan.id)
    )
    if scope.roots is not None:
        query = query.where(_is_readable(scope.roots, as_of))
    return [VersionRow(*row) for row in session.execute(query)]


@dataclass(frozen=True)
class AnnexRow:
    """One assignment as the annex of a report lists it."""

    plan: str
    number: str
    title: str
    area: str
    unit: str
    original_due_on: date | None
    due_on: date | None
    status: str
    percent: int
    done_on: date | None
    has_evidence: bool


def annex(session: Session, as_of: date, scope: Scope) -> list[AnnexRow]:
    """Return every assignment of the scope as it stood on a day, in the order of the plans."""
    query = (
        figures.assignments_on(as_of, scope.filter())
        .outerjoin(ReformArea, ReformArea.id == Task.area_id)
        .join(Unit, Unit.id == AssignmentPeriod.unit_id)
        .order_by(Plan.sort_key, Plan.id, Task.path, Unit.sort_key, Assignment.occurrence)
    )
    status = query.selected_columns["status"]
    query = query.with_only_columns(
        Plan.title,
        Task.number,
        Task.title,
        func.coalesce(ReformArea.name, ""),
        Unit.name,
        Assignment.original_due_on,
        AssignmentPeriod.due_on,
        status,
        AssignmentPeriod.percent,
        AssignmentPeriod.done_on,
        Assignment.has_evidence,
        maintain_column_froms=True,
    )
    return [AnnexRow(*row) for row in session.execute(query)]


def unit_reached(session: Session, access: Access, unit_id: int) -> bool:
    """Tell whether the reader's right reaches a unit; false also where there is no such unit."""
    roots = roots_of(access)
    if roots is None:
        return session.get(Unit, unit_id) is not None
    within = tree.units_within(roots, reading=True)
    column = within.selected_columns[0]
    return session.execute(within.where(column == unit_id).limit(1)).first() is not None
