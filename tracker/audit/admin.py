"""The change log in the back office, for reading only; its own page tells every field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement

from tracker.admin.listing import Filter
from tracker.admin.views import SecureModelView
from tracker.audit import queries
from tracker.audit.labels import SOURCES
from tracker.core.changes import ChangeSet
from tracker.core.db import db
from tracker.plugins.descriptors import AdminViewSpec

VIEW = "audit.view"


class ChangeSetView(SecureModelView):
    """Change sets: who changed something, when, by which door."""

    record = ChangeSet
    permission = VIEW
    label = _l("Nhật ký thay đổi")
    hint = _l("Ai đổi gì, lúc nào, vì sao. Mở trang đầy đủ để xem từng mục trước và sau.")
    slug = "nhat-ky"
    icon = "log"
    empty_text = _l("Chưa có thay đổi nào được ghi.")
    column_list = ("number", "at", "actor_name", "source", "change_count", "reason")
    column_details_list = (*column_list, "hash")
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "number": _l("Lần ghi"),
        "at": _l("Lúc"),
        "actor_name": _l("Ai"),
        "source": _l("Từ đâu"),
        "change_count": _l("Số mục"),
        "reason": _l("Lý do"),
        "hash": _l("Mã kiểm"),
    }
    column_kinds = {"at": "m", "change_count": "n"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "number": lambda one: str(_("Số %(number)d", number=one.id)),
        "source": lambda one: str(SOURCES.get(one.source, one.source)),
    }
    column_sortable_list = {  # noqa: RUF012
        "number": ChangeSet.id,
        "at": ChangeSet.at,
        "change_count": ChangeSet.change_count,
    }
    column_default_sort = "-number"
    filters = (
        Filter(
            "source",
            _l("Từ đâu"),
            lambda: [(key, str(label)) for key, label in SOURCES.items()],
            lambda value: ChangeSet.source == value,
        ),
    )

    def visible_rows(self) -> ColumnElement[bool]:
        """Show what the page of the log shows to this person."""
        return queries.reach(db.session())

    def name_of(self, record: Any) -> str:
        """Name a change set by its number."""
        return str(_("Lần ghi số %(number)d", number=record.id))

    def page_url(self, record: Any) -> str:
        """Lead to the whole change set."""
        return url_for("audit.show_change_set", number=record.id)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="change_sets",
        label=ChangeSetView.label,
        group="system",
        permission=VIEW,
        view=ChangeSetView,
        weight=90,
    ),
)
