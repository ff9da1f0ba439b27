"""Tasks that wait for another task of their plan: asked about as soon as that one is settled.

The day of the condition stays a person's to record: 'sau khi ban hành' may mean the day of signing,
which no report of progress knows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from tracker.core.work import Work
from tracker.plans.models import Assignment, Plan, Reported, Task


def done_on(session: Session, task_id: int) -> date | None:
    """Return the day on which the last share of a task was done, None while one is not.

    Where the plan asks for it, a share is done once it is confirmed.
    """
    is_done = and_(
        Assignment.reported == Reported.DONE,
        or_(Plan.needs_confirmation.is_(False), Assignment.confirmed_on.is_not(None)),
    )
    shares, done, last = session.execute(
        select(func.count(), func.count().filter(is_done), func.max(Assignment.done_on))
        .select_from(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(Assignment.task_id == task_id, Assignment.withdrawn_on.is_(None))
    ).one()
    return last if shares and shares == done else None


def wake(work: Work, task_ids: Collection[int]) -> None:
    """Ask from today on about what waits for these tasks, as far as they are done or withdrawn.

    For what has just come nearer to that: a day that somebody sets after it for asking again is
    kept.
    """
    asleep = work.session.scalars(
        select(Task)
        .where(
            Task.awaits_id.in_(sorted(set(task_ids))),
            Task.triggered_on.is_(None),
            Task.withdrawn_on.is_(None),
            or_(Task.review_on.is_(None), Task.review_on > work.today),
        )
        .order_by(Task.id)
        # As it is now: whoever edits one meanwhile has to wait, and does not stop a report.
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    awaited = {task.awaits_id for task in asleep if task.awaits_id is not None}
    if not awaited:
        return
    # Of two units that report their last shares at once, the second one sees both.
    work.session.execute(select(Task.id).where(Task.id.in_(sorted(awaited))).with_for_update())
    settled = {key for key in sorted(awaited) if _is_settled(work.session, key)}
    for task in asleep:
        if task.awaits_id in settled:
            task.review_on = work.today


def wake_reported(work: Work, plan: Plan) -> None:
    """Ask about what waits for tasks that were reported as done, as nobody has to confirm that."""
    reported = (
        select(Assignment.task_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(
            Task.plan_id == plan.id,
            Assignment.reported == Reported.DONE,
            Assignment.confirmed_on.is_(None),
            Assignment.withdrawn_on.is_(None),
        )
    )
    work.session.flush()
    wake(work, work.session.scalars(reported).all())


def ask_if_settled(work: Work, task: Task) -> None:
    """Ask from today on about a row that was linked to what is done or withdrawn already."""
    if task.awaits_id is None or task.triggered_on is not None:
        return
    if _is_settled(work.session, task.awaits_id):
        task.review_on = work.today


def forget(work: Work, which: ColumnElement[bool]) -> None:
    """Let these rows of a draft wait for nothing more, as what they wait for is deleted."""
    for task in work.session.scalars(select(Task).where(which, Task.awaits_id.is_not(None))):
        task.awaits_id = None
    work.session.flush()


def _is_settled(session: Session, task_id: int) -> bool:
    awaited = session.get_one(Task, task_id)
    return awaited.withdrawn_on is not None or done_on(session, task_id) is not None
