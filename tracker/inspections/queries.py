"""Reading inspections: exactly what each page needs, within the reach of whoever acts."""

from __future__ import annotations

import json
from calendar import Calendar
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.accounts.models import User
from tracker.core import text as texts
from tracker.core.changes import Change, ChangeAction, ChangeSet
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import Access, rights
from tracker.inspections.models import (
    Answer,
    Checklist,
    ChecklistItem,
    ChecklistVersion,
    Finding,
    FindingCheck,
    FindingState,
    InspectionPlan,
    InspectionPlanDocument,
    InspectionPlanItem,
    InspectionPlanItemVersion,
    MemberRole,
    Remedy,
    Severity,
    Visit,
    VisitAnswer,
    VisitKind,
    VisitMember,
    VisitState,
)
from tracker.inspections.permissions import LOG, PLAN, REMEDY, SELF, VERIFY, VIEW
from tracker.inspections.rules import Progress
from tracker.units.models import Unit, UnitClosure, UnitVersion
from tracker.units.queries import contains
from tracker.units.tree import units_within


@dataclass(frozen=True)
class VisitFilters:
    """What a list of visits is narrowed to; None and '' do not narrow."""

    kind: VisitKind | None = None
    state: VisitState | None = None
    unit_id: int | None = None
    start: date | None = None
    end: date | None = None
    text: str = ""


@dataclass(frozen=True)
class FindingFilters:
    """What a list of findings is narrowed to; None, '' and False do not narrow."""

    state: FindingState | None = None
    severity: Severity | None = None
    unit_id: int | None = None
    start: date | None = None
    end: date | None = None
    is_overdue: bool = False
    is_repeated: bool = False
    is_closed_on_time: bool = False
    code: str = ""
    text: str = ""
    # What is late or closed is judged at the end of this earlier day; None for now.
    as_of: date | None = None


def visible_visits() -> ColumnElement[bool]:
    """Return the condition of the visits that whoever acts may see."""
    return rights.visible(current().actor.access, VIEW, Visit)


def visible_findings() -> ColumnElement[bool]:
    """Return the condition of the findings that whoever acts may see."""
    return rights.visible(current().actor.access, VIEW, Finding)


def visit_conditions(filters: VisitFilters) -> list[ColumnElement[bool]]:
    """Return the conditions of a filtered list of visits, rights included (join Unit)."""
    conditions = [visible_visits()]
    if filters.kind is not None:
        conditions.append(Visit.kind == filters.kind)
    if filters.state is not None:
        conditions.append(Visit.state == filters.state)
    if filters.unit_id is not None:
        conditions.append(Visit.unit_id.in_(units_within([filters.unit_id], reading=True)))
    if filters.start is not None:
        conditions.append(Visit.visited_on >= filters.start)
    if filters.end is not None:
        conditions.append(Visit.visited_on <= filters.end)
    words = texts.search_terms(filters.text).folded
    if words:
        conditions.append(contains(words))
    return conditions


def overdue(today: date) -> ColumnElement[bool]:
    """Return the condition that a unit is late now; the SQL twin of `rules.is_overdue`."""
    return and_(Finding.state == FindingState.OPEN, Finding.remedy_due_on < today)


def overdue_on(day: date) -> ColumnElement[bool]:
    """Return the condition that a unit was late at the end of an earlier day.

    What it did counts from the day it says it was done on, unless it was sent back, and until a
    re-inspection saw the fault again.
    """
    look, again = aliased(Visit), aliased(Visit)
    seen_again = (
        select(func.max(again.visited_on))
        .join(FindingCheck, FindingCheck.visit_id == again.id)
        .where(
            FindingCheck.finding_id == Finding.id,
            FindingCheck.is_remedied.is_(False),
            again.state == VisitState.FINISHED,
            again.visited_on <= day,
        )
        .correlate(Finding)
        .scalar_subquery()
    )
    since = func.coalesce(seen_again, Finding.found_on)
    remedied = exists().where(
        Remedy.finding_id == Finding.id,
        Remedy.done_on.between(since, day),
        or_(Remedy.is_accepted.is_(None), Remedy.is_accepted.is_(True)),
    )
    seen_remedied = (
        select(look.id)
        .join(FindingCheck, FindingCheck.visit_id == look.id)
        .where(
            FindingCheck.finding_id == Finding.id,
            FindingCheck.is_remedied.is_(True),
            look.state == VisitState.FINISHED,
            look.visited_on.between(since, day),
        )
        .correlate(Finding)
        .exists()
    )
    return and_(
        Finding.remedy_due_on < day,
        or_(Finding.closed_on.is_(None), Finding.closed_on > day),
        ~remedied,
        ~seen_remedied,
    )


