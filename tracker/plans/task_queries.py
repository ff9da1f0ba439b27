"""Reading tasks and assignments: lists with filters, one task's page, search. Only what pages need.

Every query asks for the rights of whoever acts; the number of queries does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from tracker.accounts.models import User
from tracker.core import text as texts
from tracker.core.clock import local_day_bounds
from tracker.core.context import current
from tracker.core.db import db, read_rows
from tracker.core.rights import Access, rights
from tracker.plans.figures import Reader
from tracker.plans.models import (
    FOREVER,
    Assignment,
    AssignmentPeriod,
    Decision,
    EntryKind,
    Evidence,
    Extension,
    Plan,
    PlanState,
    ProgressEntry,
    ReformArea,
    Reported,
    RowKind,
    Task,
    TaskCoordinator,
    Urge,
)
from tracker.plans.rules import Status, current_columns, period_columns, status_sql
from tracker.plugins.descriptors import SearchHit
from tracker.settings import queries as settings
from tracker.units import tree
from tracker.units.models import Unit

STATUS_AT = 19  # where `status` stands among the columns of a list
MOST_EXPORTED = 20_000
# A search reads so many rows at most before it ranks them.
MOST_RANKED = 400


class DueWindow(StrEnum):
    """Quick choices of when something is due."""

    PAST = "past"
    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    NONE = "none"


class EvidenceFilter(StrEnum):
    """Quick choices about the proof of what is reported as done."""

    MISSING = "missing"
    PRESENT = "present"


@dataclass(frozen=True)
class TaskFilter:
    """What a list of assignments is narrowed to; empty means all that the actor may see."""

    statuses: tuple[Status, ...] = ()
    unit_id: int | None = None
    # The unit by itself, without those under it.
    is_alone: bool = False
    area_id: int | None = None
    # Work that belongs to no area.
    has_no_area: bool = False
    plan_id: int | None = None
    person_id: int | None = None
    due: DueWindow | None = None
    due_from: date | None = None
    due_to: date | None = None
    evidence: EvidenceFilter | None = None
    is_urged: bool = False
    text: str = ""
    # Plans of this year only.
    year: int | None = None
    # As it stood at the end of an earlier day; None for now.
    as_of: date | None = None
    # What reports count for a person: units led within, or all of what they issued.
    reach: frozenset[int] | None = None


@dataclass(frozen=True)
class TaskRow:
    """An assignment in a list."""

    assignment_id: int
    task_id: int
    title: str
    number: str
    plan_id: int
    plan_key: str
    plan_title: str
    area_name: str
    unit_id: int
    unit_name: str
    person_name: str
    occurrence: int
    original_due_on: date | None
    due_on: date | None
    done_on: date | None
    percent: int
    extension_count: int
    has_evidence: bool
    last_reported_at: datetime | None
    status: Status
    product: str = ""
    # Whether its task may be opened: what a unit led once may be others' by now.
    is_open: bool = True


@dataclass(frozen=True)
class _Stand:
    """Where a list reads how an assignment stands: on its own row, or on that of a past day."""

    unit_id: ColumnElement[Any]
    due_on: ColumnElement[Any]
    done_on: ColumnElement[Any]
    percent: ColumnElement[Any]
    reported: ColumnElement[Any]
    status: ColumnElement[Any]


def _stand(wanted: TaskFilter, today: date) -> _Stand:
    return _stand_on(wanted.as_of, today, settings.whole("plans.due_soon_days"))


# One list asks for it six times: its rows, their number, the number of each status, its order.
@lru_cache(maxsize=32)
def _stand_on(as_of: date | None, today: date, due_soon_days: int) -> _Stand:
    source: type[Assignment | AssignmentPeriod] = Assignment if as_of is None else AssignmentPeriod
    if as_of is None:
        status = status_sql(current_columns(today), today, due_soon_days)
    else:
        status = status_sql(period_columns(), as_of, due_soon_days)
    return _Stand(
        unit_id=source.unit_id.expression,
        due_on=source.due_on.expression,
        done_on=source.done_on.expression,
        percent=source.percent.expression,
        reported=source.reported.expression,
        status=status,
    )


def _shares(query: Select[Any], wanted: TaskFilter) -> Select[Any]:
    """Return a query over Assignment, Task and Plan, with the period of the day asked about."""
    query = query.select_from(Assignment)
    if wanted.as_of is not None:
        query = query.join(AssignmentPeriod, AssignmentPeriod.assignment_id == Assignment.id)
    return query.join(Task, Task.id == Assignment.task_id).join(Plan, Plan.id == Task.plan_id)


def now_status(today: date) -> ColumnElement[Any]:
    """Return the status of today as a column, over Assignment, Task and Plan."""
    return _stand(TaskFilter(), today).status


def visible() -> ColumnElement[bool]:
    """Return the condition of assignments of plans in force that the actor may read."""
    return and_(
        Plan.state != PlanState.DRAFT,
        rights.visible(current().actor.access, "plans.view", Assignment),
    )


def visible_on(as_of: date | None) -> ColumnElement[bool]:
    """Return the same for a list or figure of an earlier day; None means now.

    It adds what the actor's units led on that day: handed over since, it still counts for them.
    """
    if as_of is None:
        return visible()
    return or_(visible(), and_(Plan.state != PlanState.DRAFT, Assignment.id.in_(led_on(as_of))))


def _conditions(wanted: TaskFilter, today: date) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [visible_on(wanted.as_of)]
    stand, day = _stand(wanted, today), wanted.as_of or today
    if wanted.as_of is not None:
        found += [
            Task.kind == RowKind.TASK,
            AssignmentPeriod.valid_from <= wanted.as_of,
            AssignmentPeriod.valid_to > wanted.as_of,
        ]
    if wanted.statuses:
        found.append(stand.status.in_([status.value for status in wanted.statuses]))
    if wanted.unit_id is not None and wanted.is_alone:
        found.append(stand.unit_id == wanted.unit_id)
    elif wanted.unit_id is not None:
        found.append(stand.unit_id.in_(tree.units_within([wanted.unit_id], reading=True)))
    if wanted.reach is not None:
        within = tree.units_within(wanted.reach, reading=True)
        found.append(or_(stand.unit_id.in_(within), Plan.issuer_id.in_(within)))
    if wanted.area_id is not None:
        found.append(Task.area_id == wanted.area_id)
    elif wanted.has_no_area:
        found.append(Task.area_id.is_(None))
    if wanted.plan_id is not None:
        found.append(Task.plan_id == wanted.plan_id)
    if wanted.year is not None:
        found += [Plan.year_from <= wanted.year, Plan.year_to >= wanted.year]
    if wanted.person_id is not None:
        found.append(Assignment.person_id == wanted.person_id)
    if wanted.due is not None:
        found.append(_due_within(wanted.due, day, stand.due_on))
    if wanted.due_from is not None:
        found.append(stand.due_on >= wanted.due_from)
    if wanted.due_to is not None:
        found.append(stand.due_on <= wanted.due_to)
    if wanted.evidence is EvidenceFilter.MISSING:
        # Proof is missed where something is said to be done.
        found += [Assignment.has_evidence.is_(False), stand.reported == Reported.DONE]
    elif wanted.evidence is EvidenceFilter.PRESENT:
        found.append(Assignment.has_evidence.is_(True))
    if wanted.is_urged:
        found.append(Assignment.id.in_(_urged(wanted.as_of)))
    found += [Task.folded.like(f"%{word}%") for word in texts.search_terms(wanted.text).folded]
    return found


def _urged(as_of: date | None) -> Select[int]:
    if as_of is None:
        return select(Urge.assignment_id).where(Urge.answered_at.is_(None))
    _start, after = local_day_bounds(as_of)
    unanswered = or_(Urge.answered_at.is_(None), Urge.answered_at >= after)
    return select(Urge.assignment_id).where(Urge.urged_at < after, unanswered)


def _due_within(window: DueWindow, today: date, due_on: ColumnElement[Any]) -> ColumnElement[bool]:
    if window is DueWindow.NONE:
        return due_on.is_(None)
    if window is DueWindow.PAST:
        return due_on < today
    if window is DueWindow.TODAY:
        return due_on == today
    if window is DueWindow.WEEK:
        last = today + timedelta(days=6 - today.weekday())
    else:
        first_of_next = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        last = first_of_next - timedelta(days=1)
    return and_(due_on >= today, due_on <= last)


def list_query(wanted: TaskFilter, today: date) -> Select[Any]:
    """Return the rows of a list (the columns of `TaskRow`), not yet in order."""
    stand = _stand(wanted, today)
    columns: Sequence[Any] = (
        Assignment.id,
        Task.id.label("task_id"),
        Task.title,
        Task.number,
        Plan.id.label("plan_id"),
        Plan.key.label("plan_key"),
        Plan.title.label("plan_title"),
        func.coalesce(ReformArea.name, "").label("area_name"),
        stand.unit_id,
        Unit.name.label("unit_name"),
        func.coalesce(User.name, "").label("person_name"),
        Assignment.occurrence,
        Assignment.original_due_on,
        stand.due_on,
        stand.done_on,
        stand.percent,
        Assignment.extension_count,
        Assignment.has_evidence,
        Assignment.last_reported_at,
        stand.status.label("status"),
        Task.product,
    )
    if wanted.as_of is not None:
        columns = (*columns, readable_tasks().label("is_open"))
    return (
        _shares(select(*columns), wanted)
        .join(Unit, Unit.id == stand.unit_id)
        .join(ReformArea, ReformArea.id == Task.area_id, isouter=True)
        .join(User, User.id == Assignment.person_id, isouter=True)
        .where(*_conditions(wanted, today))
    )


def count_query(wanted: TaskFilter, today: date) -> Select[int]:
    """Return the count of the list's rows without the joins that only name things."""
    return _shares(select(func.count()), wanted).where(*_conditions(wanted, today))


