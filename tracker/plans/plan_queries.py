"""What the pages of plans read: lists, one plan as a tree with its progress, search.

The number of queries does not grow with the rows: places and statuses of all rows come in one query
each, and the words of rows only for those that a page shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Final, cast

from flask import url_for
from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select
from sqlalchemy.orm import Session

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.errors import NotFound, PermissionDenied
from tracker.core.rights import rights
from tracker.core.text import rank, search_terms
from tracker.plans import documents, figures
from tracker.plans.figures import Figure, Filter
from tracker.plans.models import (
    Assignment,
    Plan,
    PlanState,
    RowKind,
    Task,
    TaskCoordinator,
    TaskLead,
)
from tracker.plans.rules import COUNTED, DONE, Status
from tracker.plugins.descriptors import SearchHit
from tracker.units import tree
from tracker.units.models import Unit

VIEW: Final = "plans.view"
MANAGE: Final = "plans.manage"
# Rows of a tree on one page; a usual plan fits on one.
ROWS_PER_PAGE: Final = 300
MOST_HITS: Final = 300


# -- one plan --------------------------------------------------------------------------------


def get_plan(session: Session, key: str) -> Plan:
    """Return a plan that the actor may read, by its key. Raises NotFound."""
    return get_plan_and_issuer(session, key)[0]


def get_plan_and_issuer(session: Session, key: str) -> tuple[Plan, str]:
    """Return a plan that the actor may read and the name of its issuer. Raises NotFound."""
    visible = rights.visible(current().actor.access, VIEW, Plan)
    row = session.execute(
        select(Plan, Unit.name)
        .join(Unit, Unit.id == Plan.issuer_id)
        .where(Plan.key == key, visible)
    ).first()
    if row is None:
        raise NotFound
    return row[0], row[1]


def may_manage(session: Session, plan: Plan) -> bool:
    """Tell whether the actor writes this plan."""
    return rights.may(session, current().actor.access, MANAGE, plan)


def get_managed_plan(session: Session, key: str) -> Plan:
    """Return a plan that the actor writes. Raises NotFound, PermissionDenied."""
    plan = get_plan(session, key)
    if not may_manage(session, plan):
        raise PermissionDenied
    return plan


def get_row(session: Session, plan: Plan, task_id: int) -> Task:
    """Return a row of this plan, by its key. Raises NotFound for a row of another plan."""
    task = session.get(Task, task_id)
    if task is None or task.plan_id != plan.id:
        raise NotFound
    return task


# -- the list --------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanRow:
    """A plan in the list; `figure` is None for a draft."""

    id: int
    key: str
    title: str
    kind: str
    number: str
    issued_on: date | None
    issuer_id: int
    issuer: str
    year_from: int
    year_to: int
    state: PlanState
    task_count: int
    figure: Figure | None = None

    @property
    def years(self) -> str:
        """Return the year or years as people write them."""
        return years_text(self.year_from, self.year_to)


def years_text(first: int, last: int) -> str:
    """Return '2026' or '2024–2025'."""
    return str(first) if first == last else f"{first}–{last}"


@dataclass(frozen=True)
class PlanFilter:
    """Which plans a list shows."""

    query: str = ""
    year: int | None = None
    issuer_id: int | None = None
    state: PlanState | None = None


SORTS: Final[Mapping[str, Sequence[ColumnElement[Any]]]] = {
    "year": (Plan.year_from.expression, Plan.sort_key.expression, Plan.id.expression),
    "title": (Plan.sort_key.expression, Plan.id.expression),
    "issuer": (Unit.sort_key.expression, Plan.year_from.expression, Plan.id.expression),
    "issued": (Plan.issued_on.expression, Plan.id.expression),
}


def plans_query(wanted: PlanFilter) -> Select[Any]:
    """Return the query of the plans that the actor may read, filtered, without an order."""
    tasks = (
        select(func.count())
        .where(Task.plan_id == Plan.id, Task.kind == RowKind.TASK)
        .correlate(Plan)
        .scalar_subquery()
    )
    query = cast(
        "Select[Any]",
        select(
            Plan.id,
            Plan.key,
            Plan.title,
            Plan.kind,
            Plan.number,
            Plan.issued_on,
            Plan.issuer_id,
            Unit.name.label("issuer"),
            Plan.year_from,
            Plan.year_to,
            Plan.state,
            tasks.label("task_count"),
        )
        .join(Unit, Unit.id == Plan.issuer_id)
        .where(rights.visible(current().actor.access, VIEW, Plan)),
    )
    for word in search_terms(wanted.query).folded:
        query = query.where(Plan.folded.like(f"%{word}%"))
    if wanted.year is not None:
        query = query.where(Plan.year_from <= wanted.year, Plan.year_to >= wanted.year)
    if wanted.issuer_id is not None:
        query = query.where(Plan.issuer_id == wanted.issuer_id)
    if wanted.state is not None:
        query = query.where(Plan.state == wanted.state)
    return query


def plan_rows(session: Session, rows: Iterable[Any], as_of: date) -> list[PlanRow]:
    """Return rows of `plans_query` with the figure of each issued plan, in one query more."""
    found = [PlanRow(**{**row._mapping, "kind": row.kind.value}) for row in rows]
    issued = [row.id for row in found if row.state is not PlanState.DRAFT]
    counted = figures.plan_figures(session, as_of, issued) if issued else {}
    return [replace(row, figure=counted.get(row.id)) for row in found]


def list_years(session: Session) -> list[int]:
    """Return the years of the plans that the actor may read, newest first."""
    visible = rights.visible(current().actor.access, VIEW, Plan)
    spans = session.execute(select(Plan.year_from, Plan.year_to).where(visible).distinct())
    return sorted({year for first, last in spans for year in range(first, last + 1)}, reverse=True)


def list_issuers(session: Session) -> list[tuple[int, str]]:
    """Return the units that issued plans which the actor may read, sorted."""
    visible = rights.visible(current().actor.access, VIEW, Plan)
    query = (
        select(Unit.id, Unit.name, Unit.sort_key)
        .join(Plan, Plan.issuer_id == Unit.id)
        .where(visible)
        .distinct()
        .order_by(Unit.sort_key, Unit.id)
    )
    return [(row.id, row.name) for row in session.execute(query)]


# -- the tree --------------------------------------------------------------------------------


@dataclass(frozen=True)
class TreeFilter:
    """Which rows of a plan are shown."""

    query: str = ""
    area_id: int | None = None
    unit_id: int | None = None
    status: Status | None = None

    def __bool__(self) -> bool:
        return bool(self.query or self.area_id or self.unit_id or self.status)


@dataclass(frozen=True)
class Standing:
    """How a task stands: the worst of its shares, and the day that says why."""

    status: Status
    due_on: date | None = None
    done_on: date | None = None
    shares: int = 0
    done_shares: int = 0

    @cached_property
    def is_counted(self) -> bool:
        """Tell whether the task enters the denominator of rule 'plan'."""
        return COUNTED[self.status].in_plan

    @cached_property
    def is_done(self) -> bool:
        """Tell whether the task enters the numerator."""
        return COUNTED[self.status].is_done


@dataclass(frozen=True)
class Count:
    """Done of counted tasks under a group."""

    done: int = 0
    counted: int = 0
    late: int = 0


class _Sums(defaultdict[int | None, list[int]]):
    """Counts in the making: done, counted and late tasks by group or area."""

    def __init__(self) -> None:
        super().__init__(lambda: [0, 0, 0])

    def add(self, key: int | None, standing: Standing) -> None:
        """Count one task more."""
        sums = self[key]
        if standing.is_counted:
            sums[0] += standing.is_done
            sums[1] += 1
            sums[2] += standing.status is Status.OVERDUE

    def count(self, key: int | None) -> Count:
        """Return what was counted for a group or an area."""
        return Count(*self[key]) if key in self else Count()


@dataclass(frozen=True)
class TreeRow:
    """A row as the page shows it; words are filled for the rows of one page only."""

    id: int
    parent_id: int | None
    kind: RowKind
    path: str
    level: int
    area_id: int | None
    standing: Standing | None
    is_withdrawn: bool
    version: int
    has_children: bool = False
    count: Count = field(default_factory=Count)
    number: str = ""
    title: str = ""
    product: str = ""
    lead: str = ""
    coordinators: str = ""
    deadline: str = ""
    budget: str = ""
    note: str = ""
    is_invented: bool = False
    # A row above the page's first one, repeated so that it is not without its group.
    is_repeated: bool = False


@dataclass(frozen=True)
class Tree:
    """A plan's rows as of a day, one page of them, and the counts over all."""

    rows: Sequence[TreeRow]
    total_rows: int
    page: int
    pages: int
    task_count: int
    shown_task_count: int
    by_status: Sequence[tuple[Status, int]]
    by_area: Mapping[int | None, Count]


