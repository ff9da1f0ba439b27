"""What changes the register: categories, reasons, posts, people, moves and deferrals."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

from sqlalchemy import func, select

from tracker.api import text
from tracker.api.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.queries import unit_closure
from tracker.api.work import Work, require_everywhere
from tracker_position_rotation import rules
from tracker_position_rotation.inputs import (
    AddDeferral,
    EndDeferral,
    MovePerson,
    SaveCategory,
    SavePerson,
    SavePost,
    SaveReason,
)
from tracker_position_rotation.models import (
    Category,
    Deferral,
    Holding,
    Person,
    PlanRow,
    Post,
    Reason,
    keep_reason,
    reason_of,
)
from tracker_position_rotation.permissions import MANAGE

Saved = TypeVar("Saved", Category, Reason, Post, Person)


def _newest(work: Work, model: type[Saved], key: int, version: int | None) -> Saved:
    record = work.get(model, key)
    if version is not None and record.version != version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    return record


def _required(errors: list[FieldError], **values: str) -> None:
    for name, value in values.items():
        if not value:
            errors.append(FieldError(name, _("Hãy điền mục này.")))


def save_category(work: Work, data: SaveCategory) -> int:
    """Make or change a category. Raises ValidationFailed for a period outside 24 to 60 months.

    It counts for the whole instance: PermissionDenied unless the right covers all of it.
    """
    require_everywhere(MANAGE)
    code, title = text.normalise(data.code), text.normalise(data.title)
    errors: list[FieldError] = []
    _required(errors, code=code, title=title)
    if not rules.SHORTEST_PERIOD <= data.months <= rules.LONGEST_PERIOD:
        errors.append(FieldError("months", _("Thời hạn từ 24 đến 60 tháng.")))
    elif not 0 <= data.alert_months <= data.months:
        errors.append(FieldError("alert_months", _("Mốc nhắc không vượt quá thời hạn.")))
    if data.valid_to is not None and data.valid_to <= data.valid_from:
        errors.append(FieldError("valid_to", _("Ngày hết hiệu lực phải sau ngày có hiệu lực.")))
    same = select(Category.id).where(
        Category.code == code,
        Category.valid_from == data.valid_from,
        Category.id != (data.category_id or 0),
    )
    if code and work.session.scalar(same):
        errors.append(FieldError("code", _("Mã này đã có, cùng ngày có hiệu lực.")))
    if errors:
        raise ValidationFailed(errors)
    if data.category_id is None:
        category = Category()
        work.session.add(category)
    else:
        category = _newest(work, Category, data.category_id, data.version)
    category.code, category.title = code, title
    category.sort_key = text.sort_key(title)
    category.sector = text.normalise(data.sector)
    category.months, category.alert_months = data.months, data.alert_months
    category.legal_basis = text.normalise(data.legal_basis)
    category.valid_from, category.valid_to = data.valid_from, data.valid_to
    work.session.flush()
    return category.id


def save_reason(work: Work, data: SaveReason) -> int:
    """Make or change a reason for deferral or exemption; records that have it follow.

    It counts for the whole instance: PermissionDenied unless the right covers all of it.
    """
    require_everywhere(MANAGE)
    code, name = text.normalise(data.code), text.normalise(data.name)
    errors: list[FieldError] = []
    _required(errors, code=code, name=name)
    if data.valid_to is not None and data.valid_to <= data.valid_from:
        errors.append(FieldError("valid_to", _("Ngày hết hiệu lực phải sau ngày có hiệu lực.")))
    same = select(Reason.id).where(Reason.code == code, Reason.id != (data.reason_id or 0))
    if code and work.session.scalar(same):
        errors.append(FieldError("code", _("Mã này đã có.")))
    if errors:
        raise ValidationFailed(errors)
    if data.reason_id is None:
        reason = Reason()
        work.session.add(reason)
    else:
        reason = _newest(work, Reason, data.reason_id, data.version)
    reason.code, reason.name, reason.name_en = code, name, text.normalise(data.name_en)
    reason.counts_out, reason.is_private = data.counts_out, data.is_private
    reason.needs_end = data.needs_end
    reason.legal_basis = text.normalise(data.legal_basis)
    reason.valid_from, reason.valid_to = data.valid_from, data.valid_to
    work.session.flush()
    if data.reason_id is not None:
        _retell(work, reason)
    return reason.id


def _retell(work: Work, reason: Reason) -> None:
    """Let deferrals and plan rows keep a reason as it is now: private or not, counting out or not.

    Those with a private reason are read to find it: what is encrypted cannot be searched.
    """
    deferrals = select(Deferral).where(
        (Deferral.reason_id == reason.id) | Deferral.private_reason.is_not(None)
    )
    for deferral in work.session.scalars(deferrals):
        if reason_of(deferral) == reason.id:
            keep_reason(deferral, reason)
            deferral.counts_out = reason.counts_out
    rows = select(PlanRow).where(
        (PlanRow.reason_id == reason.id) | PlanRow.private_reason.is_not(None)
    )
    for row in work.session.scalars(rows):
        if reason_of(row) == reason.id:
            keep_reason(row, reason)
    work.session.flush()


def save_post(work: Work, data: SavePost) -> int:
    """Make or change a post in a unit that the actor manages."""
    work.require_held(MANAGE)
    title, profession = text.normalise(data.title), text.normalise(data.profession)
    errors: list[FieldError] = []
    _required(errors, title=title, profession=profession)
    if not 1 <= data.seats <= 1000:
        errors.append(FieldError("seats", _("Số biên chế từ 1 đến 1000.")))
    elif not 0 <= data.smallest <= data.seats:
        errors.append(FieldError("smallest", _("Số người tối thiểu không quá số biên chế.")))
    if data.category_id is not None and work.session.get(Category, data.category_id) is None:
        errors.append(FieldError("category_id", _("Hãy chọn một mục trong danh sách.")))
    post = None
    if data.post_id is not None:
        post = _newest(work, Post, data.post_id, data.version)
        work.require(MANAGE, post)
        if data.unit_id != post.unit_id:
            errors.append(FieldError("unit_id", _("Vị trí không đổi đơn vị; hãy lập vị trí mới.")))
    elif not work.may(MANAGE, Post(unit_id=data.unit_id)):
        errors.append(FieldError("unit_id", _("Hãy chọn đơn vị trong phạm vi của bạn.")))
    if not is_above(work, data.reach_unit_id, data.unit_id):
        errors.append(FieldError("reach_unit_id", _("Hãy chọn chính đơn vị này hoặc cấp trên.")))
    same = select(Post.id).where(
        Post.unit_id == data.unit_id, Post.title == title, Post.id != (data.post_id or 0)
    )
    if work.session.scalar(same):
        errors.append(FieldError("title", _("Đơn vị đã có vị trí mang tên này.")))
    if errors:
        raise ValidationFailed(errors)
    if post is None:
        post = Post(unit_id=data.unit_id)
        work.session.add(post)
    else:
        if data.seats < _holders_now(work, post.id):
            raise ValidationFailed({"seats": _("Số biên chế ít hơn số người đang giữ vị trí.")})
        if data.ended_on is not None and _holders_now(work, post.id):
            raise ValidationFailed({"ended_on": _("Vị trí đang có người, chưa kết thúc được.")})
    post.reach_unit_id = data.reach_unit_id
    post.title, post.profession = title, profession
    post.profession_folded = text.fold(profession)
    post.category_id = data.category_id
    post.seats, post.smallest, post.ended_on = data.seats, data.smallest, data.ended_on
    post.folded, post.sort_key = text.fold(title), text.sort_key(title)
    work.session.flush()
    return post.id


def is_above(work: Work, upper: int, unit_id: int) -> bool:
    """Tell whether a unit is another one's superior at any level, or that one itself."""
    found = select(unit_closure.c.ancestor_id).where(
        unit_closure.c.ancestor_id == upper, unit_closure.c.descendant_id == unit_id
    )
    return work.session.scalar(found) is not None


