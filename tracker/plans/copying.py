"""Last year's plan as the draft of the next: dates a year on, unfinished work carried over.

`preview` shows each row with what becomes of it before anything is written. Withdrawn rows are left
out; a row that was not finished keeps a link to the one it continues.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from tracker.core.calendar import WorkingCalendar
from tracker.core.deadlines import DeadlineKind
from tracker.core.errors import ValidationFailed
from tracker.core.work import Work
from tracker.plans import lifecycle, rows
from tracker.plans.assign import LONGEST_DEADLINE_TEXT, Deadline, leads_of
from tracker.plans.documents import deadline_words
from tracker.plans.models import (
    Assignment,
    Plan,
    Reported,
    RowKind,
    Task,
    TaskCoordinator,
)

READ_BY: Final = "copy"
MOST_YEARS_ON: Final = 20


def years_on(day: date, years: int) -> date:
    """Return the same day some years later; 29 February becomes 28 where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def text_years_on(text: str, first: int, last: int, years: int) -> str:
    """Return a phrase with the plan's years moved on: 'Quý I/2025' becomes 'Quý I/2026'."""

    def move(match: re.Match[str]) -> str:
        year = int(match.group())
        return str(year + years) if first <= year <= last else match.group()

    return re.sub(r"(?<![0-9])[0-9]{4}(?![0-9])", move, text)[:LONGEST_DEADLINE_TEXT]


def deadline_years_on(deadline: Deadline, first: int, last: int, years: int) -> Deadline:
    """Return a deadline moved on; a condition waits anew."""
    return replace(
        deadline,
        text=text_years_on(deadline.text, first, last, years),
        on=years_on(deadline.on, years) if deadline.on else None,
        starts_on=years_on(deadline.starts_on, years) if deadline.starts_on else None,
        trigger=text_years_on(deadline.trigger, first, last, years),
        triggered_on=None,
        review_on=years_on(deadline.review_on, years) if deadline.review_on else None,
        read_by=READ_BY,
    )


@dataclass(frozen=True)
class CopiedRow:
    """What becomes of one row: its level, its deadline before and after, and what to look at."""

    task_id: int
    level: int
    kind: RowKind
    number: str
    title: str
    is_unfinished: bool
    old_deadline: str
    new_deadline: str
    # The new date falls on a day off: it is kept, and said.
    falls_on: str = ""
    names_old_year: bool = False


@dataclass(frozen=True)
class Preview:
    """The draft before it is made."""

    rows: Sequence[CopiedRow]
    withdrawn_count: int

    @property
    def task_count(self) -> int:
        """Return how many tasks would be copied."""
        return sum(row.kind is RowKind.TASK for row in self.rows)

    @property
    def unfinished_count(self) -> int:
        """Return how many of them continue unfinished work."""
        return sum(row.is_unfinished for row in self.rows)


def _living(session: Session, plan_id: int) -> list[Task]:
    return list(
        session.scalars(
            select(Task)
            .where(Task.plan_id == plan_id, Task.withdrawn_on.is_(None))
            .order_by(Task.path)
        )
    )