def closed_by(day: date | None) -> ColumnElement[bool]:
    """Return the condition that a finding was closed by the end of a day; None means now."""
    is_closed = Finding.state == FindingState.CLOSED
    return is_closed if day is None else and_(is_closed, Finding.closed_on <= day)


def closed_on_time(day: date | None) -> ColumnElement[bool]:
    """Return the condition that a finding is closed by a day and was remedied by its last day.

    The day is that of the accepted remedy, else (seen at a re-inspection) the day of closing:
    waiting for the verification is not the unit's delay.
    """
    done_on = (
        select(func.max(Remedy.done_on))
        .where(Remedy.finding_id == Finding.id, Remedy.is_accepted.is_(True))
        .correlate(Finding)
        .scalar_subquery()
    )
    return and_(
        closed_by(day),
        or_(
            Finding.remedy_due_on.is_(None),
            func.coalesce(done_on, Finding.closed_on) <= Finding.remedy_due_on,
        ),
    )


def finding_conditions(filters: FindingFilters, today: date) -> list[ColumnElement[bool]]:
    """Return the conditions of a filtered list of findings, rights included (join Unit)."""
    conditions = [visible_findings()]
    if filters.state is FindingState.CLOSED:
        conditions.append(closed_by(filters.as_of))
    elif filters.state is not None:
        conditions.append(Finding.state == filters.state)
    if filters.severity is not None:
        conditions.append(Finding.severity == filters.severity)
    if filters.unit_id is not None:
        reach = units_within([filters.unit_id], reading=True)
        conditions.append(Finding.unit_id.in_(reach))
    if filters.start is not None:
        conditions.append(Finding.found_on >= filters.start)
    if filters.end is not None:
        conditions.append(Finding.found_on <= filters.end)
    if filters.is_overdue:
        conditions.append(overdue_on(filters.as_of) if filters.as_of else overdue(today))
    if filters.is_repeated:
        conditions.append(Finding.repeat_of_id.is_not(None))
    if filters.is_closed_on_time:
        conditions.append(closed_on_time(filters.as_of))
    if filters.code:
        conditions.append(Finding.item_code == filters.code)
    for word in texts.search_terms(filters.text).folded:
        conditions.append(or_(Finding.folded.like(f"%{word}%"), Unit.folded.like(f"%{word}%")))
    return conditions


def visits_query(filters: VisitFilters) -> Select[*tuple[Any, ...]]:
    """Return the rows of a list of visits, unsorted."""
    findings = (
        select(func.count()).where(Finding.visit_id == Visit.id).correlate(Visit).scalar_subquery()
    )
    repeated = (
        select(func.count())
        .where(Finding.visit_id == Visit.id, Finding.repeat_of_id.is_not(None))
        .correlate(Visit)
        .scalar_subquery()
    )
    return (
        select(
            Visit.id,
            Visit.kind,
            Visit.state,
            Visit.visited_on,
            Visit.unit_id,
            Unit.name.label("unit_name"),
            Visit.team_name,
            Visit.notice_number,
            Visit.notice_on,
            Visit.present,
            Visit.absent_with_reason,
            Visit.absent_without_reason,
            findings.label("finding_count"),
            repeated.label("repeat_count"),
        )
        .join(Unit, Unit.id == Visit.unit_id)
        .where(*visit_conditions(filters))
    )


VISIT_ORDER: Mapping[str, Sequence[Any]] = {
    "day": (Visit.visited_on, Visit.id),
    "unit": (Unit.sort_key, Visit.id),
    "kind": (Visit.kind, Visit.id),
    "state": (Visit.state, Visit.id),
}


def findings_query(filters: FindingFilters, today: date) -> Select[*tuple[Any, ...]]:
    """Return the rows of a list of findings, unsorted."""
    return (
        select(
            Finding.id,
            Finding.text,
            Finding.severity,
            Finding.state,
            Finding.unit_id,
            Unit.name.label("unit_name"),
            Finding.found_on,
            Finding.remedy_due_on,
            Finding.closed_on,
            Finding.repeat_of_id,
            Finding.item_code,
            Finding.visit_id,
        )
        .join(Unit, Unit.id == Finding.unit_id)
        .where(*finding_conditions(filters, today))
    )


FINDING_ORDER: Mapping[str, Sequence[Any]] = {
    "due": (func.coalesce(Finding.remedy_due_on, date(9999, 12, 31)), Finding.id),
    "found": (Finding.found_on, Finding.id),
    "unit": (Unit.sort_key, Finding.id),
    "severity": (Finding.severity, Finding.id),
    "state": (Finding.state, Finding.id),
}


# ---------------------------------------------------------------------------------------------
# The month


@dataclass(frozen=True)
class CalendarDay:
    """A day of the month's grid with its visits."""

    day: date
    is_in_month: bool
    is_today: bool
    visits: Sequence[Any]


