"""Urging (đôn đốc): a leader's push with a day to answer by, and the unit's answer."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tracker.core.errors import ValidationFailed
from tracker.core.rights import Access, rights
from tracker.core.work import Work
from tracker.plans import notices
from tracker.plans.inputs import AnswerUrge, UrgeUnits
from tracker.plans.models import Assignment, Reported, Urge
from tracker.plans.progress import require_few
from tracker.plans.reach import plan_in_force, reach_assignment

LONGEST_MESSAGE = 2000


def urge_units(work: Work, data: UrgeUnits) -> int:
    """Push for several assignments; return how many urges were sent.

    Raises ValidationFailed by field, also for work that is already done; then none is sent.
    """
    require_few(data.assignment_ids)
    problems: dict[str, str] = {}
    if not data.message:
        problems["message"] = _("Hãy ghi nội dung đôn đốc.")
    elif len(data.message) > LONGEST_MESSAGE:
        problems["message"] = _("Dài quá %(most)d ký tự.", most=LONGEST_MESSAGE)
    if data.reply_by < work.today:
        problems["reply_by"] = _("Hạn trả lời không được trước hôm nay.")
    if problems:
        raise ValidationFailed(problems)
    for key in sorted(set(data.assignment_ids)):
        assignment = reach_assignment(work, key, "tasks.urge")
        plan_in_force(work, assignment)
        if assignment.reported is Reported.DONE:
            raise ValidationFailed({"": _("Có việc đã báo hoàn thành, không cần đôn đốc.")})
        urge = Urge(
            assignment_id=assignment.id,
            message=data.message,
            reply_by=data.reply_by,
            urged_at=work.now,
            urged_by_id=work.actor.user_id,
            urged_by_name=work.actor.name,
        )
        work.session.add(urge)
        work.session.flush()
        notices.tell_urged(work, assignment, urge)
    return len(set(data.assignment_ids))


def answer_urge(work: Work, data: AnswerUrge) -> int:
    """Answer a push; return its assignment's id. Raises ValidationFailed for a second answer."""
    urge = work.get(Urge, data.urge_id)
    assignment = reach_assignment(work, urge.assignment_id, "tasks.answer")
    if urge.answered_at is not None:
        raise ValidationFailed({"": _("Đôn đốc này đã được trả lời.")})
    if not data.answer:
        raise ValidationFailed({"answer": _("Hãy ghi câu trả lời.")})
    if len(data.answer) > LONGEST_MESSAGE:
        raise ValidationFailed({"answer": _("Dài quá %(most)d ký tự.", most=LONGEST_MESSAGE)})
    urge.answer = data.answer
    urge.answered_at = work.now
    urge.answered_by_id = work.actor.user_id
    urge.answered_by_name = work.actor.name
    notices.tell_answered(work, assignment, urge)
    return assignment.id


def unanswered() -> ColumnElement[bool]:
    """Return the condition of urges that wait for an answer."""
    return Urge.answered_at.is_(None)


def count_unanswered(session: Session, access: Access, permission: str = "tasks.urge") -> int:
    """Return how many urges wait for an answer within the reach of a permission."""
    return session.execute(
        select(func.count())
        .select_from(Urge)
        .join(Assignment, Assignment.id == Urge.assignment_id)
        .where(unanswered(), rights.visible(access, permission, Assignment))
    ).scalar_one()