def _unfinished(session: Session, plan: Plan) -> set[int]:
    """Return the tasks with a share that is still to be done; regular work never ends."""
    claimed = Assignment.reported == Reported.DONE
    accepted = and_(claimed, Assignment.confirmed_on.is_not(None))
    query = (
        select(Assignment.task_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(
            Task.plan_id == plan.id,
            Task.deadline_kind != DeadlineKind.OPEN_ENDED,
            Assignment.withdrawn_on.is_(None),
            ~(accepted if plan.needs_confirmation else claimed),
        )
        .distinct()
    )
    return set(session.scalars(query))


def preview(session: Session, plan: Plan, year: int, calendar: WorkingCalendar) -> Preview:
    """Return what copying a plan to a year would make of each row."""
    years = year - plan.year_from
    unfinished = _unfinished(session, plan)
    shown: list[CopiedRow] = []
    for task in _living(session, plan.id):
        old = Deadline.of(task)
        new = deadline_years_on(old, plan.year_from, plan.year_to, years)
        falls_on = ""
        if task.kind is RowKind.TASK and new.on is not None and not calendar.is_working(new.on):
            rule = calendar.rule_on(new.on)
            falls_on = rule.name if rule else _("ngày nghỉ cuối tuần")
        shown.append(
            CopiedRow(
                task_id=task.id,
                level=task.path.count("."),
                kind=task.kind,
                number=task.number,
                title=task.title,
                is_unfinished=task.id in unfinished,
                old_deadline=deadline_words(task) if task.kind is RowKind.TASK else "",
                new_deadline=_words(new) if task.kind is RowKind.TASK else "",
                falls_on=falls_on,
                names_old_year=bool(re.search(rf"(?<!\d){plan.year_from}(?!\d)", task.title)),
            )
        )
    withdrawn = session.scalars(
        select(Task.id).where(
            Task.plan_id == plan.id, Task.withdrawn_on.is_not(None), Task.kind == RowKind.TASK
        )
    ).all()
    return Preview(shown, len(withdrawn))


def _words(deadline: Deadline) -> str:
    return deadline_words(Task(**deadline.columns()))


@dataclass(frozen=True)
class CopyPlan:
    """A new draft made from a plan: its head, and the rows to take (None: all that live)."""

    source_id: int
    plan: lifecycle.PlanInput
    task_ids: frozenset[int] | None = None


def copy_plan(work: Work, data: CopyPlan) -> int:
    """Make a draft from a plan and return its key number.

    Groups come along where a row under them does, steps with their task. Raises ValidationFailed,
    NotFound, PermissionDenied.
    """
    source = work.get(Plan, data.source_id, lock=False)
    work.require("plans.view", source)
    years = data.plan.year_from - source.year_from
    if not 0 <= years <= MOST_YEARS_ON:
        raise ValidationFailed({"year_from": _("Năm mới phải sau năm của kế hoạch cũ.")})
    plan_id = lifecycle.create_plan(work, lifecycle.CreatePlan(data.plan))
    plan = work.session.get_one(Plan, plan_id)
    plan.copied_from_id = source.id
    tasks = _wanted(_living(work.session, source.id), data.task_ids)
    leads = leads_of(work.session, [task.id for task in tasks])
    coordinators = _coordinators(work.session, source.id)
    unfinished = _unfinished(work.session, source)
    index_of: dict[int, int] = {}
    drafts: list[rows.RowDraft] = []
    for task in tasks:
        # What it waits for is the other task's copy, which is known once all are made.
        deadline = replace(Deadline.of(task), awaits_id=None)
        index_of[task.id] = len(drafts)
        drafts.append(
            rows.RowDraft(
                row=rows.RowInput(
                    title=task.title,
                    kind=task.kind,
                    number=task.number,
                    area_id=task.area_id,
                    product=task.product,
                    lead_text=task.lead_text,
                    lead_unit_ids=tuple(leads.get(task.id, ())),
                    unit_set_id=task.unit_set_id,
                    coordinator_text=task.coordinator_text,
                    coordinator_ids=tuple(coordinators.get(task.id, ())),
                    budget_text=task.budget_text,
                    note=task.note,
                    deadline=deadline_years_on(deadline, source.year_from, source.year_to, years),
                    is_invented=task.is_invented,
                ),
                parent=index_of.get(task.parent_id) if task.parent_id is not None else None,
                carried_from_id=task.id if task.id in unfinished else None,
            )
        )
    keys = rows.insert_rows(work, plan, drafts)
    work.bulk_update(
        Task,
        [
            {"id": keys[index_of[task.id]], "awaits_id": keys[index_of[task.awaits_id]]}
            for task in tasks
            if task.awaits_id in index_of
        ],
    )
    return plan_id


def _wanted(tasks: Sequence[Task], chosen: Collection[int] | None) -> list[Task]:
    """Return the chosen tasks with the groups above and the steps under them."""
    if chosen is None:
        return list(tasks)
    by_id: Mapping[int, Task] = {task.id: task for task in tasks}
    keep: set[int] = set()
    for task in tasks:
        if task.kind is RowKind.TASK and task.id in chosen:
            above: Task | None = task
            while above is not None:
                keep.add(above.id)
                above = by_id.get(above.parent_id) if above.parent_id is not None else None
    return [
        task
        for task in tasks
        if task.id in keep or (task.kind is RowKind.STEP and task.parent_id in keep)
    ]


def _coordinators(session: Session, plan_id: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for task_id, unit_id in session.execute(
        select(TaskCoordinator.task_id, TaskCoordinator.unit_id)
        .join(Task, Task.id == TaskCoordinator.task_id)
        .where(Task.plan_id == plan_id)
        .order_by(TaskCoordinator.id)
    ):
        found.setdefault(task_id, []).append(unit_id)
    return found