def month_grid(filters: VisitFilters, month: date, today: date) -> list[list[CalendarDay]]:
    """Return the weeks (Monday first) of a month with the visits of each day."""
    weeks = Calendar(firstweekday=0).monthdatescalendar(month.year, month.month)
    query = (
        select(
            Visit.id, Visit.kind, Visit.state, Visit.visited_on, Unit.name.label("unit_name"),
            Unit.short_name,
        )
        .join(Unit, Unit.id == Visit.unit_id)
        .where(*visit_conditions(filters))
        .where(Visit.visited_on.between(weeks[0][0], weeks[-1][-1]))
        .order_by(Visit.visited_on, Unit.sort_key, Visit.id)
        .limit(2000)
    )  # fmt: skip
    by_day: dict[date, list[Any]] = {}
    for row in db.session.execute(query):
        by_day.setdefault(row.visited_on, []).append(row)
    return [
        [
            CalendarDay(day, day.month == month.month, day == today, by_day.get(day, ()))
            for day in week
        ]
        for week in weeks
    ]


# ---------------------------------------------------------------------------------------------
# One visit


@dataclass(frozen=True)
class ItemView:
    """An item of a visit's checklist with its answer and findings."""

    id: int
    code: str
    text: str
    severity: Severity
    is_required: bool
    answer: Answer | None
    note: str
    answered_at: datetime | None
    finding_ids: Sequence[int] = ()


@dataclass(frozen=True)
class SectionView:
    """A section of a visit's checklist, in order."""

    name: str
    items: Sequence[ItemView]

    @property
    def progress(self) -> Progress:
        """Return how many of the items have an answer."""
        answers = [item.answer for item in self.items]
        return Progress(
            len(answers) - answers.count(None), len(answers), answers.count(Answer.FAIL)
        )


@dataclass(frozen=True)
class VisitView:
    """A visit as its page shows it."""

    visit: Visit
    unit_name: str
    members: Sequence[Any]
    checklist: Any
    sections: Sequence[SectionView]
    findings: Sequence[Any]
    checks: Sequence[Any]
    plan: Any
    is_of_team: bool
    is_leader: bool
    may_log: bool

    @property
    def is_open(self) -> bool:
        """Tell whether the visit is neither finished nor cancelled."""
        return self.visit.state in {VisitState.PLANNED, VisitState.IN_PROGRESS}

    @property
    def may_write(self) -> bool:
        """Tell whether whoever acts writes in this record now."""
        return self.is_open and self.may_log and self.is_of_team

    @property
    def progress(self) -> Progress:
        """Return how much of the whole checklist is answered."""
        parts = [section.progress for section in self.sections]
        return Progress(
            sum(part.answered for part in parts),
            sum(part.total for part in parts),
            sum(part.failed for part in parts),
        )

    @property
    def is_counted(self) -> bool:
        """Tell whether the headcount is complete."""
        visit = self.visit
        return None not in (
            visit.present, visit.absent_with_reason, visit.absent_without_reason
        )  # fmt: skip


def find_visit(session: Session, visit_id: int) -> Visit | None:
    """Return a visit that whoever acts may see."""
    return session.scalar(select(Visit).where(Visit.id == visit_id, visible_visits()))


def unit_name_then() -> ColumnElement[str]:
    """Return what a visit's unit was called on the day of the visit (join Unit and Visit)."""
    named = (
        select(UnitVersion.name)
        .where(UnitVersion.unit_id == Visit.unit_id, UnitVersion.valid_from <= Visit.visited_on)
        .order_by(UnitVersion.valid_from.desc())
        .limit(1)
        .correlate(Visit)
        .scalar_subquery()
    )
    return func.coalesce(named, Unit.name)


def view_visit(session: Session, visit: Visit) -> VisitView:
    """Return all that the page of a visit shows, in a fixed number of queries."""
    actor = current().actor
    found = session.execute(
        select(
            VisitMember.id,
            VisitMember.user_id,
            VisitMember.name,
            VisitMember.agency,
            VisitMember.role,
        ).where(VisitMember.visit_id == visit.id)
    ).all()
    rank = {MemberRole.LEADER: 0, MemberRole.SECRETARY: 1, MemberRole.MEMBER: 2}
    members = sorted(found, key=lambda one: (rank[one.role], one.id))
    mine = next(
        (one for one in members if one.user_id is not None and one.user_id == actor.user_id), None
    )
    head = session.execute(
        select(
            unit_name_then().label("unit_name"),
            Checklist.id,
            Checklist.title,
            Checklist.key,
            ChecklistVersion.number,
            InspectionPlan.title.label("plan_title"),
            InspectionPlan.key.label("plan_key"),
            InspectionPlanItem.scope,
        )
        .select_from(Visit)
        .join(Unit, Unit.id == Visit.unit_id)
        .outerjoin(ChecklistVersion, ChecklistVersion.id == Visit.checklist_version_id)
        .outerjoin(Checklist, Checklist.id == ChecklistVersion.checklist_id)
        .outerjoin(InspectionPlanItem, InspectionPlanItem.id == Visit.plan_item_id)
        .outerjoin(InspectionPlan, InspectionPlan.id == InspectionPlanItem.plan_id)
        .where(Visit.id == visit.id)
    ).one()
    findings = findings_of_visit(session, visit.id)
    return VisitView(
        visit=visit,
        unit_name=head.unit_name,
        members=members,
        checklist=head if head.id is not None else None,
        sections=sections_of(session, visit, findings),
        findings=findings,
        checks=checks_of(session, visit.id) if visit.kind is VisitKind.REINSPECTION else (),
        plan=head if head.plan_key is not None else None,
        is_of_team=mine is not None or actor.access.everything,
        is_leader=mine is not None and mine.role is MemberRole.LEADER,
        may_log=_may_log(actor.access, visit) and (mine is not None or actor.access.everything),
    )


