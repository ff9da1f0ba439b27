"""Services of the ladder: its rungs as data, and pauses with an accepted reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.errors import Conflict, FieldError, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.notices.escalation_models import Audience, EscalationPause, EscalationRung
from tracker.notices.permissions import LADDER
from tracker.plans.reach import plan_in_force, reach_assignment

FIRST, LAST = -60, 120
LONGEST_REASON: Final = 500
LONGEST_PAUSE: Final = timedelta(days=180)


@dataclass(frozen=True)
class SaveRung:
    """A rung as it should be; without an id a new one."""

    offset_days: int | None
    audience: Audience | None
    is_active: bool
    rung_id: int | None = None
    version: int | None = None


def save_rung(work: Work, data: SaveRung) -> int:
    """Add or change a rung; return its id. Raises ValidationFailed, Conflict, NotFound."""
    work.require_held(LADDER)
    problems: list[FieldError] = []
    if data.offset_days is None or not FIRST <= data.offset_days <= LAST:
        fault = _("Nhập số từ %(low)d đến %(high)d.", low=FIRST, high=LAST)
        problems.append(FieldError("offset_days", fault))
    if data.audience is None:
        problems.append(FieldError("audience", _("Chọn người được báo.")))
    if problems or data.offset_days is None or data.audience is None:
        raise ValidationFailed(problems)
    same = work.session.scalar(
        select(EscalationRung.id).where(
            EscalationRung.offset_days == data.offset_days,
            EscalationRung.audience == data.audience,
        )
    )
    if same is not None and same != data.rung_id:
        raise ValidationFailed({"offset_days": _("Đã có bậc này.")})
    if data.rung_id is None:
        row = EscalationRung()
        work.session.add(row)
    else:
        row = work.get(EscalationRung, data.rung_id)
        if row.version != data.version:
            raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    row.offset_days, row.audience = data.offset_days, data.audience
    row.is_active = data.is_active
    work.session.flush()
    return row.id


@dataclass(frozen=True)
class PauseReminders:
    """Nobody is to be reminded of an assignment until a day, and why."""

    assignment_id: int
    until: date | None
    reason: str


def pause_reminders(work: Work, data: PauseReminders) -> int:
    """Let the ladder rest for an assignment; return the assignment's id.

    For whoever decides on its deadline. Raises ValidationFailed, NotFound, PermissionDenied.
    """
    assignment = reach_assignment(work, data.assignment_id, "tasks.decide")
    plan_in_force(work, assignment)
    reason = normalise(data.reason)
    problems: dict[str, str] = {}
    if data.until is None or data.until < work.today:
        problems["until"] = _("Chọn một ngày từ hôm nay trở đi.")
    elif data.until - work.today > LONGEST_PAUSE:
        problems["until"] = _("Tạm dừng nhiều nhất %(most)d ngày.", most=LONGEST_PAUSE.days)
    if not reason:
        problems["reason"] = _("Hãy nêu lý do.")
    elif len(reason) > LONGEST_REASON:
        problems["reason"] = _("Dài quá %(most)d ký tự.", most=LONGEST_REASON)
    if problems or data.until is None:
        raise ValidationFailed(problems)
    work.session.add(
        EscalationPause(
            assignment_id=assignment.id,
            until=data.until,
            reason=reason,
            created_at=work.now,
            created_by_id=work.actor.user_id,
            created_by_name=work.actor.name,
        )
    )
    return assignment.id