def task_row(row: Any) -> TaskRow:
    """Return a row of `list_query` with its status as one."""
    values: list[Any] = list(row)
    values[STATUS_AT] = Status(values[STATUS_AT])
    return TaskRow(*values)


def order_columns(
    today: date, as_of: date | None = None
) -> Mapping[str, Sequence[ColumnElement[Any]]]:
    """Return what each sort key of the list orders by; equal rows keep the order of the plan."""
    stand = _stand(TaskFilter(as_of=as_of), today)
    in_plan = (Task.path.expression, Assignment.id.expression)
    undated_last = case((stand.due_on.is_(None), 1), else_=0)
    # Old plans hold far more finished work than the day's plan holds open work.
    open_first = case((stand.reported == Reported.DONE, 2), (_is_off(as_of), 3), else_=1)
    return {
        "open": (open_first, undated_last, stand.due_on, *in_plan),
        "due": (undated_last, stand.due_on, *in_plan),
        "title": (Task.sort_key.expression, Assignment.id.expression),
        "unit": (Unit.sort_key.expression, *in_plan),
        "age": (_since(stand, as_of), Assignment.id.expression),
        "plan": (Plan.sort_key.expression, *in_plan),
    }


def _is_off(as_of: date | None) -> ColumnElement[bool]:
    if as_of is not None:
        return AssignmentPeriod.is_withdrawn.expression
    return Assignment.withdrawn_on.is_not(None)