def _may_log(access: Access, visit: Visit) -> bool:
    return access.holds(LOG) or (visit.kind is VisitKind.SELF and access.holds(SELF))


def findings_of_visit(session: Session, visit_id: int) -> Sequence[Any]:
    """Return the findings of a visit, in the order they were recorded."""
    return session.execute(
        select(
            Finding.id,
            Finding.text,
            Finding.severity,
            Finding.state,
            Finding.item_id,
            Finding.item_code,
            Finding.remedy_due_on,
            Finding.repeat_of_id,
        )
        .where(Finding.visit_id == visit_id)
        .order_by(Finding.id)
    ).all()


def checks_of(session: Session, visit_id: int) -> Sequence[Any]:
    """Return the earlier findings that a re-inspection looks at again."""
    return session.execute(
        select(
            FindingCheck.finding_id,
            FindingCheck.is_remedied,
            FindingCheck.note,
            Finding.text,
            Finding.state,
            Finding.severity,
            Finding.found_on,
            Finding.remedy_due_on,
        )
        .join(Finding, Finding.id == FindingCheck.finding_id)
        .where(FindingCheck.visit_id == visit_id)
        .order_by(FindingCheck.finding_id)
    ).all()


def sections_of(
    session: Session, visit: Visit, findings: Sequence[Any] | None = None
) -> list[SectionView]:
    """Return the checklist of a visit with its answers, section by section."""
    if visit.checklist_version_id is None:
        return []
    by_item: dict[int, list[int]] = {}
    for finding in findings or ():
        if finding.item_id is not None:
            by_item.setdefault(finding.item_id, []).append(finding.id)
    rows = session.execute(
        select(
            ChecklistItem.id,
            ChecklistItem.section,
            ChecklistItem.code,
            ChecklistItem.text,
            ChecklistItem.severity,
            ChecklistItem.is_required,
            VisitAnswer.answer,
            VisitAnswer.note,
            VisitAnswer.answered_at,
        )
        .outerjoin(
            VisitAnswer,
            and_(VisitAnswer.item_id == ChecklistItem.id, VisitAnswer.visit_id == visit.id),
        )
        .where(ChecklistItem.version_id == visit.checklist_version_id)
        .order_by(ChecklistItem.position)
    )
    sections: dict[str, list[ItemView]] = {}
    for row in rows:
        sections.setdefault(row.section, []).append(
            ItemView(
                id=row.id,
                code=row.code,
                text=row.text,
                severity=row.severity,
                is_required=row.is_required,
                answer=row.answer,
                note=row.note or "",
                answered_at=row.answered_at,
                finding_ids=by_item.get(row.id, ()),
            )
        )
    return [SectionView(name, items) for name, items in sections.items()]


# ---------------------------------------------------------------------------------------------
# One finding


def find_finding(session: Session, finding_id: int) -> Finding | None:
    """Return a finding that whoever acts may see."""
    return session.scalar(select(Finding).where(Finding.id == finding_id, visible_findings()))


def remedies_of(session: Session, finding_id: int) -> Sequence[Remedy]:
    """Return what the unit reported about a finding, oldest first."""
    return session.scalars(
        select(Remedy).where(Remedy.finding_id == finding_id).order_by(Remedy.id)
    ).all()


def checks_on(session: Session, finding_id: int) -> Sequence[Any]:
    """Return the finished re-inspections that looked at a finding again."""
    return session.execute(
        select(
            Visit.id, Visit.visited_on, Visit.finished_at, Visit.team_name,
            FindingCheck.is_remedied, FindingCheck.note, User.name.label("by"),
        )
        .join(Visit, Visit.id == FindingCheck.visit_id)
        .outerjoin(User, User.id == Visit.created_by_id)
        .where(FindingCheck.finding_id == finding_id, Visit.state == VisitState.FINISHED)
        .order_by(Visit.id)
    ).all()  # fmt: skip