# Of thousands of tasks most stand like many others do.
@lru_cache(maxsize=4096)
def standing_of(shares: tuple[tuple[str, int, date | None, date | None], ...]) -> Standing:
    """Return how a task stands from (status, how many, first due day, last done day) of its shares.

    Done when all that are left are; else the first in the order in which people read statuses,
    except that work of which a part is done is in progress.
    """
    total = sum(number for _status, number, _due, _done in shares)
    by_status = {Status(status): (number, due, done) for status, number, due, done in shares}
    live = {status: rest for status, rest in by_status.items() if status is not Status.WITHDRAWN}
    if not live:
        return Standing(Status.WITHDRAWN, shares=total)
    done_shares = sum(rest[0] for status, rest in live.items() if status in DONE)
    if set(live) <= set(DONE):
        last = max((rest[2] for rest in live.values() if rest[2]), default=None)
        worst = Status.DONE_LATE if Status.DONE_LATE in live else Status.DONE
        return Standing(worst, done_on=last, shares=total, done_shares=done_shares)
    first = next(status for status in Status if status in live and status not in DONE)
    _number, due_on, done_on = live[first]
    started = done_shares > 0 or Status.IN_PROGRESS in live
    if first is Status.NOT_STARTED and started:
        first = Status.IN_PROGRESS
    return Standing(first, due_on, done_on, total, done_shares)


