"""Services of the annual inspection plan, a numbered document of its own.

Once it is issued, its rows change by an amending document only, and each document keeps them as it
has them: as issued, added, changed, withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core import text
from tracker.core.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.core.work import Work
from tracker.inspections import rules
from tracker.inspections.inputs import (
    AddPlanItems,
    AmendPlan,
    EditPlanItem,
    PlanRef,
    RemovePlanItem,
    SavePlan,
)
from tracker.inspections.models import (
    InspectionPlan,
    InspectionPlanDocument,
    InspectionPlanItem,
    InspectionPlanItemVersion,
    Visit,
    VisitState,
)
from tracker.inspections.permissions import PLAN, VIEW
from tracker.units import sets
from tracker.units.models import Unit

MOST_ITEMS = 1000
ADDED, CHANGED, WITHDRAWN = "added", "changed", "withdrawn"


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
        _put_right(work, plan)
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
    document = _document_of(work, plan, data.document_id)
    known = {
        row.unit_id: row
        for row in work.session.scalars(
            select(InspectionPlanItem).where(
                InspectionPlanItem.plan_id == plan.id, InspectionPlanItem.planned_from == start
            )
        )
    }
    made: list[InspectionPlanItem] = []
    for unit in units:
        if not work.may(PLAN, unit):
            raise ValidationFailed({"unit_ids": _("Có đơn vị ngoài phạm vi của bạn.")})
        if unit.valid_to is not None and unit.valid_to <= start:
            raise ValidationFailed(
                {"unit_ids": _("%(unit)s đã kết thúc hoạt động.", unit=unit.name)}
            )
        item = known.get(unit.id)
        if item is not None and item.withdrawn_on is None:
            continue
        if item is None:
            item = InspectionPlanItem(plan_id=plan.id, unit_id=unit.id, planned_from=start)
            work.session.add(item)
        # A row that an earlier document took out comes back as the same row.
        item.planned_to, item.scope = end, text.normalise(data.scope)
        item.withdrawn_on = None
        item.valid_from = document.issued_on if document else None
        made.append(item)
    work.session.flush()
    if document is not None:
        _keep_versions(work, made, document, ADDED)
    return len(made)


def edit_plan_item(work: Work, data: EditPlanItem) -> None:
    """Change when a unit is inspected and what is looked at.

    Raises ValidationFailed, also without a document once the plan is issued, Conflict when
    somebody was faster or the unit stands in these months already, NotFound.
    """
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    item = _item(work, plan, data.item_id)
    if item.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    try:
        start, end = rules.month_range(plan.year, data.month_from, data.month_to)
    except ValueError as error:
        raise ValidationFailed({"month_to": _("Tháng sau không trước tháng đầu.")}) from error
    scope = text.normalise(data.scope)
    if (item.planned_from, item.planned_to, item.scope) == (start, end, scope):
        return
    document = _document_of(work, plan, data.document_id)
    item.planned_from, item.planned_to, item.scope = start, end, scope
    work.session.flush()
    if document is not None:
        _keep_versions(work, [item], document, CHANGED)


def remove_plan_item(work: Work, data: RemovePlanItem) -> None:
    """Take a unit out of the plan; out of an issued one by a document, and its history stays.

    Raises Conflict when a visit rests on it that was not given up, ValidationFailed without the
    document.
    """
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    item = _item(work, plan, data.item_id)
    rests = select(Visit.id).where(
        Visit.plan_item_id == item.id, Visit.state != VisitState.CANCELLED
    )
    if work.session.scalar(rests.limit(1)):
        raise Conflict(_("Đơn vị này đã có cuộc kiểm tra theo kế hoạch, không bỏ được."))
    document = _document_of(work, plan, data.document_id)
    if document is None:
        work.session.delete(item)
        return
    item.withdrawn_on = document.issued_on
    _keep_versions(work, [item], document, WITHDRAWN)


def amend_plan(work: Work, data: AmendPlan) -> int:
    """Register a document that amends an issued plan; return its key. Changes then name it.

    Raises ValidationFailed for a plan that is not issued, a missing number or an impossible date,
    Conflict for a document that the plan has already.
    """
    plan = _get(work, data.key)
    work.require(PLAN, plan)
    if not plan.is_issued or plan.issued_on is None:
        raise ValidationFailed({"": _("Kế hoạch chưa ban hành thì sửa thẳng, không cần văn bản.")})
    number = text.normalise(data.number)
    errors = {}
    if not number:
        errors["number"] = _("Hãy ghi số, ký hiệu văn bản.")
    if data.issued_on is None:
        errors["issued_on"] = _("Hãy ghi ngày văn bản.")
    elif data.issued_on < plan.issued_on:
        errors["issued_on"] = _(
            "Văn bản điều chỉnh không thể trước ngày ban hành kế hoạch (%(day)s).",
            day=f"{plan.issued_on:%d/%m/%Y}",
        )
    elif data.issued_on > work.today:
        errors["issued_on"] = _("Ngày văn bản chưa tới.")
    if errors or data.issued_on is None:
        raise ValidationFailed(errors)
    known = documents_of(work, plan)
    if any((one.number, one.issued_on) == (number, data.issued_on) for one in known):
        raise Conflict(_("Kế hoạch đã có văn bản số %(number)s này.", number=number))
    document = InspectionPlanDocument(
        plan_id=plan.id,
        ordinal=1 + max(one.ordinal for one in known),
        number=number,
        issued_on=data.issued_on,
        summary=text.normalise(data.summary),
    )
    work.session.add(document)
    work.session.flush()
    return document.id


def documents_of(work: Work, plan: InspectionPlan) -> list[InspectionPlanDocument]:
    """Return the documents of a plan, as issued first."""
    return list(
        work.session.scalars(
            select(InspectionPlanDocument)
            .where(InspectionPlanDocument.plan_id == plan.id)
            .order_by(InspectionPlanDocument.ordinal)
        )
    )


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
    assert plan.issued_on is not None
    document = InspectionPlanDocument(
        plan_id=plan.id, ordinal=0, number=plan.number, issued_on=plan.issued_on, summary=""
    )
    work.session.add(document)
    rows = work.session.scalars(
        select(InspectionPlanItem)
        .where(InspectionPlanItem.plan_id == plan.id)
        .order_by(InspectionPlanItem.id)
    ).all()
    for row in rows:
        row.valid_from = plan.issued_on
    work.session.flush()
    _keep_versions(work, rows, document, ADDED)


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


def _item(work: Work, plan: InspectionPlan, item_id: int) -> InspectionPlanItem:
    item = work.get(InspectionPlanItem, item_id)
    if item.plan_id != plan.id or item.withdrawn_on is not None:
        raise NotFound
    return item


def _document_of(
    work: Work, plan: InspectionPlan, document_id: int | None
) -> InspectionPlanDocument | None:
    """Return the amending document behind a change, None for a draft, which needs none.

    Raises ValidationFailed when an issued plan is changed without one.
    """
    if not plan.is_issued:
        return None
    known = {one.id: one for one in documents_of(work, plan) if one.ordinal > 0}
    document = known.get(document_id or 0)
    if document is None:
        raise ValidationFailed(
            {
                "document_id": _(
                    "Kế hoạch đã ban hành: hãy chọn văn bản điều chỉnh làm căn cứ cho thay đổi này."
                )
            }
        )
    return document


def _keep_versions(
    work: Work,
    items: Sequence[InspectionPlanItem],
    document: InspectionPlanDocument,
    action: str,
) -> None:
    """Keep rows as a document has them; what one document says twice of a row counts as last."""
    known = {
        one.item_id: one
        for one in work.session.scalars(
            select(InspectionPlanItemVersion).where(
                InspectionPlanItemVersion.document_id == document.id
            )
        )
    }
    for item in items:
        version = known.get(item.id)
        if version is None:
            version = InspectionPlanItemVersion(item_id=item.id, document_id=document.id)
            work.session.add(version)
        elif version.action == ADDED and action == CHANGED:
            # Added and put right by the same document: it adds the row as it is now.
            action = ADDED
        version.action = action
        version.content = {
            "from": item.planned_from.isoformat(),
            "to": item.planned_to.isoformat(),
            "scope": item.scope,
        }
    work.session.flush()


def _put_right(work: Work, plan: InspectionPlan) -> None:
    """Keep number and date of an issued plan and of its first document the same."""
    _require_identity(plan)
    assert plan.issued_on is not None
    first, *later = documents_of(work, plan)
    if any(one.issued_on < plan.issued_on for one in later):
        raise ValidationFailed(
            {"issued_on": _("Ngày ban hành không thể sau ngày văn bản điều chỉnh.")}
        )
    first.number, first.issued_on = plan.number, plan.issued_on


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
