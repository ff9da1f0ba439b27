"""How open assignments change hands when units are merged, split or ended; closed ones stay."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tracker.core.db import db
from tracker.core.errors import ValidationFailed
from tracker.core.work import Work
from tracker.plans import history
from tracker.plans.models import Assignment, EntryKind, Plan, PlanState, Reported, Task
from tracker.plans.reach import enter
from tracker.plugins.descriptors import Handover, HandoverItem

KEY = "plans.assignments"


def _open(handover: Handover) -> Select[Assignment, str]:
    return (
        select(Assignment, Task.title)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Assignment.unit_id.in_(sorted(handover.successors)),
            Assignment.reported != Reported.DONE,
            Assignment.withdrawn_on.is_(None),
            Plan.state == PlanState.ISSUED,
        )
        .order_by(Assignment.unit_id, Assignment.due_on, Assignment.id)
    )


def _receiver(handover: Handover, assignment: Assignment) -> int | None:
    """Return who takes the assignment: whom a person chose, else the only successor."""
    successors = handover.successors[assignment.unit_id]
    chosen = handover.choices.get((KEY, assignment.id))
    if chosen is not None:
        return chosen if chosen in successors else None
    return successors[0] if len(successors) == 1 else None


def preview(handover: Handover) -> Sequence[HandoverItem]:
    """Return the open assignments of the units that end, and who would take each."""
    return [
        HandoverItem(
            record_id=assignment.id,
            title=title,
            from_unit_id=assignment.unit_id,
            to_unit_id=_receiver(handover, assignment),
        )
        for assignment, title in db.session.execute(_open(handover))
    ]


def apply(work: Work, handover: Handover) -> int:
    """Hand the open assignments over from the operation's day; return how many changed hands.

    Where the receiver already has the same open share of the task (two communes with one task
    each become one), the two become one: the one handed over is withdrawn in its favour. Raises
    ValidationFailed where nobody is named to take one.
    """
    moved: list[Assignment] = []
    for assignment, title in work.session.execute(_open(handover)).all():
        receiver = _receiver(handover, assignment)
        if receiver is None:
            raise ValidationFailed(
                {"": _("Chưa chọn đơn vị nhận việc “%(title)s”.", title=title[:120])}
            )
        giver = assignment.unit_id
        if receiver == giver:
            continue
        same = _same_share(work.session, assignment, receiver)
        note = _("Bàn giao theo %(decision)s.", decision=handover.decision or "…")
        if same is not None and same.reported is not Reported.DONE and same.withdrawn_on is None:
            enter(
                work,
                assignment,
                EntryKind.WITHDRAWN,
                effective_on=handover.effective_on,
                note=_("%(note)s Gộp vào việc cùng nội dung của đơn vị nhận.", note=note),
            )
        else:
            if same is not None:
                assignment.occurrence = _free_occurrence(work.session, assignment, receiver)
            # The entry keeps who gave: who received follows from the rows after it.
            enter(
                work,
                assignment,
                EntryKind.HANDED_OVER,
                effective_on=handover.effective_on,
                unit_id=giver,
                note=note,
            )
            assignment.handed_over_from_id = giver
            assignment.unit_id = receiver
        work.session.flush()
        moved.append(assignment)
    history.rebuild(work, [one.id for one in moved])
    return len(moved)


def _same_share(session: Session, assignment: Assignment, unit_id: int) -> Assignment | None:
    return session.scalar(
        select(Assignment).where(
            Assignment.task_id == assignment.task_id,
            Assignment.unit_id == unit_id,
            Assignment.occurrence == assignment.occurrence,
        )
    )


def _free_occurrence(session: Session, assignment: Assignment, unit_id: int) -> int:
    taken = session.scalars(
        select(Assignment.occurrence).where(
            Assignment.task_id == assignment.task_id, Assignment.unit_id == unit_id
        )
    )
    return max(taken, default=0) + 1
