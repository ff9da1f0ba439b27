"""Units and unit sets in the back office."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext
from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import joinedload

from tracker.admin.listing import Filter, Write, choices_of
from tracker.admin.views import SecureModelView
from tracker.core.context import current
from tracker.core.rights import rights
from tracker.plugins.descriptors import AdminViewSpec
from tracker.units import forms, queries, services, sets
from tracker.units.inputs import DeleteUnitSet, EditUnit, SaveUnitSet
from tracker.units.labels import KINDS
from tracker.units.models import Unit, UnitKind, UnitSet
from tracker.units.services import MANAGE

LIVING, ENDED = "living", "ended"


class UnitView(SecureModelView):
    """Units: what needs no decision is put right here, all else by dated operations."""

    record = Unit
    permission = MANAGE
    label = ngettext("Đơn vị", "Đơn vị", 2)
    hint = _l("Sửa tên ngắn, mã, chức danh; đổi tên, sáp nhập, chia tách làm ở trang sắp xếp.")
    slug = "don-vi"
    icon = "unit"
    search_column = "folded"
    search_hint = _l("Tìm theo tên, tên cũ, mã")
    empty_text = _l("Đơn vị được lập ở trang Đơn vị hoặc nhập từ tệp .xlsx.")
    column_list = ("name", "kind", "parent", "code", "head_title", "valid_from", "valid_to")
    column_details_list = (
        "name",
        "short_name",
        "kind",
        "parent",
        "code",
        "head_title",
        "valid_from",
        "valid_to",
    )
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "name": _l("Tên"),
        "short_name": _l("Tên ngắn"),
        "kind": _l("Loại"),
        "parent": _l("Cấp trên"),
        "code": _l("Mã"),
        "head_title": _l("Người đứng đầu"),
        "valid_from": _l("Từ ngày"),
        "valid_to": _l("Đến ngày"),
    }
    column_kinds = {"valid_from": "d", "valid_to": "d"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "kind": lambda unit: str(KINDS[unit.kind]),
        "parent": lambda unit: unit.parent.name if unit.parent else "",
    }
    column_sortable_list = {  # noqa: RUF012
        "name": Unit.sort_key,
        "kind": (Unit.kind, Unit.sort_key),
        "code": Unit.code,
        "valid_from": Unit.valid_from,
        "valid_to": Unit.valid_to,
    }
    column_default_sort = "name"
    column_select_related_list = (joinedload(Unit.parent),)
    details_note = _l(
        "Tên, loại và cấp trên chỉ đổi theo quyết định có ngày hiệu lực, ở trang sắp xếp đơn vị."
    )
    filters = (
        Filter(
            "kind",
            _l("Loại"),
            lambda: choices_of(KINDS),
            lambda value: Unit.kind == UnitKind(value),
        ),
        Filter(
            "state",
            _l("Hoạt động"),
            lambda: [(LIVING, _("Đang hoạt động")), (ENDED, _("Đã kết thúc"))],
            lambda value: (
                Unit.valid_to.is_(None) if value == LIVING else Unit.valid_to.is_not(None)
            ),
        ),
    )
    can_edit = True
    form_class = forms.EditUnitForm

    def page_url(self, record: Any) -> str:
        """Lead to the unit's page, from where operations start."""
        return url_for("units.show_unit", unit_id=record.id)

    def submitted(self, form: Any) -> dict[str, Any]:
        """Return what was typed; no code is none."""
        return {**super().submitted(form), "code": form.code.data or None}

    def save(self, form: Any, record: Any | None) -> Write:
        """Put a unit right."""
        assert record is not None
        data = EditUnit(
            unit_id=record.id,
            short_name=form.short_name.data or "",
            code=form.code.data or "",
            head_title=form.head_title.data or "",
            version=record.version,
        )
        return Write(services.edit_unit, data)


def _kinds_text(unit_set: UnitSet) -> str:
    kinds = sets.kinds_of(unit_set)
    return ", ".join(str(label) for kind, label in KINDS.items() if kind in kinds) or str(
        _("Mọi loại")
    )


class UnitSetView(SecureModelView):
    """Saved rules for several units."""

    record = UnitSet
    permission = MANAGE
    label = _l("Nhóm đơn vị")
    hint = _l("Quy tắc như “mọi xã, phường”, dùng khi giao việc cho nhiều đơn vị.")
    slug = "nhom-don-vi"
    icon = "folder"
    empty_text = _l("Nhóm giúp giao một việc cho mọi xã, mọi sở mà không phải chọn từng đơn vị.")
    create_label = _l("Thêm nhóm")
    column_list = ("name", "kinds", "under")
    column_details_list = column_list
    column_labels = {  # noqa: RUF012
        "name": _l("Tên nhóm"),
        "kinds": _l("Gồm các loại"),
        "under": _l("Trực thuộc"),
    }
    column_values = {  # noqa: RUF012
        "kinds": _kinds_text,
        "under": lambda one: (
            queries.names([one.under_unit_id]).get(one.under_unit_id, "")
            if one.under_unit_id
            else str(_("Toàn bộ cây đơn vị"))
        ),
    }
    column_sortable_list = {"name": UnitSet.sort_key}  # noqa: RUF012
    column_default_sort = "name"
    can_create = can_edit = can_delete = True
    form_class = forms.UnitSetForm

    def visible_rows(self) -> ColumnElement[bool]:
        """Show the sets of the whole tree, and those under units within the right's reach."""
        reach = rights.visible(current().actor.access, MANAGE, Unit)
        from sqlalchemy import select

        return or_(
            UnitSet.under_unit_id.is_(None),
            UnitSet.under_unit_id.in_(select(Unit.id).where(reach)),
        )

    def page_url(self, record: Any) -> str:
        """Lead to the page that shows which units a set means today."""
        return url_for("units.edit_set", unit_set_id=record.id)

    def prepare(self, form: Any, record: Any | None) -> None:
        """Offer kinds and units."""
        form.kinds.choices = choices_of(KINDS)
        forms.offer_units(form.under_unit_id, queries.choices(MANAGE), _("Toàn bộ cây đơn vị"))

    def form_values(self, record: Any) -> dict[str, object]:
        """Return a set as the values of its form."""
        return {
            "name": record.name,
            "kinds": [kind for kind in record.kinds.split(",") if kind],
            "under_unit_id": record.under_unit_id,
        }

    def submitted(self, form: Any) -> dict[str, Any]:
        """Return what was typed; kinds as the record keeps them."""
        return {**super().submitted(form), "kinds": ",".join(sorted(set(form.kinds.data or ())))}

    def save(self, form: Any, record: Any | None) -> Write:
        """Make or change a set."""
        data = SaveUnitSet(
            name=form.name.data or "",
            kinds=tuple(UnitKind(kind) for kind in form.kinds.data or ()),
            under_unit_id=form.under_unit_id.data,
            unit_set_id=record.id if record else None,
            version=record.version if record else None,
        )
        return Write(services.save_unit_set, data)

    def remove(self, record: Any, reason: str) -> Write:
        """Take a set away."""
        return Write(services.delete_unit_set, DeleteUnitSet(record.id), reason)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="units",
        label=UnitView.label,
        group="organisation",
        permission=MANAGE,
        view=UnitView,
        weight=10,
    ),
    AdminViewSpec(
        key="unit_sets",
        label=UnitSetView.label,
        group="organisation",
        permission=MANAGE,
        view=UnitSetView,
        weight=11,
    ),
)