def _unassigned(kind: DeadlineKind, due_on: date | None, as_of: date) -> Standing:
    """Return how a task stands that nobody answers for: it still has to be done."""
    if kind is DeadlineKind.OPEN_ENDED:
        return Standing(Status.REGULAR)
    if kind is DeadlineKind.CONDITIONAL:
        return Standing(Status.WAITING)
    if due_on is None:
        return Standing(Status.UNDATED)
    return Standing(Status.OVERDUE if due_on < as_of else Status.NOT_STARTED, due_on)


def standings(session: Session, plan_id: int, as_of: date) -> dict[int, Standing]:
    """Return how each assigned task of a plan stands on a day, in one query."""
    rows = figures.assignments_on(as_of, Filter(plan_id=plan_id)).subquery("shares")
    query = select(
        rows.c.task_id,
        rows.c.status,
        func.count(),
        func.min(rows.c.due_on),
        func.max(rows.c.done_on),
    ).group_by(rows.c.task_id, rows.c.status)
    found: dict[int, list[tuple[str, int, date | None, date | None]]] = {}
    for task_id, status, number, due_on, done_on in session.execute(query):
        found.setdefault(task_id, []).append((status, number, due_on, done_on))
    return {task_id: standing_of(tuple(shares)) for task_id, shares in found.items()}


