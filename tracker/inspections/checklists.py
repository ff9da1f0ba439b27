"""Services of checklists: versions are drafted, published, and never change afterwards.

A visit keeps the version it was made with. A checklist has at most one draft.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from flask_babel import gettext as _
from sqlalchemy import func, select

from tracker.core import text
from tracker.core.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.core.work import Work
from tracker.inspections.inputs import (
    ChecklistItemInput,
    ChecklistRef,
    CreateChecklist,
    SaveDraft,
)
from tracker.inspections.models import Checklist, ChecklistItem, ChecklistVersion, Severity
from tracker.inspections.permissions import CHECKLISTS
from tracker.plugins.descriptors import ChecklistTemplate

MOST_ITEMS = 200


def sync_templates(work: Work, templates: Iterable[ChecklistTemplate]) -> int:
    """Publish each template that is missing or differs from the newest published version.

    Returns how many versions were published. A draft that somebody is writing stays as it is,
    and so does a checklist that was switched off.
    """
    published = 0
    for template in templates:
        items = [
            ChecklistItemInput(
                code=item.code,
                section=item.section,
                text=item.text,
                severity=Severity(item.severity),
                is_required=item.required,
            )
            for item in template.items
        ]
        checklist = _find(work, template.key)
        if checklist is None:
            checklist = Checklist(key=template.key, title=template.title)
            work.session.add(checklist)
            work.session.flush()
        elif _items_of(work, _newest(work, checklist, published=True)) == items:
            continue
        version = ChecklistVersion(checklist_id=checklist.id, number=_next_number(work, checklist))
        work.session.add(version)
        work.session.flush()
        _write_items(work, version, items)
        # From here on the database itself refuses changes.
        version.published_at = work.now
        work.session.flush()
        published += 1
    return published


def create_checklist(work: Work, data: CreateChecklist) -> str:
    """Make a checklist with an empty draft; return its key. Raises ValidationFailed, Conflict."""
    work.require_held(CHECKLISTS)
    title = text.normalise(data.title)
    key = (text.slug(data.key or title) or "bang-kiem").replace("-", "_")
    if not title:
        raise ValidationFailed({"title": _("Hãy đặt tên cho bảng kiểm.")})
    if _find(work, key) is not None:
        raise ValidationFailed({"title": _("Đã có bảng kiểm tên này.")})
    checklist = Checklist(key=key, title=title)
    work.session.add(checklist)
    work.session.flush()
    work.session.add(ChecklistVersion(checklist_id=checklist.id, number=1))
    return key


def draft_version(work: Work, data: ChecklistRef) -> int:
    """Begin the next version as a copy of the last; return its number. An open draft is kept."""
    work.require_held(CHECKLISTS)
    checklist = _get(work, data.key)
    draft = _newest(work, checklist, published=False)
    if draft is not None:
        return draft.number
    last = _newest(work, checklist, published=True)
    version = ChecklistVersion(checklist_id=checklist.id, number=_next_number(work, checklist))
    work.session.add(version)
    work.session.flush()
    _write_items(work, version, _items_of(work, last))
    return version.number


def save_draft(work: Work, data: SaveDraft) -> int:
    """Replace the draft's items; return how many there are.

    An item without a code gets one from its text; codes of earlier versions stay, so that
    repeats are found. Raises ValidationFailed, Conflict when there is no draft, or when it is
    another by now than the one that was changed.
    """
    work.require_held(CHECKLISTS)
    checklist = _get(work, data.key)
    draft = work.get(ChecklistVersion, _require_draft(work, checklist).id)
    if draft.published_at is not None or fingerprint(_items_of(work, draft)) != data.base:
        raise Conflict(_("Người khác đã lưu bản nháp này trong lúc bạn đang soạn."))
    items = _with_codes(_checked(data.items))
    for old in work.session.scalars(
        select(ChecklistItem).where(ChecklistItem.version_id == draft.id)
    ):
        work.session.delete(old)
    work.session.flush()
    _write_items(work, draft, items)
    draft.note = text.normalise(data.note)
    return len(items)


def fingerprint(items: Sequence[ChecklistItemInput]) -> str:
    """Return what a draft's items are known by: by it a save sees that they have changed since."""
    told = [astuple(item) for item in items]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def publish_draft(work: Work, data: ChecklistRef) -> int:
    """Publish the draft: from now on visits use it, and nobody changes it. Returns its number."""
    work.require_held(CHECKLISTS)
    checklist = _get(work, data.key)
    draft = _require_draft(work, checklist)
    items = _items_of(work, draft)
    if not items:
        raise ValidationFailed(
            {"": _("Bảng kiểm chưa có nội dung nào. Hãy thêm trước khi ban hành.")}
        )
    if items == _items_of(work, _newest(work, checklist, published=True)):
        raise ValidationFailed({"": _("Bản nháp chưa khác gì bản đang dùng.")})
    draft.published_at = work.now
    return draft.number