def chain_of(session: Session, finding: Finding, limit: int = 3) -> list[Any]:
    """Return the earlier findings that this one repeats, newest first."""
    chain: list[Any] = []
    earlier = finding.repeat_of_id
    while earlier is not None and len(chain) < limit:
        row = session.execute(
            select(
                Finding.id, Finding.text, Finding.found_on, Finding.state, Finding.repeat_of_id,
                Unit.name.label("unit_name"),
            )
            .join(Visit, Visit.id == Finding.visit_id)
            .join(Unit, Unit.id == Visit.unit_id)
            .where(Finding.id == earlier)
        ).first()  # fmt: skip
        if row is None or row.id in {one.id for one in chain}:
            break
        chain.append(row)
        earlier = row.repeat_of_id
    return chain


def may_verify(session: Session, finding: Finding) -> bool:
    """Tell whether the page offers the verification; the service asks again, and more."""
    return rights.may(session, current().actor.access, VERIFY, finding)


def may_remedy(session: Session, unit: Unit) -> bool:
    """Tell whether whoever acts answers for the unit."""
    return rights.may(session, current().actor.access, REMEDY, unit)


def may_read_finding(finding_id: int) -> bool:
    """Tell whether whoever acts may read a finding's photos."""
    return find_finding(db.session(), finding_id) is not None


def may_read_remedy(remedy_id: int) -> bool:
    """Tell whether whoever acts may read the files of a remedy: whoever may read its finding."""
    return (
        db.session.scalar(
            select(Remedy.id)
            .join(Finding, Finding.id == Remedy.finding_id)
            .where(Remedy.id == remedy_id, visible_findings())
        )
        is not None
    )


# ---------------------------------------------------------------------------------------------
# Choices of forms


def unit_choices(permission: str) -> list[tuple[int, str]]:
    """Return (id, name) of the living units that the permission reaches, sorted by name."""
    condition = rights.visible(current().actor.access, permission, Unit)
    rows = db.session.execute(
        select(Unit.id, Unit.name)
        .where(condition, Unit.valid_to.is_(None))
        .order_by(Unit.sort_key, Unit.id)
    )
    return [(row.id, row.name) for row in rows]


def inspected_units() -> list[tuple[int, str]]:
    """Return (id, name) of the units, ended ones too, by which lists can be narrowed."""
    condition = rights.visible(current().actor.access, VIEW, Unit)
    rows = db.session.execute(
        select(Unit.id, Unit.name).where(condition).order_by(Unit.sort_key, Unit.id)
    )
    return [(row.id, row.name) for row in rows]


def checklist_choices() -> list[tuple[int, str]]:
    """Return (id, title) of the checklists that a new visit can use."""
    published = exists().where(
        ChecklistVersion.checklist_id == Checklist.id, ChecklistVersion.published_at.is_not(None)
    )
    rows = db.session.execute(
        select(Checklist.id, Checklist.title)
        .where(Checklist.is_active, published)
        .order_by(Checklist.id)
    )
    return [(row.id, row.title) for row in rows]


def checklist_of(version_id: int | None) -> int | None:
    """Return the checklist that a version is of, None where there is no version."""
    if version_id is None:
        return None
    query = select(ChecklistVersion.checklist_id).where(ChecklistVersion.id == version_id)
    return db.session.scalar(query)


def may_be_member() -> ColumnElement[bool]:
    """Return the condition on User that a person may be asked into a team of the actor's.

    Teams are made of several agencies, but of one province: of the trees in which the actor
    inspects. People of others are none of the actor's business, not even their names. Whoever only
    looks at his own unit asks people of that unit.
    """
    access = current().actor.access
    if access.everything:
        return User.is_active.is_(True)
    if not access.holds(LOG) and not access.holds(PLAN):
        own = select(UnitClosure.descendant_id).where(
            UnitClosure.ancestor_id.in_(access.scope(SELF)), UnitClosure.by_succession.is_(False)
        )
        return and_(User.is_active, User.unit_id.in_(own))
    above = select(UnitClosure.ancestor_id).where(
        UnitClosure.descendant_id.in_(access.scope(LOG) | access.scope(PLAN)),
        UnitClosure.by_succession.is_(False),
    )
    within = select(UnitClosure.descendant_id).where(
        UnitClosure.ancestor_id.in_(above), UnitClosure.by_succession.is_(False)
    )
    return and_(User.is_active, or_(User.unit_id.in_(within), User.id == access.user_id))