def _fits(wanted: TreeFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [
        Task.folded.like(f"%{word}%") for word in search_terms(wanted.query).folded
    ]
    if wanted.area_id is not None:
        conditions.append(Task.area_id == wanted.area_id)
    if wanted.unit_id is not None:
        within = tree.units_within([wanted.unit_id], reading=True)
        conditions.append(
            or_(
                *(
                    Task.id.in_(select(link.task_id).where(link.unit_id.in_(within)))
                    for link in (TaskLead, TaskCoordinator, Assignment)
                )
            )
        )
    return and_(literal(True), *conditions)


def rows_query(plan_id: int) -> Select[Any]:
    """Return the query for all rows of a plan, of whatever day."""
    return select(Task.id).where(Task.plan_id == plan_id)


def plan_tree(
    session: Session,
    plan: Plan,
    as_of: date,
    wanted: TreeFilter,
    *,
    page: int = 1,
    per_page: int | None = ROWS_PER_PAGE,
) -> Tree:
    """Return a plan's rows as the actor may read them, as of a day.

    Of a plan of somebody else only the rows that one's units lead or take part in are shown, with
    the groups above them. `per_page` None gives all rows, for exports.
    """
    is_draft = plan.state is PlanState.DRAFT
    places = _places(session, plan, as_of, wanted)
    known = {} if is_draft else standings(session, plan.id, as_of)
    stands = {} if is_draft else _stand(places, known, as_of)
    chosen = _choose(places, stands, wanted)
    order = [row for row in places if row.id in chosen.ids]
    parents = {row.parent_id for row in order}
    pages = 1 if per_page is None else max(1, -(-len(order) // per_page))
    page = max(1, min(page, pages))
    rows = [
        TreeRow(
            id=row.id,
            parent_id=row.parent_id,
            kind=row.kind,
            path=row.path,
            level=row.path.count("."),
            area_id=row.area_id,
            standing=stands.get(row.id),
            is_withdrawn=_is_gone(row, as_of),
            version=row.version,
            has_children=row.id in parents,
            count=chosen.counts.count(row.id),
            is_repeated=is_repeated,
        )
        for row, is_repeated in _page(order, page, per_page)
    ]
    return Tree(
        rows=_with_words(session, plan.id, rows, whole=per_page is None),
        total_rows=len(order),
        page=page,
        pages=pages,
        task_count=chosen.task_count,
        shown_task_count=sum(row.kind is RowKind.TASK for row in order),
        by_status=[(status, number) for status, number in chosen.tally.items() if number],
        by_area={area: chosen.areas.count(area) for area in chosen.areas},
    )


def _places(session: Session, plan: Plan, as_of: date, wanted: TreeFilter) -> Sequence[Any]:
    """Return the places of all rows in order, with `fits` for those that are asked for."""
    visible = rights.visible(current().actor.access, VIEW, Task)
    query = (
        select(
            Task.id,
            Task.parent_id,
            Task.kind,
            Task.path,
            Task.area_id,
            Task.deadline_kind,
            Task.deadline_on,
            Task.withdrawn_on,
            Task.version,
            case((and_(visible, _fits(wanted)), literal(1)), else_=literal(0)).label("fits"),
        )
        .where(Task.plan_id == plan.id)
        .order_by(Task.path, Task.id)
    )
    if plan.state is not PlanState.DRAFT:
        query = query.where(or_(Task.valid_from.is_(None), Task.valid_from <= as_of))
    return session.execute(query).all()


def _is_gone(row: Any, as_of: date) -> bool:
    return row.withdrawn_on is not None and row.withdrawn_on <= as_of


def _stand(
    places: Sequence[Any], known: Mapping[int, Standing], as_of: date
) -> dict[int, Standing]:
    """Return how every task stands, those that nobody answers for too."""
    return {
        row.id: Standing(Status.WITHDRAWN)
        if _is_gone(row, as_of)
        else known.get(row.id) or _unassigned(row.deadline_kind, row.deadline_on, as_of)
        for row in places
        if row.kind is RowKind.TASK
    }


@dataclass
class _Chosen:
    """The rows to show, and the counts over them."""

    ids: set[int] = field(default_factory=set)
    task_count: int = 0
    tally: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    counts: _Sums = field(default_factory=_Sums)
    areas: _Sums = field(default_factory=_Sums)


def _choose(places: Sequence[Any], stands: Mapping[int, Standing], wanted: TreeFilter) -> _Chosen:
    """Choose tasks that fit, the groups above and the steps under them; without a filter all."""
    chosen = _Chosen()
    above = {row.id: row.parent_id for row in places}
    for row in places:
        if row.kind is RowKind.STEP:
            if row.parent_id in chosen.ids:
                chosen.ids.add(row.id)
            continue
        if not row.fits:
            continue
        if row.kind is RowKind.GROUP:
            if not wanted:
                chosen.ids.add(row.id)
            continue
        chosen.task_count += 1
        standing = stands.get(row.id)
        if standing is not None:
            chosen.tally[standing.status] += 1
            if wanted.status is not None and standing.status is not wanted.status:
                continue
            chosen.areas.add(row.area_id, standing)
        parent: int | None = row.id
        while parent is not None:
            chosen.ids.add(parent)
            parent = above.get(parent)
            if parent is not None and standing is not None:
                chosen.counts.add(parent, standing)
    return chosen


def _page(rows: Sequence[Any], page: int, per_page: int | None) -> list[tuple[Any, bool]]:
    """Return the places of a page, after those of the groups that its first row lies in.

    Each with whether it is such a group, repeated from an earlier page.
    """
    start = 0 if per_page is None else (page - 1) * per_page
    part = rows[start:] if per_page is None else rows[start : start + per_page]
    above = [row for row in rows[:start] if part and part[0].path.startswith(f"{row.path}.")]
    return [*((row, True) for row in above), *((row, False) for row in part)]


def _with_words(
    session: Session, plan_id: int, rows: Sequence[TreeRow], *, whole: bool
) -> list[TreeRow]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    query = select(
        Task.id,
        Task.kind,
        Task.number,
        Task.title,
        Task.product,
        Task.lead_text,
        Task.coordinator_text,
        Task.unit_set_id,
        Task.budget_text,
        Task.note,
        Task.is_invented,
        Task.deadline_kind,
        Task.deadline_text,
        Task.deadline_on,
        Task.window_start,
        Task.recurrence,
        Task.trigger_text,
        Task.trigger_offset,
        Task.trigger_in_working_days,
    )
    # A plan's own index serves the whole of it better than ten thousand keys.
    query = query.where(Task.plan_id == plan_id) if whole else query.where(Task.id.in_(ids))
    words = {row.id: row for row in session.execute(query)}
    names = documents.load_names(session, plan_id, None if whole else ids)
    return [
        replace(
            row,
            number=words[row.id].number,
            title=words[row.id].title,
            product=words[row.id].product,
            lead=names.lead(words[row.id]),
            coordinators=names.coordinating(words[row.id]),
            deadline=documents.deadline_words(words[row.id]) if row.kind is RowKind.TASK else "",
            budget=words[row.id].budget_text,
            note=words[row.id].note,
            is_invented=words[row.id].is_invented,
        )
        for row in rows
    ]


def list_lead_units(session: Session, plan_id: int) -> list[tuple[int, str]]:
    """Return the units that lead rows of a plan, sorted, for its filter."""
    leads = select(TaskLead.unit_id).join(Task, Task.id == TaskLead.task_id)
    shares = select(Assignment.unit_id).join(Task, Task.id == Assignment.task_id)
    query = (
        select(Unit.id, Unit.name)
        .where(
            or_(
                Unit.id.in_(leads.where(Task.plan_id == plan_id)),
                Unit.id.in_(shares.where(Task.plan_id == plan_id)),
            )
        )
        .order_by(Unit.sort_key, Unit.id)
    )
    return [(row.id, row.name) for row in session.execute(query)]


def row_choices(
    session: Session, plan_id: int, kinds: Collection[RowKind], without: int | None = None
) -> list[tuple[int, str]]:
    """Return (id, label) of a plan's rows of some kinds, indented, in order, for a row's form.

    `without` leaves out that row and everything under it.
    """
    rows = session.execute(
        select(Task.id, Task.number, Task.title, Task.path)
        .where(
            Task.plan_id == plan_id,
            Task.kind.in_(kinds) if kinds else false(),
            Task.withdrawn_on.is_(None),
        )
        .order_by(Task.path, Task.id)
    ).all()
    hidden = next((f"{row.path}." for row in rows if row.id == without), None)
    return [
        (row.id, "\u2003" * row.path.count(".") + f"{row.number} {row.title[:90]}".strip())
        for row in rows
        if row.id != without and (hidden is None or not row.path.startswith(hidden))
    ]


def linked_units(
    session: Session, link: type[TaskLead] | type[TaskCoordinator], task_id: int
) -> list[int]:
    """Return the lead or coordinating units of a row, in the order in which they were named."""
    query = select(link.unit_id).where(link.task_id == task_id).order_by(link.id)
    return list(session.scalars(query))


@dataclass(frozen=True)
class DraftCheck:
    """What to look at before a draft is issued."""

    task_count: int
    without_lead: Sequence[tuple[int, str, str]]
    undated: Sequence[tuple[int, str, str]]


def check_draft(session: Session, plan: Plan, most: int = 20) -> DraftCheck:
    """Return the tasks of a draft that nobody leads or that have no deadline (at most `most`)."""
    tasks = select(Task.id, Task.number, Task.title).where(
        Task.plan_id == plan.id, Task.kind == RowKind.TASK
    )
    led = select(TaskLead.task_id).where(TaskLead.task_id == Task.id).exists()
    without_lead = tasks.where(~led, Task.unit_set_id.is_(None))
    undated = tasks.where(Task.deadline_kind == DeadlineKind.ASK)
    total = session.scalar(select(func.count()).select_from(tasks.subquery())) or 0

    def first(query: Select[int, str, str]) -> list[tuple[int, str, str]]:
        rows = session.execute(query.order_by(Task.path).limit(most))
        return [(row.id, row.number, row.title) for row in rows]

    return DraftCheck(total, first(without_lead), first(undated))


# -- search ----------------------------------------------------------------------------------


def search_plans(query: str, limit: int) -> list[SearchHit]:
    """Return the plans that answer to a text, within the actor's rights, best first."""
    if not search_terms(query).folded:
        return []
    found: list[tuple[int, SearchHit]] = []
    rows = db.session.execute(plans_query(PlanFilter(query=query)).limit(MOST_HITS))
    for row in rows:
        grades = [
            grade
            for text in (row.title, row.number, row.key, f"{row.title} {row.number} {row.issuer}")
            if (grade := rank(query, text)) is not None
        ]
        grade = min(grades, default=20)
        years = years_text(row.year_from, row.year_to)
        hit = SearchHit(
            title=row.title,
            url=url_for("plans.show_plan", key=row.key),
            context=" · ".join(filter(None, (row.number, row.issuer, years))),
            icon="plan",
            exactness=100 - grade,
        )
        found.append((grade, hit))
    found.sort(key=lambda pair: pair[0])
    return [hit for _grade, hit in found[:limit]]
