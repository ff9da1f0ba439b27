"""Services of the annual inspection plan, a numbered document of its own."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core import text
from tracker.core.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.core.work import Work
from tracker.inspections import rules
from tracker.inspections.inputs import AddPlanItems, PlanRef, RemovePlanItem, SavePlan
from tracker.inspections.models import InspectionPlan, InspectionPlanItem, Visit
from tracker.inspections.permissions import PLAN, VIEW
from tracker.units import sets
from tracker.units.models import Unit

MOST_ITEMS = 1000


def save_plan(work: Work, data: SavePlan) -> str:
    """Make or change a plan; return its key. Once issued, only its number and date may change."""
    work.require_held(PLAN)
    title = text.normalise(data.title)
    errors = []
    if not title:
        errors.append(FieldError("title", _("Hãy đặt tên kế hoạch.")))
    if not 2000 <= data.year <= 2100:
        errors.append(FieldError("year", _("Năm chưa đúng.")))
    issuer = work.session.get(Unit, data.issuer_id)
    if issuer is None or not work.may(PLAN, issuer):
        errors.append(FieldError("issuer_id", _("Hãy chọn cơ quan trong phạm vi của bạn.")))
    if data.issued_on is not None and data.issued_on > work.today:
        errors.append(FieldError("issued_on", _("Ngày ban hành không sau hôm nay.")))
    if errors or issuer is None:
        raise ValidationFailed(errors)
    if data.key is None:
        plan = InspectionPlan(key=_free_key(work, title, data.year), issuer_id=issuer.id)
        plan.is_issued = False
        work.session.add(plan)
    else:
        plan = _get(work, data.key)
        work.require(PLAN, plan)
        if data.version is not None and plan.version != data.version:
            raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
        if plan.is_issued and (plan.year, plan.issuer_id) != (data.year, issuer.id):
            raise Conflict(_("Kế hoạch đã ban hành, không đổi năm và cơ quan được."))
        if data.year != plan.year and work.session.scalar(
            select(InspectionPlanItem.id).where(InspectionPlanItem.plan_id == plan.id).limit(1)
        ):
            raise ValidationFailed({"year": _("Đã có đơn vị trong kế hoạch, không đổi năm được.")})
        plan.issuer_id = issuer.id
    plan.title, plan.year = title, data.year
    plan.sort_key = text.sort_key(title)
    plan.number = text.normalise(data.number)
    plan.issued_on = data.issued_on
    if plan.is_issued:
        _require_identity(plan)
    work.session.flush()
    return plan.key


def add_plan_items(work: Work, data: AddPlanItems) -> int:
    """Add units, by hand and by unit set, within months of the plan's year.

    Returns how many were added; a unit that is already there from the same month is left as it is.
    """
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    try:
        start, end = rules.month_range(plan.year, data.month_from, data.month_to)
    except ValueError as error:
        raise ValidationFailed({"month_to": _("Tháng sau không trước tháng đầu.")}) from error
    ids = list(dict.fromkeys(data.unit_ids))
    if data.unit_set_id is not None:
        ids += [
            one
            for one in sets.resolve(work.session, data.unit_set_id, work.today)
            if one not in ids
        ]
    units = work.session.scalars(select(Unit).where(Unit.id.in_(ids))).all()
    if not units or len(units) != len(ids):
        raise ValidationFailed({"unit_ids": _("Hãy chọn đơn vị hoặc nhóm đơn vị.")})
    if len(ids) > MOST_ITEMS:
        raise ValidationFailed(
            {"unit_ids": _("Mỗi lần thêm nhiều nhất %(most)d đơn vị.", most=MOST_ITEMS)}
        )
    known = set(
        work.session.scalars(
            select(InspectionPlanItem.unit_id).where(
                InspectionPlanItem.plan_id == plan.id, InspectionPlanItem.planned_from == start
            )
        )
    )
    added = 0
    for unit in units:
        if not work.may(PLAN, unit):
            raise ValidationFailed({"unit_ids": _("Có đơn vị ngoài phạm vi của bạn.")})
        if unit.valid_to is not None and unit.valid_to <= start:
            raise ValidationFailed(
                {"unit_ids": _("%(unit)s đã kết thúc hoạt động.", unit=unit.name)}
            )
        if unit.id not in known:
            work.session.add(
                InspectionPlanItem(
                    plan_id=plan.id,
                    unit_id=unit.id,
                    planned_from=start,
                    planned_to=end,
                    scope=text.normalise(data.scope),
                )
            )
            added += 1
    return added


def remove_plan_item(work: Work, data: RemovePlanItem) -> None:
    """Take a unit out of the plan. Raises Conflict when a visit rests on it."""
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    item = work.get(InspectionPlanItem, data.item_id)
    if item.plan_id != plan.id:
        raise NotFound
    if work.session.scalar(select(Visit.id).where(Visit.plan_item_id == item.id).limit(1)):
        raise Conflict(_("Đơn vị này đã có cuộc kiểm tra theo kế hoạch, không bỏ được."))
    work.session.delete(item)


def issue_plan(work: Work, data: PlanRef) -> None:
    """Issue the plan: it needs a number, a date and units. Visits may then rest on it."""
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    if plan.is_issued:
        return
    _require_identity(plan)
    if not work.session.scalar(
        select(InspectionPlanItem.id).where(InspectionPlanItem.plan_id == plan.id).limit(1)
    ):
        raise ValidationFailed({"": _("Kế hoạch chưa có đơn vị nào.")})
    plan.is_issued = True


def delete_plan(work: Work, data: PlanRef) -> None:
    """Delete a draft nobody rests on. Raises Conflict for an issued plan."""
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    if plan.is_issued:
        raise Conflict(_("Kế hoạch đã ban hành, không xóa được."))
    for item in work.session.scalars(
        select(InspectionPlanItem).where(InspectionPlanItem.plan_id == plan.id)
    ):
        work.session.delete(item)
    work.session.flush()
    work.session.delete(plan)


def _get(work: Work, key: str) -> InspectionPlan:
    plan = work.session.scalar(
        select(InspectionPlan).where(InspectionPlan.key == key).with_for_update()
    )
    if plan is None or not work.may(VIEW, plan):
        raise NotFound
    return plan


def _require_identity(plan: InspectionPlan) -> None:
    if not plan.number or plan.issued_on is None:
        raise ValidationFailed({"number": _("Hãy ghi số và ngày của kế hoạch trước khi ban hành.")})


def _free_key(work: Work, title: str, year: int) -> str:
    base = text.slug(title) or "ke-hoach-kiem-tra"
    if str(year) not in base:
        base = f"{base[:60].rstrip('-')}-{year}"
    base = base[:72].rstrip("-")
    taken = set(
        work.session.scalars(select(InspectionPlan.key).where(InspectionPlan.key.startswith(base)))
    )
    key, number = base, 2
    while key in taken or key in RESERVED:
        key, number = f"{base}-{number}", number + 1
    return key


# Addresses under /kiem-tra/ke-hoach that are not plans.
RESERVED = frozenset({"moi"})