def _since(stand: _Stand, as_of: date | None) -> ColumnElement[Any]:
    """Return the day since which the status holds: its deadline, or when the period began."""
    since: ColumnElement[Any] = AssignmentPeriod.valid_from.expression
    if as_of is None:
        since = (
            select(AssignmentPeriod.valid_from)
            .where(
                AssignmentPeriod.assignment_id == Assignment.id,
                AssignmentPeriod.valid_to == FOREVER,
            )
            .correlate(Assignment)
            .scalar_subquery()
        )
    return case((stand.status == Status.OVERDUE.value, stand.due_on), else_=since)


def status_counts(wanted: TaskFilter, today: date) -> dict[Status, int]:
    """Return how many rows of the list each status has, the filter's own statuses left aside."""
    status = _stand(wanted, today).status.label("status")
    rows = db.session.execute(
        _shares(select(status, func.count()), wanted)
        .where(*_conditions(replace(wanted, statuses=()), today))
        .group_by(status)
    )
    return {Status(row[0]): row[1] for row in rows}


def _plans_on(as_of: date | None) -> ColumnElement[bool]:
    """Return the condition of plans that the actor may read, or of which his units led a share."""
    readable = rights.visible(current().actor.access, "plans.view", Plan)
    if as_of is None:
        return readable
    led = (
        select(Task.plan_id)
        .join(Assignment, Assignment.task_id == Task.id)
        .where(Assignment.id.in_(led_on(as_of)))
    )
    return or_(readable, and_(Plan.state != PlanState.DRAFT, Plan.id.in_(led)))