def _holders_now(work: Work, post_id: int) -> int:
    return (
        work.session.scalar(
            select(func.count())
            .select_from(Holding)
            .where(Holding.post_id == post_id, Holding.until.is_(None))
        )
        or 0
    )


def _free_post(work: Work, post_id: int | None, *, makes_room: int = 0) -> Post:
    """Return the post, locked, when the actor manages it and it has a seat."""
    post = (
        work.session.get(Post, post_id, with_for_update=True, populate_existing=True)
        if post_id
        else None
    )
    if post is None or not work.may(MANAGE, post):
        raise ValidationFailed({"post_id": _("Hãy chọn vị trí trong phạm vi của bạn.")})
    if post.ended_on is not None:
        raise ValidationFailed({"post_id": _("Vị trí này đã kết thúc.")})
    if _holders_now(work, post.id) >= post.seats + makes_room:
        raise ValidationFailed({"post_id": _("Vị trí này đã đủ người.")})
    return post


def save_person(work: Work, data: SavePerson) -> int:
    """Make or change an official. A new one begins in a post, from a day not after today."""
    work.require_held(MANAGE)
    staff_code, name = text.normalise(data.staff_code), text.normalise(data.name)
    errors: list[FieldError] = []
    _required(errors, staff_code=staff_code, name=name)
    if data.person_id is None and data.since is None:
        errors.append(FieldError("since", _("Hãy ghi ngày bắt đầu giữ vị trí.")))
    if data.since is not None and data.since > work.today:
        errors.append(FieldError("since", _("Ngày bắt đầu không sau hôm nay.")))
    if data.since_in_category is not None and data.since_in_category > (data.since or date.max):
        errors.append(
            FieldError(
                "since_in_category", _("Ngày này không sau ngày bắt đầu giữ vị trí hiện tại.")
            )
        )
    if errors:
        raise ValidationFailed(errors)
    taken = work.session.scalar(
        select(Person.id).where(Person.staff_code == staff_code, Person.id != (data.person_id or 0))
    )
    if taken:
        raise ValidationFailed({"staff_code": _("Mã số này đã có trong sổ.")})
    if data.person_id is None:
        person = Person()
        work.session.add(person)
    else:
        person = _newest(work, Person, data.person_id, data.version)
        work.require(MANAGE, person)
    person.staff_code, person.name = staff_code, name
    person.retires_on = data.retires_on
    person.retirement_override = text.normalise(data.retirement_override)
    person.folded, person.sort_key = text.fold(f"{name} {staff_code}"), text.person_sort_key(name)
    work.session.flush()
    if data.person_id is None and data.since is not None:
        post = _free_post(work, data.post_id)
        work.session.add(
            Holding(
                person_id=person.id,
                post_id=post.id,
                since=data.since,
                since_in_category=data.since_in_category or data.since,
            )
        )
        work.session.flush()
    return person.id


