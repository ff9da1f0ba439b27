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

    A day that somebody sets after this for asking again is kept.
    """
    waiting = work.session.scalars(
        select(Task)
        .where(
            Task.awaits_id.in_(sorted(set(task_ids))),
            Task.triggered_on.is_(None),
            Task.withdrawn_on.is_(None),
            or_(Task.review_on.is_(None), Task.review_on > work.today),
        )
        .order_by(Task.id)
    ).all()
    settled: dict[int, bool] = {}
    for task in waiting:
        assert task.awaits_id is not None
        if task.awaits_id not in settled:
            settled[task.awaits_id] = _is_settled(work.session, task.awaits_id)
        if settled[task.awaits_id]:
            task.review_on = work.today


def forget(work: Work, which: ColumnElement[bool]) -> None:
    """Let these rows of a draft wait for nothing more, as what they wait for is deleted."""
    for task in work.session.scalars(select(Task).where(which, Task.awaits_id.is_not(None))):
        task.awaits_id = None
    work.session.flush()


def _is_settled(session: Session, task_id: int) -> bool:
    awaited = session.get_one(Task, task_id)
    return awaited.withdrawn_on is not None or done_on(session, task_id) is not None