def plan_choices(as_of: date | None) -> list[tuple[int, str]]:
    """Return (id, title) of the plans in force whose work a list of a day may show, newest first.

    None means now.
    """
    rows = db.session.execute(
        select(Plan.id, Plan.title)
        .where(Plan.state != PlanState.DRAFT, _plans_on(as_of))
        .order_by(Plan.year_from.desc(), Plan.sort_key, Plan.id)
        .limit(200)
    )
    return [(row.id, row.title) for row in rows]


def area_choices(locale: str) -> list[tuple[int, str]]:
    """Return (id, name) of the reform areas, in their order."""
    rows = db.session.execute(
        select(ReformArea.id, ReformArea.name, ReformArea.name_en).order_by(
            ReformArea.position, ReformArea.id
        )
    )
    return [(row.id, row.name_en if locale == "en" and row.name_en else row.name) for row in rows]


def person_choices(unit_ids: Collection[int] | None = None) -> list[tuple[int, str]]:
    """Return (id, name) of people who can be named: active ones of units the actor reports for."""
    reach = rights.visible(current().actor.access, "tasks.report", Unit)
    query = (
        select(User.id, User.name, Unit.name.label("unit_name"))
        .join(Unit, Unit.id == User.unit_id)
        .where(User.is_active.is_(True), reach)
        .order_by(User.sort_key, User.id)
        .limit(1000)
    )
    if unit_ids is not None:
        query = query.where(User.unit_id.in_(sorted(unit_ids)))
    return [(row.id, f"{row.name} · {row.unit_name}") for row in db.session.execute(query)]


def assigned_people() -> list[tuple[int, str]]:
    """Return (id, name) of the people of units that the actor reads who have been given work."""
    given = select(Assignment.id).where(Assignment.person_id == User.id).exists()
    reach = and_(rights.visible(current().actor.access, "plans.view", Unit), given)
    query = (
        select(User.id, User.name)
        .join(Unit, Unit.id == User.unit_id)
        .where(reach)
        .order_by(User.sort_key, User.id)
        .limit(1000)
    )
    return [(row.id, row.name) for row in db.session.execute(query)]


@dataclass(frozen=True)
class ScopeNames:
    """What a figure is about, by name; '' where nothing was chosen."""

    plan: str = ""
    plan_key: str = ""
    unit: str = ""
    area: str = ""