def member_choices() -> list[tuple[int, str]]:
    """Return (id, 'name · unit') of the people who may be asked, given names first."""
    rows = db.session.execute(
        select(User.id, User.name, Unit.name.label("unit_name"))
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(may_be_member())
        .order_by(User.sort_key, User.id)
    )
    return [
        (row.id, f"{row.name} · {row.unit_name}" if row.unit_name else row.name) for row in rows
    ]


def open_plan_items() -> list[Any]:
    """Return the rows of issued plans that have no visit yet, within the reach of the actor."""
    taken = exists().where(
        Visit.plan_item_id == InspectionPlanItem.id, Visit.state != VisitState.CANCELLED
    )
    condition = rights.visible(current().actor.access, LOG, Unit)
    return list(
        db.session.execute(
            select(
                InspectionPlanItem.id,
                InspectionPlanItem.unit_id,
                InspectionPlanItem.planned_from,
                InspectionPlanItem.planned_to,
                Unit.name.label("unit_name"),
                InspectionPlan.title.label("plan_title"),
            )
            .join(InspectionPlan, InspectionPlan.id == InspectionPlanItem.plan_id)
            .join(Unit, Unit.id == InspectionPlanItem.unit_id)
            .where(
                InspectionPlan.is_issued,
                InspectionPlanItem.withdrawn_on.is_(None),
                ~taken,
                condition,
            )
            .order_by(InspectionPlanItem.planned_from, Unit.sort_key)
            .limit(500)
        )
    )


def open_findings_of_units() -> list[Any]:
    """Return the findings that a re-inspection could look at, by unit."""
    return list(
        db.session.execute(
            select(
                Finding.id,
                Finding.unit_id,
                Finding.text,
                Finding.found_on,
                Finding.state,
                Unit.name.label("unit_name"),
            )
            .join(Unit, Unit.id == Finding.unit_id)
            .where(
                rights.visible(current().actor.access, LOG, Finding),
                Finding.state != FindingState.CLOSED,
            )
            .order_by(Unit.sort_key, Finding.found_on.desc(), Finding.id)
            .limit(500)
        )
    )


# ---------------------------------------------------------------------------------------------
# Plans


@dataclass(frozen=True)
class PlanProgress:
    """How many rows of a plan were carried out, counting planned visits only."""

    done: int
    total: int


def plans_list() -> list[Any]:
    """Return the plans that whoever acts may see with their progress, newest year first."""
    done = (
        select(func.count(func.distinct(InspectionPlanItem.id)))
        .join(Visit, Visit.plan_item_id == InspectionPlanItem.id)
        .where(
            InspectionPlanItem.plan_id == InspectionPlan.id,
            Visit.kind == VisitKind.PLANNED,
            Visit.state == VisitState.FINISHED,
        )
        .correlate(InspectionPlan)
        .scalar_subquery()
    )
    total = (
        select(func.count())
        .where(
            InspectionPlanItem.plan_id == InspectionPlan.id,
            InspectionPlanItem.withdrawn_on.is_(None),
        )
        .correlate(InspectionPlan)
        .scalar_subquery()
    )
    return list(
        db.session.execute(
            select(
                InspectionPlan.key,
                InspectionPlan.title,
                InspectionPlan.year,
                InspectionPlan.number,
                InspectionPlan.issued_on,
                InspectionPlan.is_issued,
                Unit.name.label("issuer_name"),
                done.label("done"),
                total.label("total"),
            )
            .join(Unit, Unit.id == InspectionPlan.issuer_id)
            .where(rights.visible(current().actor.access, VIEW, InspectionPlan))
            .order_by(InspectionPlan.year.desc(), InspectionPlan.sort_key)
        )
    )


def find_plan(session: Session, key: str) -> InspectionPlan | None:
    """Return a plan that whoever acts may see."""
    return session.scalar(
        select(InspectionPlan).where(
            InspectionPlan.key == key,
            rights.visible(current().actor.access, VIEW, InspectionPlan),
        )
    )


def plan_rows(session: Session, plan_id: int) -> list[Any]:
    """Return the units of a plan with the visit that rests on each, if there is one."""
    visit = (
        select(
            Visit.plan_item_id,
            func.max(Visit.id).label("visit_id"),
        )
        .where(Visit.state != VisitState.CANCELLED, Visit.kind == VisitKind.PLANNED)
        .group_by(Visit.plan_item_id)
        .subquery()
    )
    return list(
        session.execute(
            select(
                InspectionPlanItem.id,
                InspectionPlanItem.unit_id,
                Unit.name.label("unit_name"),
                InspectionPlanItem.planned_from,
                InspectionPlanItem.planned_to,
                InspectionPlanItem.scope,
                InspectionPlanItem.withdrawn_on,
                InspectionPlanItem.version,
                Visit.id.label("visit_id"),
                Visit.state.label("visit_state"),
                Visit.visited_on,
            )
            .join(Unit, Unit.id == InspectionPlanItem.unit_id)
            .outerjoin(visit, visit.c.plan_item_id == InspectionPlanItem.id)
            .outerjoin(Visit, Visit.id == visit.c.visit_id)
            .where(InspectionPlanItem.plan_id == plan_id)
            .order_by(InspectionPlanItem.planned_from, Unit.sort_key, InspectionPlanItem.id)
        )
    )


