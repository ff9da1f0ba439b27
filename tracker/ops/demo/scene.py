"""What the demo's loaders share: acting on a day as one of the demo's people, finding units."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time

from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.clock import LOCAL, FixedClock, SystemClock
from tracker.core.context import SYSTEM_ACTOR, Actor, Context, Source, acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.rights import SYSTEM
from tracker.core.work import Work, run
from tracker.plans import assign, lifecycle, progress, rows
from tracker.plans.inputs import EvidenceInput, ReportProgress
from tracker.plans.models import Assignment, Plan, ReformArea, Reported, RowKind, Task
from tracker.units.models import Unit


@contextmanager
def on(day: date, username: str = "", hour: int = 9) -> Iterator[None]:
    """Act at nine in the morning of `day` (not later than now), as one of the demo's people."""
    clock = FixedClock(min(datetime.combine(day, time(hour), LOCAL), SystemClock().now()))
    actor = SYSTEM_ACTOR
    if username:
        row = db.session.execute(
            select(User.id, User.name).where(User.username == username)
        ).one_or_none()
        if row is not None:
            actor = Actor(row.name, row.id, SYSTEM)
    with acting(Context(actor, clock, Source.COMMAND)):
        yield


def unit_ids() -> dict[str, int]:
    """Return the demo's units by code."""
    rows_ = db.session.execute(select(Unit.code, Unit.id).where(Unit.code.is_not(None)))
    return {str(row.code): row.id for row in rows_}


def area_ids() -> list[int]:
    """Return the reform areas in their order."""
    return list(db.session.scalars(select(ReformArea.id).order_by(ReformArea.position)))


def has_plan(key: str) -> bool:
    """Tell whether a plan was loaded before."""
    return db.session.scalar(select(Plan.id).where(Plan.key == key)) is not None


def issue(plan_id: int, number: str, day: date) -> None:
    """Issue a drafted plan on a day."""
    version = db.session.scalar(select(Plan.version).where(Plan.id == plan_id)) or 1
    with on(day, "dieuphoi"):
        run(lifecycle.issue_plan, lifecycle.IssuePlan(plan_id, version, number, day))


def close(plan_id: int, day: date) -> None:
    """Close a plan on a day."""
    version = db.session.scalar(select(Plan.version).where(Plan.id == plan_id)) or 1
    with on(day, "dieuphoi"):
        run(lifecycle.close_plan, lifecycle.ClosePlan(plan_id, version, day))


def add_group(work: Work, plan_id: int, number: str, title: str, area_id: int) -> int:
    """Add a band of a plan."""
    row = rows.RowInput(title=title, kind=RowKind.GROUP, number=number, area_id=area_id)
    return rows.add_row(work, rows.AddRow(plan_id, row))


def due(day: date, text: str = "") -> assign.Deadline:
    """Return a deadline on one day."""
    return assign.Deadline(
        DeadlineKind.DATE, text=text or f"Trước ngày {day:%d/%m/%Y}", on=day, read_by="column"
    )


def shares_of(plan_id: int) -> list[tuple[Assignment, Task]]:
    """Return the assignments of a plan with their tasks, in the plan's order."""
    found = db.session.execute(
        select(Assignment, Task)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.plan_id == plan_id)
        .order_by(Task.path, Assignment.occurrence, Assignment.id)
    )
    return [(row.Assignment, row.Task) for row in found]


def report_done(
    assignment_id: int, done_on: date, username: str, number: str = "", lag_days: int = 0
) -> None:
    """Report an assignment as done, with a document where `number` is given."""
    recorded = date.fromordinal(done_on.toordinal() + lag_days)
    evidence = EvidenceInput(number, done_on, "", "Báo cáo kết quả") if number else None
    with on(recorded, username, hour=15):
        run(
            progress.report_progress,
            ReportProgress(
                assignment_id, Reported.DONE, 100, done_on=done_on, evidence=evidence,
                note="Đã hoàn thành, có văn bản kèm theo." if number else "Đã hoàn thành.",
            ),
        )  # fmt: skip


def report_moving(assignment_id: int, day: date, percent: int, note: str, username: str) -> None:
    """Report an assignment as under way."""
    with on(day, username, hour=10):
        run(
            progress.report_progress,
            ReportProgress(assignment_id, Reported.IN_PROGRESS, percent, note=note),
        )
