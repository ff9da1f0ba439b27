"""The first step of every service here: the record, locked, if the actor may do this to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from flask_babel import gettext as _
from sqlalchemy import Select, bindparam, select

from tracker.core.db import read_rows
from tracker.core.errors import (
    Conflict,
    FieldConflict,
    NotFound,
    PermissionDenied,
    ValidationFailed,
)
from tracker.core.work import Work
from tracker.plans.models import Assignment, EntryKind, Plan, PlanState, ProgressEntry, Task

VIEW = "plans.view"


def reach_assignment(work: Work, assignment_id: int, *permissions: str) -> Assignment:
    """Return the assignment, locked. Raises NotFound for whoever may not even see it, else
    PermissionDenied unless one of `permissions` reaches it.
    """
    assignment = work.get(Assignment, assignment_id)
    if not any(work.may(permission, assignment) for permission in permissions):
        raise PermissionDenied if work.may(VIEW, assignment) else NotFound
    return assignment


@dataclass(frozen=True)
class PlanInForce:
    """What a report on an assignment has to know of its plan."""

    needs_confirmation: bool


@cache
def _plan_of_task() -> Select[bool, PlanState, date | None]:
    """Return the query of `plan_in_force`, sent with each report and made once."""
    return (
        select(Plan.needs_confirmation, Plan.state, Task.withdrawn_on)
        .join(Task, Task.plan_id == Plan.id)
        .where(Task.id == bindparam("task_id"))
    )


def plan_in_force(work: Work, assignment: Assignment) -> PlanInForce:
    """Return the plan of an assignment on which something can still be reported or decided.

    Raises ValidationFailed for a draft, a closed plan and withdrawn work.
    """
    needs_confirmation, state, withdrawn_on = read_rows(
        work.session, _plan_of_task(), {"task_id": assignment.task_id}
    ).one()
    if state is PlanState.CLOSED:
        raise ValidationFailed({"": _("Kế hoạch đã đóng, không ghi thêm được.")})
    if state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Kế hoạch chưa ban hành, chưa ghi được tiến độ.")})
    gone = [day for day in (assignment.withdrawn_on, withdrawn_on) if day is not None]
    if gone and min(gone) <= work.today:
        raise ValidationFailed({"": _("Việc này đã được rút khỏi kế hoạch.")})
    return PlanInForce(needs_confirmation)


def require_version(
    assignment: Assignment, version: int | None, fields: tuple[FieldConflict, ...] = ()
) -> None:
    """Raise Conflict when the assignment has changed since the form was opened."""
    if version is not None and version != assignment.version:
        raise Conflict(
            _("Việc này vừa được người khác cập nhật. Xem lại số liệu mới rồi gửi lại."), fields
        )


def enter(work: Work, assignment: Assignment, kind: EntryKind, **values: object) -> ProgressEntry:
    """Add a line to the history of an assignment, in the name of whoever acts; flushes."""
    entry = ProgressEntry(
        assignment_id=assignment.id,
        kind=kind,
        recorded_at=work.now,
        recorded_by_id=work.actor.user_id,
        recorded_by_name=work.actor.name,
        **{"effective_on": work.today, **values},
    )
    work.session.add(entry)
    work.session.flush()
    return entry