def discard_draft(work: Work, data: ChecklistRef) -> None:
    """Drop the draft; what was published stays. Raises Conflict when it is all there is."""
    work.require_held(CHECKLISTS)
    checklist = _get(work, data.key)
    draft = _require_draft(work, checklist)
    if _newest(work, checklist, published=True) is None:
        raise Conflict(_("Đây là bản duy nhất của bảng kiểm, không bỏ được."))
    for item in work.session.scalars(
        select(ChecklistItem).where(ChecklistItem.version_id == draft.id)
    ):
        work.session.delete(item)
    work.session.flush()
    work.session.delete(draft)


def switch_checklist(work: Work, data: ChecklistRef) -> bool:
    """Offer a checklist for new visits, or no longer; return whether it is offered now."""
    work.require_held(CHECKLISTS)
    checklist = _get(work, data.key)
    checklist.is_active = not checklist.is_active
    return checklist.is_active


def newest_version_id(work: Work, checklist_id: int) -> int:
    """Return the version that a new visit gets.

    Raises ValidationFailed for a checklist that is unknown, switched off or never published.
    """
    found = work.session.scalar(
        select(ChecklistVersion.id)
        .join(Checklist, Checklist.id == ChecklistVersion.checklist_id)
        .where(
            Checklist.id == checklist_id,
            Checklist.is_active,
            ChecklistVersion.published_at.is_not(None),
        )
        .order_by(ChecklistVersion.number.desc())
        .limit(1)
    )
    if found is None:
        raise ValidationFailed({"checklist_id": _("Bảng kiểm này chưa dùng được.")})
    return found


def _find(work: Work, key: str) -> Checklist | None:
    return work.session.scalar(select(Checklist).where(Checklist.key == key).with_for_update())


def _get(work: Work, key: str) -> Checklist:
    checklist = _find(work, key)
    if checklist is None:
        raise NotFound
    return checklist


def _newest(work: Work, checklist: Checklist, *, published: bool) -> ChecklistVersion | None:
    moment = ChecklistVersion.published_at
    return work.session.scalar(
        select(ChecklistVersion)
        .where(
            ChecklistVersion.checklist_id == checklist.id,
            moment.is_not(None) if published else moment.is_(None),
        )
        .order_by(ChecklistVersion.number.desc())
        .limit(1)
    )


def _require_draft(work: Work, checklist: Checklist) -> ChecklistVersion:
    draft = _newest(work, checklist, published=False)
    if draft is None:
        raise Conflict(_("Bản đã ban hành không sửa được. Hãy soạn bản mới."))
    return draft


def _next_number(work: Work, checklist: Checklist) -> int:
    last = work.session.scalar(
        select(func.max(ChecklistVersion.number)).where(
            ChecklistVersion.checklist_id == checklist.id
        )
    )
    return (last or 0) + 1


def _items_of(work: Work, version: ChecklistVersion | None) -> list[ChecklistItemInput]:
    if version is None:
        return []
    return [
        ChecklistItemInput(
            code=item.code,
            section=item.section,
            text=item.text,
            severity=item.severity,
            is_required=item.is_required,
        )
        for item in work.session.scalars(
            select(ChecklistItem)
            .where(ChecklistItem.version_id == version.id)
            .order_by(ChecklistItem.position)
        )
    ]


def _write_items(
    work: Work, version: ChecklistVersion, items: Sequence[ChecklistItemInput]
) -> None:
    work.session.add_all(
        ChecklistItem(
            version_id=version.id,
            position=position,
            section=item.section,
            code=item.code,
            text=item.text,
            severity=item.severity,
            is_required=item.is_required,
        )
        for position, item in enumerate(items, 1)
    )
    work.session.flush()


def _checked(items: Sequence[ChecklistItemInput]) -> list[ChecklistItemInput]:
    errors: list[FieldError] = []
    if len(items) > MOST_ITEMS:
        errors.append(
            FieldError("", _("Bảng kiểm có nhiều nhất %(most)d nội dung.", most=MOST_ITEMS))
        )
    for number, item in enumerate(items, 1):
        if not item.text:
            errors.append(FieldError("", _("Dòng %(number)d chưa có nội dung.", number=number)))
        if not item.section:
            errors.append(FieldError("", _("Dòng %(number)d chưa có phần.", number=number)))
        if len(item.section) > 200:
            errors.append(FieldError("", _("Tên phần ở dòng %(number)d quá dài.", number=number)))
        if len(item.text) > 1000:
            errors.append(FieldError("", _("Nội dung dòng %(number)d quá dài.", number=number)))
    if errors:
        raise ValidationFailed(errors)
    return list(items)


def _with_codes(items: Sequence[ChecklistItemInput]) -> list[ChecklistItemInput]:
    used: set[str] = set()
    done: list[ChecklistItemInput] = []
    for item in items:
        wish = (text.slug(item.code or item.text) or "muc").replace("-", "_")[:50].rstrip("_")
        code, number = wish, 2
        while code in used:
            code, number = f"{wish}_{number}", number + 1
        used.add(code)
        done.append(
            ChecklistItemInput(
                code=code,
                section=item.section,
                text=item.text,
                severity=item.severity,
                is_required=item.is_required,
            )
        )
    return done