@dataclass(frozen=True)
class RowChange:
    """What a document did to a row of an inspection plan; `before` is what the last one had."""

    unit_name: str
    action: str
    content: Mapping[str, str]
    before: Mapping[str, str]


@dataclass(frozen=True)
class DocumentView:
    """A document of an inspection plan with what it changed."""

    id: int
    ordinal: int
    number: str
    issued_on: date
    summary: str
    changes: Sequence[RowChange]


def plan_documents(session: Session, plan_id: int) -> list[DocumentView]:
    """Return the documents of a plan, as issued first, each with the rows that it changed."""
    rows = session.execute(
        select(
            InspectionPlanItemVersion.document_id,
            InspectionPlanItemVersion.item_id,
            InspectionPlanItemVersion.action,
            InspectionPlanItemVersion.content,
            Unit.name.label("unit_name"),
        )
        .join(
            InspectionPlanDocument,
            InspectionPlanDocument.id == InspectionPlanItemVersion.document_id,
        )
        .join(InspectionPlanItem, InspectionPlanItem.id == InspectionPlanItemVersion.item_id)
        .join(Unit, Unit.id == InspectionPlanItem.unit_id)
        .where(InspectionPlanDocument.plan_id == plan_id)
        .order_by(InspectionPlanDocument.ordinal, Unit.sort_key, InspectionPlanItemVersion.id)
    )
    last: dict[int, Mapping[str, str]] = {}
    changes: dict[int, list[RowChange]] = {}
    for document_id, item_id, action, content, unit_name in rows:
        change = RowChange(unit_name, action, content, last.get(item_id, {}))
        changes.setdefault(document_id, []).append(change)
        last[item_id] = content
    documents = session.scalars(
        select(InspectionPlanDocument)
        .where(InspectionPlanDocument.plan_id == plan_id)
        .order_by(InspectionPlanDocument.ordinal)
    )
    return [
        DocumentView(
            one.id, one.ordinal, one.number, one.issued_on, one.summary, changes.get(one.id, ())
        )
        for one in documents
    ]


# ---------------------------------------------------------------------------------------------
# Checklists


def checklists_list() -> list[Any]:
    """Return all checklists with their newest published version and whether a draft is open."""
    number = (
        select(func.max(ChecklistVersion.number))
        .where(
            ChecklistVersion.checklist_id == Checklist.id,
            ChecklistVersion.published_at.is_not(None),
        )
        .correlate(Checklist)
        .scalar_subquery()
    )
    published_at = (
        select(func.max(ChecklistVersion.published_at))
        .where(ChecklistVersion.checklist_id == Checklist.id)
        .correlate(Checklist)
        .scalar_subquery()
    )
    items = (
        select(func.count())
        .select_from(ChecklistItem)
        .join(ChecklistVersion, ChecklistVersion.id == ChecklistItem.version_id)
        .where(ChecklistVersion.checklist_id == Checklist.id, ChecklistVersion.number == number)
        .correlate(Checklist)
        .scalar_subquery()
    )
    visits = (
        select(func.count())
        .select_from(Visit)
        .join(ChecklistVersion, ChecklistVersion.id == Visit.checklist_version_id)
        .where(ChecklistVersion.checklist_id == Checklist.id)
        .correlate(Checklist)
        .scalar_subquery()
    )
    draft = exists().where(
        ChecklistVersion.checklist_id == Checklist.id, ChecklistVersion.published_at.is_(None)
    )
    return list(
        db.session.execute(
            select(
                Checklist.key,
                Checklist.title,
                Checklist.is_active,
                number.label("number"),
                published_at.label("published_at"),
                items.label("item_count"),
                visits.label("visit_count"),
                draft.label("has_draft"),
            ).order_by(Checklist.is_active.desc(), Checklist.id)
        )
    )


def find_checklist(session: Session, key: str) -> Checklist | None:
    """Return a checklist by its key."""
    return session.scalar(select(Checklist).where(Checklist.key == key))


def versions_of(session: Session, checklist_id: int) -> Sequence[ChecklistVersion]:
    """Return all versions of a checklist, newest first."""
    return session.scalars(
        select(ChecklistVersion)
        .where(ChecklistVersion.checklist_id == checklist_id)
        .order_by(ChecklistVersion.number.desc())
    ).all()


