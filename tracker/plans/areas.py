"""Reform areas: the contents that rows of plans are sorted under, each valid from a date to a date.

The list changes with each programme (eight areas until 2020, six and steering since), so it is
data; a row keeps the area it was given, also after the area has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tracker.core.errors import Conflict, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.plans.models import ReformArea, Task


@dataclass(frozen=True)
class AreaRow:
    """An area as pages show it, its names already in one language."""

    id: int
    code: str
    name: str
    short_name: str
    position: int
    valid_from: date
    valid_to: date | None
    version: int
    task_count: int = 0


@dataclass(frozen=True)
class AreaInput:
    """What is written of an area."""

    code: str
    name: str
    valid_from: date
    valid_to: date | None = None
    name_en: str = ""
    short_name: str = ""
    short_name_en: str = ""
    position: int | None = None


@dataclass(frozen=True)
class EditArea:
    """A changed area, and the version it was read in."""

    area_id: int
    version: int
    area: AreaInput


def _row(area: ReformArea, locale: str, task_count: int = 0) -> AreaRow:
    english = locale == "en"
    name = (area.name_en if english else "") or area.name
    short = (area.short_name_en if english else "") or area.short_name or name
    return AreaRow(
        id=area.id,
        code=area.code,
        name=name,
        short_name=short,
        position=area.position,
        valid_from=area.valid_from,
        valid_to=area.valid_to,
        version=area.version,
        task_count=task_count,
    )


def list_areas(session: Session, locale: str = "vi", on: date | None = None) -> Sequence[AreaRow]:
    """Return the areas in their order; with `on` only those valid on that day."""
    query = select(ReformArea).order_by(ReformArea.position, ReformArea.valid_from, ReformArea.id)
    if on is not None:
        query = query.where(
            ReformArea.valid_from <= on,
            or_(ReformArea.valid_to.is_(None), ReformArea.valid_to >= on),
        )
    return [_row(area, locale) for area in session.scalars(query)]


def list_areas_with_use(session: Session, locale: str = "vi") -> Sequence[AreaRow]:
    """Return all areas, each with the number of plan rows under it."""
    used = select(Task.area_id, func.count().label("n")).group_by(Task.area_id).subquery()
    query = (
        select(ReformArea, func.coalesce(used.c.n, 0))
        .outerjoin(used, used.c.area_id == ReformArea.id)
        .order_by(ReformArea.position, ReformArea.valid_from, ReformArea.id)
    )
    return [_row(area, locale, count) for area, count in session.execute(query)]


def find_area(session: Session, area_id: int) -> ReformArea | None:
    """Return the area, None when there is none of that key."""
    return session.get(ReformArea, area_id)


def add_area(work: Work, data: AreaInput) -> int:
    """Add an area and return its key. Raises ValidationFailed, Conflict, PermissionDenied."""
    work.require_held("settings.manage")
    area = ReformArea(code="", name="", position=0, valid_from=data.valid_from)
    _fill(work, area, data)
    work.session.add(area)
    work.session.flush()
    return area.id


def edit_area(work: Work, data: EditArea) -> int:
    """Change an area and return its key. Raises ValidationFailed, Conflict, PermissionDenied."""
    work.require_held("settings.manage")
    area = work.get(ReformArea, data.area_id)
    if area.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    _fill(work, area, data.area)
    return area.id


def _fill(work: Work, area: ReformArea, data: AreaInput) -> None:
    code, name = normalise(data.code), normalise(data.name)
    errors = {}
    if not code:
        errors["code"] = _("Hãy ghi mã lĩnh vực.")
    if not name:
        errors["name"] = _("Hãy ghi tên lĩnh vực.")
    if data.valid_to is not None and data.valid_to < data.valid_from:
        errors["valid_to"] = _("Ngày hết hiệu lực phải sau ngày có hiệu lực.")
    if not errors and _overlaps(work.session, area.id, code, data):
        errors["code"] = _("Mã này đã dùng cho một lĩnh vực khác trong cùng thời gian.")
    if errors:
        raise ValidationFailed(errors)
    area.code, area.name = code, name
    area.name_en = normalise(data.name_en)
    area.short_name = normalise(data.short_name)
    area.short_name_en = normalise(data.short_name_en)
    area.valid_from, area.valid_to = data.valid_from, data.valid_to
    if data.position is not None:
        area.position = data.position
    elif area not in work.session:
        last = work.session.scalar(select(func.max(ReformArea.position)))
        area.position = (last or 0) + 1


def _overlaps(session: Session, own_id: int | None, code: str, data: AreaInput) -> bool:
    query = select(ReformArea.id).where(
        ReformArea.code == code,
        or_(ReformArea.valid_to.is_(None), ReformArea.valid_to >= data.valid_from),
    )
    if data.valid_to is not None:
        query = query.where(ReformArea.valid_from <= data.valid_to)
    if own_id is not None:
        query = query.where(ReformArea.id != own_id)
    with session.no_autoflush:
        return session.execute(query.limit(1)).first() is not None