def names_of(
    plan_id: int | None,
    unit_id: int | None,
    area_id: int | None,
    locale: str,
    as_of: date | None,
) -> ScopeNames | None:
    """Return the names of what was chosen; None when the actor may not see one of them.

    `as_of` is the earlier day that is asked about, None for now.
    """
    plan, unit, area = ("", ""), "", ""
    if plan_id is not None:
        found = db.session.execute(
            select(Plan.title, Plan.key).where(Plan.id == plan_id, _plans_on(as_of))
        ).first()
        if found is None:
            return None
        plan = (found.title, found.key)
    if unit_id is not None:
        unit = db.session.scalar(select(Unit.name).where(Unit.id == unit_id)) or ""
        if not unit:
            return None
    if area_id is not None:
        area = dict(area_choices(locale)).get(area_id, "")
        if not area:
            return None
    return ScopeNames(plan[0], plan[1], unit, area)


# -- one task --------------------------------------------------------------------------------


@dataclass(frozen=True)
class TaskHead:
    """A task as its page shows it."""

    id: int
    public_id: UUID
    title: str
    number: str
    kind: RowKind
    product: str
    lead_text: str
    coordinator_text: str
    budget_text: str
    note: str
    is_invented: bool
    deadline_kind: Any
    deadline_text: str
    trigger_text: str
    trigger_offset: int | None
    trigger_in_working_days: bool
    triggered_on: date | None
    review_on: date | None
    awaits_id: int | None
    withdrawn_on: date | None
    version: int
    plan_id: int
    plan_key: str
    plan_title: str
    plan_number: str
    plan_state: PlanState
    needs_confirmation: bool
    area_name: str
    area_name_en: str
    parent_title: str
    may_manage: bool
    coordinators: tuple[str, ...] = ()


def find_task(task_id: int) -> TaskHead | None:
    """Return a task that the actor may read, else None."""
    statement = _task_statement(current().actor.access)
    row = read_rows(db.session, statement, {"task_id": task_id}).first()
    if row is None:
        return None
    *known, is_coordinated = tuple(row)
    coordinators = (
        db.session.scalars(
            select(Unit.name)
            .join(TaskCoordinator, TaskCoordinator.unit_id == Unit.id)
            .where(TaskCoordinator.task_id == task_id)
            .order_by(Unit.sort_key)
        )
        if is_coordinated
        else ()
    )
    values: list[Any] = [*known, tuple(coordinators)]
    return TaskHead(*values)


# The statements of one task's page name more than a hundred columns and conditions. Making one
# takes longer than the database does to answer it, and it is the same for all that one person
# reads on a day, so it is kept (docs/decisions/speed.md). The arguments name all it depends on.
KEPT_STATEMENTS = 128


@lru_cache(maxsize=KEPT_STATEMENTS)
def _task_statement(access: Access) -> Select[Any]:
    parent = aliased(Task)
    columns: Sequence[Any] = (
        Task.id,
        Task.public_id,
        Task.title,
        Task.number,
        Task.kind,
        Task.product,
        Task.lead_text,
        Task.coordinator_text,
        Task.budget_text,
        Task.note,
        Task.is_invented,
        Task.deadline_kind,
        Task.deadline_text,
        Task.trigger_text,
        Task.trigger_offset,
        Task.trigger_in_working_days,
        Task.triggered_on,
        Task.review_on,
        Task.awaits_id,
        Task.withdrawn_on,
        Task.version,
        Plan.id,
        Plan.key,
        Plan.title,
        Plan.number,
        Plan.state,
        Plan.needs_confirmation,
        func.coalesce(ReformArea.name, ""),
        func.coalesce(ReformArea.name_en, ""),
        func.coalesce(parent.title, ""),
        case((rights.visible(access, "plans.manage", Task), 1), else_=0),
        select(TaskCoordinator.unit_id).where(TaskCoordinator.task_id == Task.id).exists(),
    )
    return (
        select(*columns)
        .join(Plan, Plan.id == Task.plan_id)
        .join(ReformArea, ReformArea.id == Task.area_id, isouter=True)
        .join(parent, parent.id == Task.parent_id, isouter=True)
        .where(Task.id == bindparam("task_id"), _readable_tasks(access))
    )


