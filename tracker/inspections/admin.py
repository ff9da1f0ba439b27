"""Checklists in the back office: read here, changed on their own pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, true

from tracker.admin.listing import Filter
from tracker.admin.views import SecureModelView
from tracker.inspections.models import Checklist
from tracker.inspections.permissions import CHECKLISTS
from tracker.plugins.descriptors import AdminViewSpec

USED, UNUSED = "used", "unused"


class ChecklistView(SecureModelView):
    """Checklists."""

    record = Checklist
    permission = CHECKLISTS
    label = _l("Bảng kiểm")
    hint = _l("Mẫu câu hỏi khi kiểm tra. Mở trang đầy đủ để sửa và ban hành bản mới.")
    slug = "bang-kiem"
    icon = "inspect"
    empty_text = _l("Bảng kiểm được lập ở trang Bảng kiểm.")
    column_list = ("title", "key", "is_active")
    column_details_list = column_list
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "title": _l("Tên bảng kiểm"),
        "key": _l("Mã"),
        "is_active": _l("Đang dùng"),
    }
    column_sortable_list = {  # noqa: RUF012
        "key": Checklist.key,
        "is_active": (Checklist.is_active, Checklist.key),
    }
    column_default_sort = "key"
    filters = (
        Filter(
            "state",
            _l("Sử dụng"),
            lambda: [(USED, _("Đang dùng")), (UNUSED, _("Đã ngừng"))],
            lambda value: Checklist.is_active.is_(value == USED),
        ),
    )

    def visible_rows(self) -> ColumnElement[bool]:
        """Show all: checklists belong to the whole instance."""
        return true()

    def page_url(self, record: Any) -> str:
        """Lead to the checklist with its versions."""
        return url_for("inspections.show_checklist", key=record.key)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="checklists",
        label=ChecklistView.label,
        group="inspections",
        permission=CHECKLISTS,
        view=ChecklistView,
        weight=50,
    ),
)