def move_person(work: Work, data: MovePerson) -> int:
    """End the post held now on `effective_on` and begin the next; return the person's id.

    The clock of the category begins anew, but for a post that was only made anew with its unit.
    Somebody who holds no post any more comes back into one.
    """
    person = _newest(work, Person, data.person_id, data.version)
    work.require(MANAGE, person)
    move(work, person, data)
    return person.id


def move(work: Work, person: Person, data: MovePerson, *, makes_room: int = 0) -> None:
    """Write a move of a person whose right was checked; shared with the plan's rows.

    `makes_room`: how many people a plan still has leave the post that the person goes to.
    """
    now = work.session.scalars(
        select(Holding)
        .where(Holding.person_id == person.id)
        .order_by(Holding.since.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if now is None or (now.until is not None and data.post_id is None):
        raise Conflict(_("Người này không còn giữ vị trí nào trong sổ."))
    if now.until is not None and data.effective_on < now.until:
        raise ValidationFailed(
            {"effective_on": _("Ngày có hiệu lực không trước ngày rời vị trí trước.")}
        )
    if data.effective_on <= now.since:
        raise ValidationFailed(
            {"effective_on": _("Ngày có hiệu lực phải sau ngày bắt đầu giữ vị trí hiện tại.")}
        )
    if data.effective_on > work.today:
        raise ValidationFailed({"effective_on": _("Ngày có hiệu lực không sau hôm nay.")})
    if data.decided_on is not None and data.decided_on > work.today:
        raise ValidationFailed({"decided_on": _("Ngày quyết định không sau hôm nay.")})
    if now.until is None:
        if data.post_id is not None and data.post_id == now.post_id:
            raise ValidationFailed({"post_id": _("Đây là vị trí đang giữ.")})
        now.until = data.effective_on
        work.session.flush()
    # A version of the person's page covers the posts held, so that two moves at once collide.
    person.folded = text.fold(f"{person.name} {person.staff_code}")
    if data.post_id is None:
        return
    post = _free_post(work, data.post_id, makes_room=makes_room)
    work.session.add(
        Holding(
            person_id=person.id,
            post_id=post.id,
            since=data.effective_on,
            since_in_category=now.since_in_category if data.keeps_clock else data.effective_on,
            decision_number=text.normalise(data.decision_number),
            decided_on=data.decided_on,
        )
    )
    work.session.flush()


def add_deferral(work: Work, data: AddDeferral) -> int:
    """Write why a person is not moved from a day on."""
    person = work.get(Person, data.person_id)
    work.require(MANAGE, person)
    reason = work.session.get(Reason, data.reason_id)
    errors: list[FieldError] = []
    if reason is None or not holds(reason, data.start):
        errors.append(FieldError("reason_id", _("Hãy chọn một lý do đang áp dụng.")))
    elif reason.needs_end and data.end is None:
        errors.append(FieldError("end", _("Lý do này cần ngày kết thúc.")))
    if data.end is not None and data.end < data.start:
        errors.append(FieldError("end", _("Ngày kết thúc không trước ngày bắt đầu.")))
    if data.evidence_on is not None and data.evidence_on > work.today:
        errors.append(FieldError("evidence_on", _("Ngày của văn bản không sau hôm nay.")))
    if errors or reason is None:
        raise ValidationFailed(errors)
    deferral = Deferral(
        person_id=person.id,
        counts_out=reason.counts_out,
        start=data.start,
        end=data.end,
        note=text.normalise(data.note) or None,
        evidence_number=text.normalise(data.evidence_number) or None,
        evidence_on=data.evidence_on,
    )
    keep_reason(deferral, reason)
    work.session.add(deferral)
    work.session.flush()
    return deferral.id


def holds(reason: Reason, day: date) -> bool:
    """Tell whether a reason may be given on a day."""
    return reason.valid_from <= day and (reason.valid_to is None or day < reason.valid_to)


def end_deferral(work: Work, data: EndDeferral) -> int:
    """Set the last day of a deferral; return the person's id."""
    deferral = work.get(Deferral, data.deferral_id)
    person = work.session.get(Person, deferral.person_id)
    if person is None:
        raise NotFound
    work.require(MANAGE, person)
    if data.end < deferral.start:
        raise ValidationFailed({"end": _("Ngày kết thúc không trước ngày bắt đầu.")})
    deferral.end = data.end
    return person.id
