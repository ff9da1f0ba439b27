"""Days off, reporting windows and settings in the back office."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, extract, select, true

from tracker.admin.listing import Filter, ReasonForm, Write, choices_of
from tracker.admin.views import LinkView, SecureModelView
from tracker.core.db import db
from tracker.plugins.descriptors import AdminViewSpec
from tracker.settings import forms, services
from tracker.settings.models import CalendarDay, DayKind, ReportWindow
from tracker.settings.permissions import MANAGE


def _years() -> list[tuple[str, str]]:
    year = extract("year", CalendarDay.day)
    found = db.session.scalars(select(year).distinct().order_by(year.desc()))
    return [(str(int(one)), str(int(one))) for one in found]


class DayView(SecureModelView):
    """Days off and swapped working days."""

    record = CalendarDay
    permission = MANAGE
    label = _l("Ngày nghỉ, ngày làm bù")
    hint = _l("Lịch dùng để tính hạn theo ngày làm việc.")
    slug = "ngay-nghi"
    icon = "calendar"
    create_label = _l("Thêm ngày")
    empty_text = _l("Khi chưa nhập, thứ Bảy và Chủ nhật vẫn được tính là ngày nghỉ.")
    column_list = ("name", "day", "kind", "decision")
    column_details_list = column_list
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "name": _l("Tên"),
        "day": _l("Ngày"),
        "kind": _l("Loại"),
        "decision": _l("Văn bản"),
    }
    column_kinds = {"day": "d"}  # noqa: RUF012
    column_values = {"kind": lambda day: str(forms.DAY_KINDS[day.kind])}  # noqa: RUF012
    column_sortable_list = {  # noqa: RUF012
        "day": CalendarDay.day,
        "kind": (CalendarDay.kind, CalendarDay.day),
    }
    column_default_sort = "-day"
    filters = (
        Filter(
            "year",
            _l("Năm"),
            _years,
            lambda value: extract("year", CalendarDay.day) == int(value),
        ),
        Filter(
            "kind",
            _l("Loại"),
            lambda: choices_of(forms.DAY_KINDS),
            lambda value: CalendarDay.kind == DayKind(value),
        ),
    )
    can_create = can_edit = can_delete = True
    form_class = forms.DayForm
    reason_form = ReasonForm

    def visible_rows(self) -> ColumnElement[bool]:
        """Show all: the calendar belongs to the whole instance."""
        return true()

    def prepare(self, form: Any, record: Any | None) -> None:
        """Keep the date of a day that is there: it is the day's identity."""
        if record is not None:
            del form.day

    def form_values(self, record: Any) -> dict[str, object]:
        """Return a day as the values of its form."""
        return {"kind": record.kind.value, "name": record.name, "decision": record.decision}

    def save(self, form: Any, record: Any | None) -> Write:
        """Add or change a day."""
        kind = DayKind(form.kind.data)
        if record is None:
            day = services.DayInput(form.day.data, kind, form.name.data, form.decision.data)
            return Write(services.add_days, services.AddDays((day,)))
        data = services.EditDay(
            record.day, record.version, kind, form.name.data, form.decision.data
        )
        return Write(services.edit_day, data)

    def remove(self, record: Any, reason: str) -> Write:
        """Take a day out of the calendar."""
        return Write(services.remove_day, services.RemoveDay(record.day, reason), reason)


class WindowView(SecureModelView):
    """Reporting windows."""

    record = ReportWindow
    permission = MANAGE
    label = _l("Kỳ báo cáo")
    hint = _l("Số liệu mỗi kỳ chốt từ ngày đến ngày nào, gửi báo cáo trước ngày nào.")
    slug = "ky-bao-cao"
    icon = "report"
    column_list = ("name", "from", "to", "due", "is_cumulative")
    column_details_list = ("name", "name_en", "from", "to", "due", "is_cumulative")
    column_labels = {  # noqa: RUF012
        "name": _l("Kỳ"),
        "name_en": _l("Tên tiếng Anh"),
        "from": _l("Số liệu từ"),
        "to": _l("Số liệu đến hết"),
        "due": _l("Hạn gửi"),
        "is_cumulative": _l("Lũy kế"),
    }
    column_values = {  # noqa: RUF012
        "from": lambda one: (
            f"{one.from_day:02}/{one.from_month:02}"
            + (" (" + _("năm trước") + ")" if one.from_year_offset else "")
        ),
        "to": lambda one: f"{one.to_day:02}/{one.to_month:02}",
        "due": lambda one: f"{one.due_day:02}/{one.due_month:02}",
    }
    column_sortable_list = {"name": (ReportWindow.position, ReportWindow.name)}  # noqa: RUF012
    column_default_sort = "name"
    can_edit = True
    form_class = forms.WindowForm

    def visible_rows(self) -> ColumnElement[bool]:
        """Show all: the windows belong to the whole instance."""
        return true()

    def form_values(self, record: Any) -> dict[str, object]:
        """Return a window as the values of its form."""
        return {**super().form_values(record), "from_year_offset": str(record.from_year_offset)}

    def submitted(self, form: Any) -> dict[str, Any]:
        """Return what was typed; the year's offset as a number."""
        return {**super().submitted(form), "from_year_offset": int(form.from_year_offset.data)}

    def save(self, form: Any, record: Any | None) -> Write:
        """Change a window."""
        assert record is not None
        data = services.EditWindow(code=record.code, version=record.version, **self.submitted(form))
        return Write(services.edit_window, data)


class SettingsLink(LinkView):
    """The settings have a page of their own."""

    permission = MANAGE
    label = _l("Thiết lập chung")
    hint = _l("Tên cơ quan, số ngày báo sắp đến hạn, thời hạn trả lời và các mặc định khác.")
    slug = "thiet-lap"
    icon = "settings"
    target = "settings.edit"


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="days_off",
        label=DayView.label,
        group="calendar",
        permission=MANAGE,
        view=DayView,
        weight=60,
    ),
    AdminViewSpec(
        key="report_windows",
        label=WindowView.label,
        group="calendar",
        permission=MANAGE,
        view=WindowView,
        weight=61,
    ),
    AdminViewSpec(
        key="settings",
        label=SettingsLink.label,
        group="system",
        permission=MANAGE,
        view=SettingsLink,
        weight=70,
    ),
)