def readable_tasks() -> ColumnElement[bool]:
    """Return the condition of tasks that the actor may read: as a unit's, or named for a share."""
    return _readable_tasks(current().actor.access)


def _readable_tasks(access: Access) -> ColumnElement[bool]:
    shared, in_force = aliased(Task), aliased(Plan)
    return or_(
        rights.visible(access, "plans.view", Task),
        Task.id.in_(
            select(Assignment.task_id)
            .join(shared, shared.id == Assignment.task_id)
            .join(in_force, in_force.id == shared.plan_id)
            .where(
                in_force.state != PlanState.DRAFT,
                rights.visible(access, "plans.view", Assignment),
            )
        ),
    )


def led_on(as_of: date) -> Select[int]:
    """Return the ids of assignments that the actor's units led on an earlier day."""
    return select(AssignmentPeriod.assignment_id).where(
        AssignmentPeriod.valid_from <= as_of,
        AssignmentPeriod.valid_to > as_of,
        rights.visible(current().actor.access, "plans.view", AssignmentPeriod),
    )


def reader_on(as_of: date | None) -> Reader:
    """Return what the actor may read of the rows behind a figure of an earlier day, or of now."""
    opened = readable_tasks()
    if as_of is None:
        return Reader(tasks=opened, assignments=visible(), opened=opened)
    led = select(Assignment.task_id).where(Assignment.id.in_(led_on(as_of)))
    return Reader(tasks=or_(opened, Task.id.in_(led)), assignments=visible_on(as_of), opened=opened)


@dataclass(frozen=True)
class Share:
    """One unit's share on the task's page, and what the actor may do with it."""

    row: TaskRow
    version: int
    reported: Any
    confirmed_on: date | None
    disputed_until: date | None
    handed_over_from: str
    pending: Extension | None = None
    urges: tuple[Urge, ...] = ()
    allowed: frozenset[str] = frozenset()


ACTIONS = ("tasks.report", "tasks.extend", "tasks.decide", "tasks.urge", "tasks.answer")


def shares_of(task_id: int, today: date, assignment_id: int | None = None) -> list[Share]:
    """Return the shares of a task that the actor may read, units in Vietnamese order."""
    statement = _shares_statement(
        current().actor.access,
        today,
        settings.whole("plans.due_soon_days"),
        assignment_id is not None,
    )
    wanted = {"task_id": task_id, "assignment_id": assignment_id}
    found = read_rows(db.session, statement, wanted).all()
    urged = [row.id for row in found if row.is_urged]
    urges: dict[int, list[Urge]] = {}
    if urged:
        for urge in db.session.scalars(
            select(Urge)
            .where(Urge.assignment_id.in_(urged), Urge.answered_at.is_(None))
            .order_by(Urge.id)
        ):
            urges.setdefault(urge.assignment_id, []).append(urge)
    asked = [row.pending_id for row in found if row.pending_id is not None]
    pending: dict[int, Extension] = {}
    if asked:
        for one in db.session.scalars(select(Extension).where(Extension.id.in_(asked))):
            pending[one.id] = one
    return [
        Share(
            row=task_row(tuple(row)[:21]),
            version=row.version,
            reported=row.reported,
            confirmed_on=row.confirmed_on,
            disputed_until=row.disputed_until,
            handed_over_from=row.giver,
            pending=pending.get(row.pending_id),
            urges=tuple(urges.get(row.id, ())),
            allowed=frozenset(
                action for number, action in enumerate(ACTIONS) if getattr(row, f"may_{number}")
            ),
        )
        for row in found
    ]