def items_of(session: Session, version_id: int) -> Sequence[ChecklistItem]:
    """Return the items of a version in their order."""
    return session.scalars(
        select(ChecklistItem)
        .where(ChecklistItem.version_id == version_id)
        .order_by(ChecklistItem.position)
    ).all()


# ---------------------------------------------------------------------------------------------
# How a finding's deadline changed


@dataclass(frozen=True)
class DueChange:
    """Another day by which a finding is to be remedied: when, by whom, why."""

    at: datetime
    who: str
    reason: str
    due_on: date | None


def due_changes(session: Session, finding_id: int) -> list[DueChange]:
    """Return how the day by which a finding is to be remedied changed, from the change log."""
    rows = session.execute(
        select(ChangeSet.at, ChangeSet.actor_name, ChangeSet.reason, Change.fields)
        .join(Change, Change.change_set_id == ChangeSet.id)
        .where(
            Change.table_name == Finding.__tablename__,
            Change.record_id == str(finding_id),
            Change.action == ChangeAction.UPDATED,
            Change.fields.contains('"remedy_due_on"'),
        )
        .order_by(ChangeSet.id)
    )
    found: list[DueChange] = []
    for row in rows:
        _old, new = json.loads(row.fields).get("remedy_due_on", (None, None))
        due_on = date.fromisoformat(new) if new else None
        found.append(DueChange(row.at, row.actor_name, row.reason, due_on))
    return found


# ---------------------------------------------------------------------------------------------
# A unit's history


def unit_history(unit_ids: Collection[int], limit: int = 20) -> list[Any]:
    """Return the last visits of units that whoever acts may see, newest first."""
    query = visits_query(VisitFilters()).where(Visit.unit_id.in_(sorted(unit_ids)))
    return list(
        db.session.execute(query.order_by(Visit.visited_on.desc(), Visit.id.desc()).limit(limit))
    )


def unit_counts(unit_ids: Collection[int], today: date) -> Any:
    """Return how many findings of units are open, overdue and repeated."""
    is_open = Finding.state.in_([FindingState.OPEN, FindingState.REMEDIED])
    return db.session.execute(
        select(
            func.count().filter(is_open).label("open"),
            func.count().filter(overdue(today)).label("overdue"),
            func.count().filter(Finding.repeat_of_id.is_not(None)).label("repeated"),
            func.count().label("all"),
        ).where(Finding.unit_id.in_(sorted(unit_ids)), visible_findings())
    ).one()


def my_visits(user_id: int, until: date) -> list[Any]:
    """Return the open visits of somebody's teams up to a day."""
    return list(
        db.session.execute(
            select(
                Visit.id, Visit.kind, Visit.state, Visit.visited_on, Unit.name.label("unit_name")
            )
            .join(Unit, Unit.id == Visit.unit_id)
            .join(VisitMember, VisitMember.visit_id == Visit.id)
            .where(
                VisitMember.user_id == user_id,
                Visit.state.in_([VisitState.PLANNED, VisitState.IN_PROGRESS]),
                Visit.visited_on <= until,
            )
            .order_by(Visit.visited_on, Visit.id)
            .limit(50)
        )
    )


def to_verify(limit: int = 50) -> list[Any]:
    """Return the remedies that wait for a second person within the actor's right to verify."""
    mine = current().actor.user_id
    return list(
        db.session.execute(
            select(
                Finding.id,
                Finding.text,
                Finding.remedy_due_on,
                Unit.name.label("unit_name"),
                Remedy.done_on,
            )
            .join(Unit, Unit.id == Finding.unit_id)
            .join(Remedy, and_(Remedy.finding_id == Finding.id, Remedy.is_accepted.is_(None)))
            .where(
                Finding.state == FindingState.REMEDIED,
                or_(Remedy.reported_by_id.is_(None), Remedy.reported_by_id != mine),
                rights.visible(current().actor.access, VERIFY, Finding),
            )
            .order_by(Remedy.id)
            .limit(limit)
        )
    )


def to_remedy(today: date, soon_days: int, limit: int = 100) -> list[Any]:
    """Return the open findings of the units that whoever acts answers for."""
    until = today + timedelta(days=soon_days)
    units = select(Unit.id).where(rights.visible(current().actor.access, REMEDY, Unit))
    return list(
        db.session.execute(
            select(
                Finding.id,
                Finding.text,
                Finding.remedy_due_on,
                Finding.severity,
                Finding.repeat_of_id,
                Unit.name.label("unit_name"),
            )
            .join(Unit, Unit.id == Finding.unit_id)
            .where(
                Finding.state == FindingState.OPEN,
                Finding.unit_id.in_(units),
                or_(Finding.remedy_due_on.is_(None), Finding.remedy_due_on <= until),
            )
            .order_by(Finding.remedy_due_on.is_(None), Finding.remedy_due_on, Finding.id)
            .limit(limit)
        )
    )
