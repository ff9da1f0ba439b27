"""Make plans, their rows and assignments, straight into the tables. All need an app context.

Pages and services under test find what a person would have made; nothing is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from sqlalchemy import select

from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.text import fold, sort_key
from tracker.core.work import Work, run
from tracker.plans import history, progress
from tracker.plans.inputs import ReportProgress
from tracker.plans.models import (
    Assignment,
    Plan,
    PlanState,
    Reported,
    RowKind,
    Task,
    TaskCoordinator,
    TaskLead,
)
from tracker.web.contracts import shell_contracts

ISSUED_ON = date(2026, 1, 15)

_numbers = count(1)


def _system() -> Context:
    return Context(SYSTEM_ACTOR, shell_contracts().clock, Source.COMMAND)


@dataclass(frozen=True)
class _Make:
    model: type[Any]
    values: dict[str, Any]


def _make(work: Work, data: _Make) -> int:
    record = data.model(**data.values)
    work.session.add(record)
    work.session.flush()
    key: int = record.id
    return key


def make_plan(
    issuer: int,
    *,
    title: str = "",
    key: str = "",
    issued_on: date | None = ISSUED_ON,
    needs_confirmation: bool = False,
    **more: Any,
) -> int:
    """Make a plan issued on `issued_on` (None makes a draft) and return its id."""
    number = next(_numbers)
    title = title or f"Kế hoạch cải cách hành chính số {number}"
    values = {
        "key": key or f"ke-hoach-{number}",
        "title": title,
        "number": f"{number}/KH-UBND" if issued_on else "",
        "issued_on": issued_on,
        "issuer_id": issuer,
        "year_from": (issued_on or ISSUED_ON).year,
        "year_to": (issued_on or ISSUED_ON).year,
        "state": PlanState.ISSUED if issued_on else PlanState.DRAFT,
        "needs_confirmation": needs_confirmation,
        "folded": fold(title),
        "sort_key": sort_key(title),
        **more,
    }
    with acting(_system()):
        return run(_make, _Make(Plan, values))


@dataclass(frozen=True)
class _MakeTask:
    plan_id: int
    units: tuple[int, ...]
    coordinators: tuple[int, ...]
    due_on: date | None
    assigned: bool
    values: dict[str, Any] = field(default_factory=dict)


def _make_task(work: Work, data: _MakeTask) -> int:
    plan = work.session.get_one(Plan, data.plan_id)
    task = Task(plan_id=plan.id, **{"valid_from": plan.issued_on, **data.values})
    work.session.add(task)
    work.session.flush()
    work.session.add_all(TaskLead(task_id=task.id, unit_id=unit) for unit in data.units)
    work.session.add_all(
        TaskCoordinator(task_id=task.id, unit_id=unit) for unit in data.coordinators
    )
    if data.assigned and task.kind is RowKind.TASK:
        made = [
            Assignment(
                task_id=task.id, unit_id=unit, original_due_on=data.due_on, due_on=data.due_on
            )
            for unit in data.units
        ]
        work.session.add_all(made)
        work.session.flush()
        history.rebuild(work, [one.id for one in made])
    return task.id


def make_task(
    plan: int,
    *units: int,
    title: str = "",
    due_on: date | None = date(2026, 6, 30),
    kind: DeadlineKind | None = None,
    coordinators: Iterable[int] = (),
    area: int | None = None,
    row: RowKind = RowKind.TASK,
    assigned: bool = True,
    **more: Any,
) -> int:
    """Make a row led by `units`, each with its assignment, and return the row's id."""
    number = next(_numbers)
    title = title or f"Nhiệm vụ số {number}"
    values = {
        "kind": row,
        "position": number,
        "path": f"{number:06d}",
        "number": str(number),
        "area_id": area,
        "title": title,
        "deadline_kind": kind or (DeadlineKind.DATE if due_on else DeadlineKind.ASK),
        "deadline_on": due_on,
        "folded": fold(title),
        "sort_key": sort_key(title),
        **more,
    }
    with acting(_system()):
        return run(
            _make_task, _MakeTask(plan, units, tuple(coordinators), due_on, assigned, values)
        )


def make_assignment(
    task: int, unit: int, *, due_on: date | None = date(2026, 6, 30), **more: Any
) -> int:
    """Give a task one more assignment and return its id."""
    values = {"task_id": task, "unit_id": unit, "original_due_on": due_on, "due_on": due_on, **more}

    def make(work: Work, data: _Make) -> int:
        key = _make(work, data)
        history.rebuild(work, [key])
        return key

    with acting(_system()):
        return run(make, _Make(Assignment, values))


def assignment_of(task: int, unit: int | None = None) -> int:
    """Return the id of a task's assignment (of a unit, where there are several)."""
    query = select(Assignment.id).where(Assignment.task_id == task)
    if unit is not None:
        query = query.where(Assignment.unit_id == unit)
    return db.session.scalars(query).one()


def report(
    task: int,
    *,
    unit: int | None = None,
    done_on: date | None = None,
    percent: int = 50,
    note: str = "",
    by: Context | None = None,
) -> int:
    """Report a task as done on a day, or as under way, and return the entry's id."""
    data = ReportProgress(
        assignment_id=assignment_of(task, unit),
        reported=Reported.DONE if done_on else Reported.IN_PROGRESS,
        percent=100 if done_on else percent,
        done_on=done_on,
        note=note,
    )
    with acting(by or _system()):
        return run(progress.report_progress, data).entry_id


def withdraw(task: int, day: date) -> None:
    """Take a task out of its plan from a day on."""

    def take_out(work: Work, task_id: int) -> None:
        work.session.get_one(Task, task_id).withdrawn_on = day
        work.session.flush()
        ids = work.session.scalars(select(Assignment.id).where(Assignment.task_id == task_id)).all()
        history.rebuild(work, ids)

    with acting(_system()):
        run(take_out, task)
