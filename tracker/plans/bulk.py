"""Changing several plans or rows at once, in one unit of work: all of them or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _

from tracker.core.errors import ValidationFailed
from tracker.core.work import Work
from tracker.plans import waiting
from tracker.plans.documents import require_changeable
from tracker.plans.models import Plan, ReformArea, Task

MOST_AT_ONCE: Final = 500


@dataclass(frozen=True)
class SetArea:
    """The reform area that these rows belong to; None for none."""

    task_ids: tuple[int, ...]
    area_id: int | None


def set_area(work: Work, data: SetArea) -> int:
    """Put rows under a reform area and return how many changed.

    The area is no printed part of a plan, so no amending document is asked for. Raises
    ValidationFailed, NotFound, PermissionDenied; then none is changed.
    """
    if not data.task_ids:
        raise ValidationFailed({"": _("Hãy chọn ít nhất một việc.")})
    if len(data.task_ids) > MOST_AT_ONCE:
        raise ValidationFailed(
            {"": _("Mỗi lần làm được với nhiều nhất %(most)d việc.", most=MOST_AT_ONCE)}
        )
    if data.area_id is not None and work.session.get(ReformArea, data.area_id) is None:
        raise ValidationFailed({"area_id": _("Hãy chọn một mục trong danh sách.")})
    changed = 0
    for key in sorted(set(data.task_ids)):
        task = work.get(Task, key)
        plan = work.session.get_one(Plan, task.plan_id)
        work.require("plans.manage", plan)
        require_changeable(plan)
        if task.area_id != data.area_id:
            task.area_id = data.area_id
            changed += 1
    return changed


@dataclass(frozen=True)
class SetConfirmation:
    """Whether what units report as done counts only once it is confirmed, in these plans."""

    plan_ids: tuple[int, ...]
    needs_confirmation: bool


def set_confirmation(work: Work, data: SetConfirmation) -> int:
    """Ask for confirmation in several plans, or no longer; return how many plans changed.

    Raises ValidationFailed, NotFound, PermissionDenied; then none is changed.
    """
    changed = 0
    for key in sorted(set(data.plan_ids)):
        plan = work.get(Plan, key)
        work.require("plans.manage", plan)
        require_changeable(plan)
        if plan.needs_confirmation != data.needs_confirmation:
            plan.needs_confirmation = data.needs_confirmation
            if not data.needs_confirmation:
                waiting.wake_reported(work, plan)
            changed += 1
    return changed