@lru_cache(maxsize=KEPT_STATEMENTS)
def _shares_statement(
    access: Access, today: date, due_soon_days: int, only_one: bool
) -> Select[Any]:
    giver = aliased(Unit)
    allowed = [
        case((rights.visible(access, action, Assignment), 1), else_=0).label(f"may_{number}")
        for number, action in enumerate(ACTIONS)
    ]
    query = (
        list_query(TaskFilter(), today)
        .where(Assignment.task_id == bindparam("task_id"))
        .join(giver, giver.id == Assignment.handed_over_from_id, isouter=True)
        .join(
            Extension,
            and_(Extension.assignment_id == Assignment.id, Extension.state == Decision.PENDING),
            isouter=True,
        )
        .add_columns(
            Assignment.version,
            Assignment.reported,
            Assignment.confirmed_on,
            Assignment.disputed_until,
            func.coalesce(giver.name, "").label("giver"),
            select(Urge.id)
            .where(Urge.assignment_id == Assignment.id, Urge.answered_at.is_(None))
            .exists()
            .label("is_urged"),
            Extension.id.label("pending_id"),
            *allowed,
        )
        .order_by(Unit.sort_key, Assignment.occurrence, Assignment.id)
    )
    return query.where(Assignment.id == bindparam("assignment_id")) if only_one else query


def find_share(assignment_id: int, today: date) -> tuple[TaskHead, Share] | None:
    """Return an assignment that the actor may read, with its task; else None."""
    task_id = db.session.scalar(select(Assignment.task_id).where(Assignment.id == assignment_id))
    if task_id is None:
        return None
    head = find_task(task_id)
    shares = shares_of(task_id, today, assignment_id) if head is not None else []
    return None if head is None or not shares else (head, shares[0])


def may_read_evidence(evidence_id: int) -> bool:
    """Tell whether the actor may read the assignment that a piece of evidence belongs to."""
    found = db.session.execute(
        select(Evidence.id)
        .join(Assignment, Assignment.id == Evidence.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(Evidence.id == evidence_id, visible())
    ).first()
    return found is not None


def last_evidence_issuer(unit_id: int) -> str:
    """Return the issuer that the unit named last, to offer it again."""
    return (
        db.session.scalar(
            select(Evidence.issuer)
            .join(Assignment, Assignment.id == Evidence.assignment_id)
            .where(Assignment.unit_id == unit_id, Evidence.issuer != "")
            .order_by(Evidence.id.desc())
            .limit(1)
        )
        or ""
    )


def dispute_reason(assignment_id: int) -> str:
    """Return what a unit said when it opened the newest dispute, '' where there was none."""
    return (
        db.session.scalar(
            select(ProgressEntry.note)
            .where(
                ProgressEntry.assignment_id == assignment_id,
                ProgressEntry.kind == EntryKind.DISPUTED,
            )
            .order_by(ProgressEntry.id.desc())
            .limit(1)
        )
        or ""
    )


# -- search ----------------------------------------------------------------------------------


def search_tasks(query: str, limit: int) -> list[SearchHit]:
    """Return the tasks whose text holds all the words; exact accents come first."""
    words = texts.search_terms(query).folded
    if not words:
        return []
    access = current().actor.access
    rows = db.session.execute(
        select(Task.id, Task.title, Task.number, Plan.title.label("plan_title"), Task.product)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Task.kind == RowKind.TASK,
            rights.visible(access, "plans.view", Task),
            *(Task.folded.like(f"%{word}%") for word in words),
        )
        .order_by(Plan.year_from.desc(), Task.sort_key, Task.id)
        .limit(MOST_RANKED)
    ).all()
    ranked = sorted(rows, key=lambda row: _rank(query, row.title, row.product))[:limit]
    return [
        SearchHit(
            title=row.title,
            url=url_for("plans.show_task", task_id=row.id),
            context=_("Dòng %(number)s · %(plan)s", number=row.number, plan=row.plan_title)
            if row.number
            else row.plan_title,
            icon="task",
            exactness=100 - _rank(query, row.title, row.product),
        )
        for row in ranked
    ]


def _rank(query: str, title: str, product: str) -> int:
    """Words found in the title are nearer than words found beside it."""
    by_title = texts.rank(query, title)
    if by_title is not None:
        return by_title
    beside = texts.rank(query, f"{title} {product}")
    return 30 if beside is None else 15 + beside
