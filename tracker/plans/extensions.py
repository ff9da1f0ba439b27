"""Later deadlines: asked for with a reason, decided by a coordinator; the original one stays."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.deadlines import DeadlineKind
from tracker.core.errors import ValidationFailed
from tracker.core.work import Work
from tracker.plans import history, notices
from tracker.plans.inputs import AskExtension, DecideExtension, GrantExtensions
from tracker.plans.models import Assignment, Decision, Extension, Reported, Task
from tracker.plans.reach import plan_in_force, reach_assignment, require_version

LONGEST_REASON = 5000


def ask_extension(work: Work, data: AskExtension) -> int:
    """Ask for a later deadline; return the request's id. Raises ValidationFailed by field."""
    assignment = reach_assignment(work, data.assignment_id, "tasks.extend")
    plan_in_force(work, assignment)
    _require_sense(work, assignment, data.new_due_on, data.reason, "new_due_on")
    if _pending(work, assignment) is not None:
        raise ValidationFailed({"": _("Đã có một đề nghị gia hạn đang chờ quyết định.")})
    request = Extension(
        assignment_id=assignment.id,
        old_due_on=assignment.due_on,
        new_due_on=data.new_due_on,
        reason=data.reason,
        state=Decision.PENDING,
        requested_at=work.now,
        requested_by_id=work.actor.user_id,
        requested_by_name=work.actor.name,
    )
    work.session.add(request)
    work.session.flush()
    notices.tell_extension_asked(work, assignment, request)
    return request.id


def decide_extension(work: Work, data: DecideExtension) -> int:
    """Approve or refuse a request; return its assignment's id.

    Nobody decides on his own request. Raises ValidationFailed, Conflict for a stale form,
    NotFound, PermissionDenied.
    """
    request = work.get(Extension, data.extension_id)
    assignment = reach_assignment(work, request.assignment_id, "tasks.decide")
    plan_in_force(work, assignment)
    if request.state is not Decision.PENDING:
        raise ValidationFailed({"": _("Đề nghị này đã được quyết định.")})
    if request.requested_by_id is not None and request.requested_by_id == work.actor.user_id:
        raise ValidationFailed({"": _("Người đề nghị không tự quyết định được. Cần người khác.")})
    if not data.approved and not data.note:
        raise ValidationFailed({"note": _("Hãy nêu lý do không đồng ý.")})
    require_version(assignment, data.version)
    request.state = Decision.APPROVED if data.approved else Decision.REFUSED
    request.decided_at = work.now
    request.decided_on = work.today
    request.decided_by_id = work.actor.user_id
    request.decided_by_name = work.actor.name
    request.decision_note = data.note
    if data.approved:
        _date_undated(assignment, request.new_due_on)
        history.rebuild(work, [assignment.id])
    notices.tell_extension_decided(work, assignment, request)
    return assignment.id


def grant_extensions(work: Work, data: GrantExtensions) -> int:
    """Give several assignments a later deadline without a request; return how many.

    Raises ValidationFailed when it makes no sense for one of them; then none is changed.
    """
    for key in sorted(set(data.assignment_ids)):
        assignment = reach_assignment(work, key, "tasks.decide")
        plan_in_force(work, assignment)
        add_approved(work, assignment, data.new_due_on, data.reason, field="new_due_on")
    history.rebuild(work, data.assignment_ids)
    return len(set(data.assignment_ids))


def add_approved(
    work: Work, assignment: Assignment, new_due_on: date, reason: str, field: str
) -> Extension:
    """Add a decided extension; the caller has checked the right and rebuilds the history.

    A pending request of the unit is answered by it. Raises ValidationFailed on `field`.
    """
    _require_sense(work, assignment, new_due_on, reason, field)
    pending = _pending(work, assignment)
    if pending is not None:
        pending.state = Decision.REFUSED
        pending.decided_at, pending.decided_on = work.now, work.today
        pending.decided_by_id, pending.decided_by_name = work.actor.user_id, work.actor.name
        pending.decision_note = _("Đã gia hạn theo quyết định khác: %(reason)s", reason=reason)
        work.session.flush()
        notices.tell_extension_decided(work, assignment, pending)
    granted = Extension(
        assignment_id=assignment.id,
        old_due_on=assignment.due_on,
        new_due_on=new_due_on,
        reason=reason,
        state=Decision.APPROVED,
        requested_at=work.now,
        requested_by_id=work.actor.user_id,
        requested_by_name=work.actor.name,
        decided_at=work.now,
        decided_on=work.today,
        decided_by_id=work.actor.user_id,
        decided_by_name=work.actor.name,
        decision_note=reason,
    )
    work.session.add(granted)
    _date_undated(assignment, new_due_on)
    return granted


def _date_undated(assignment: Assignment, day: date) -> None:
    """What never had a deadline is judged by its first one."""
    if assignment.original_due_on is None:
        assignment.original_due_on = day


def _pending(work: Work, assignment: Assignment) -> Extension | None:
    return work.session.scalar(
        select(Extension).where(
            Extension.assignment_id == assignment.id, Extension.state == Decision.PENDING
        )
    )


def _require_sense(
    work: Work, assignment: Assignment, new_due_on: date, reason: str, field: str
) -> None:
    problems: dict[str, str] = {}
    if assignment.reported is Reported.DONE:
        problems[""] = _("Việc đã báo hoàn thành thì không gia hạn.")
    task = work.session.get_one(Task, assignment.task_id)
    if task.deadline_kind is DeadlineKind.OPEN_ENDED:
        problems[""] = _("Việc thường xuyên không có hạn để gia hạn.")
    if assignment.due_on is not None and new_due_on <= assignment.due_on:
        problems[field] = _("Hạn mới phải sau hạn hiện tại.")
    elif new_due_on < work.today:
        problems[field] = _("Hạn mới không được trước hôm nay.")
    if not reason:
        problems["reason"] = _("Hãy nêu lý do.")
    elif len(reason) > LONGEST_REASON:
        problems["reason"] = _("Dài quá %(most)d ký tự.", most=LONGEST_REASON)
    if problems:
        raise ValidationFailed(problems)
