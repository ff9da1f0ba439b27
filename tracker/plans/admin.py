"""Reform areas, and plans, rows and shares in bulk, in the back office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext
from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import joinedload
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.accounts.models import User
from tracker.admin.listing import Bulk, Filter, ReasonForm, Several, Write, carry_out_several
from tracker.admin.views import SecureModelView
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import rights
from tracker.plans import areas, bulk, lifecycle, plan_forms, progress
from tracker.plans.inputs import AssignPerson
from tracker.plans.labels import REPORTED_WORDS
from tracker.plans.models import Assignment, Plan, PlanState, ReformArea, Reported, RowKind, Task
from tracker.plugins.descriptors import AdminViewSpec
from tracker.settings.permissions import MANAGE as SETTINGS
from tracker.web.forms import Day, Required, optional_int
from tracker.web.i18n import locale_code

VIEW = "plans.view"
MANAGE = "plans.manage"
REPORT = "tasks.report"
VALID, OVER = "valid", "over"
NONE = "none"

STATE_WORDS = {
    PlanState.DRAFT: _l("Dự thảo"),
    PlanState.ISSUED: _l("Đang thực hiện"),
    PlanState.CLOSED: _l("Đã khép"),
}
ROW_WORDS = {
    RowKind.GROUP: _l("Nhóm"),
    RowKind.TASK: _l("Nhiệm vụ"),
    RowKind.STEP: _l("Bước"),
}


def _area_name(area: ReformArea | None) -> str:
    if area is None:
        return ""
    return (area.name_en if locale_code() == "en" else "") or area.name


def area_options() -> list[tuple[str, str]]:
    """Return the areas that are valid today, in their order."""
    today = current().clock.today()
    rows = areas.list_areas(db.session(), locale_code(), today)
    return [(str(row.id), f"{row.code} · {row.short_name}") for row in rows]


# -- reform areas -----------------------------------------------------------------------------


def _areas_at(value: str) -> ColumnElement[bool]:
    over = ReformArea.valid_to < current().clock.today()
    return over if value == OVER else or_(ReformArea.valid_to.is_(None), ~over)


class AreaView(SecureModelView):
    """Reform areas, each valid from a date to a date."""

    record = ReformArea
    permission = SETTINGS
    label = _l("Lĩnh vực cải cách")
    hint = _l("Các nội dung cải cách hành chính, mỗi lĩnh vực có ngày hiệu lực.")
    slug = "linh-vuc"
    icon = "branch"
    create_label = _l("Thêm lĩnh vực")
    empty_text = _l("Mỗi dòng của kế hoạch thuộc một lĩnh vực.")
    column_list = ("name", "code", "short_name", "position", "valid_from", "valid_to")
    column_details_list = (
        "code",
        "name",
        "short_name",
        "name_en",
        "short_name_en",
        "position",
        "valid_from",
        "valid_to",
    )
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "code": _l("Mã"),
        "name": _l("Tên"),
        "short_name": _l("Tên ngắn"),
        "name_en": _l("Tên tiếng Anh"),
        "short_name_en": _l("Tên ngắn tiếng Anh"),
        "position": _l("Thứ tự"),
        "valid_from": _l("Hiệu lực từ"),
        "valid_to": _l("Đến hết ngày"),
    }
    column_kinds = {"position": "n", "valid_from": "d", "valid_to": "d"}  # noqa: RUF012
    column_sortable_list = {  # noqa: RUF012
        "position": (ReformArea.position, ReformArea.valid_from),
        "code": ReformArea.code,
        "valid_from": ReformArea.valid_from,
        "valid_to": ReformArea.valid_to,
    }
    column_default_sort = "position"
    filters = (
        Filter(
            "state",
            _l("Hiệu lực"),
            lambda: [(VALID, _("Còn hiệu lực")), (OVER, _("Hết hiệu lực"))],
            _areas_at,
        ),
    )
    can_create = can_edit = True
    form_class = plan_forms.AreaForm

    def visible_rows(self) -> ColumnElement[bool]:
        """Show all: the areas belong to the whole instance."""
        return true()

    def form_values(self, record: Any) -> dict[str, object]:
        """Return an area as the values of its form."""
        values = plan_forms.area_values(record)
        return {name: value for name, value in values.items() if name != "version"}

    def submitted(self, form: Any) -> dict[str, Any]:
        """Return what was typed; an empty place keeps the one there is."""
        values = vars(form.to_input())
        return {name: value for name, value in values.items() if name != "position" or value}

    def save(self, form: Any, record: Any | None) -> Write:
        """Add or change an area."""
        data = form.to_input()
        if record is None:
            return Write(areas.add_area, data)
        return Write(areas.edit_area, areas.EditArea(record.id, record.version, data))


# -- plans ------------------------------------------------------------------------------------


class CloseForm(ReasonForm):
    """When and why plans are closed."""

    closed_on = Day(_l("Ngày khép"), [Required()], render_kw={"data-kind": "date"})


def _close(view: SecureModelView, records: Sequence[Plan], form: Any) -> Write:
    closed_on: date = form.closed_on.data
    writes = tuple(
        Write(lifecycle.close_plan, lifecycle.ClosePlan(plan.id, plan.version, closed_on))
        for plan in records
    )
    return Write(carry_out_several, Several(writes), form.reason.data)


class ConfirmationForm(ReasonForm):
    """Whether 'done' has to be confirmed, and why."""

    needs_confirmation = SelectField(
        _l("Báo hoàn thành"),
        [Required()],
        choices=[
            SelectChoice("1", _l("Phải được cơ quan thường trực xác nhận")),
            SelectChoice("0", _l("Được tính ngay, không cần xác nhận")),
        ],
    )


def _set_confirmation(view: SecureModelView, records: Sequence[Plan], form: Any) -> Write:
    ids = tuple(plan.id for plan in records)
    data = bulk.SetConfirmation(ids, form.needs_confirmation.data == "1")
    return Write(bulk.set_confirmation, data, form.reason.data)


def _plan_years() -> list[tuple[str, str]]:
    query = select(Plan.year_from).distinct().order_by(Plan.year_from.desc())
    return [(str(year), str(year)) for year in db.session.scalars(query)]


class PlanView(SecureModelView):
    """Plans in bulk."""

    record = Plan
    permission = VIEW
    writing = MANAGE
    label = _l("Kế hoạch")
    hint = _l("Tra cứu, xuất Excel; điều phối khép nhiều kế hoạch một lần, xóa dự thảo.")
    slug = "ke-hoach"
    icon = "plan"
    search_column = "folded"
    search_hint = _l("Tìm theo tên, số hiệu")
    empty_text = _l("Kế hoạch được lập ở trang Kế hoạch hoặc nhập từ tệp .xlsx.")
    column_list = ("title", "number", "issuer", "year_from", "issued_on", "state")
    column_details_list = (
        "title",
        "key",
        "number",
        "issuer",
        "year_from",
        "year_to",
        "issued_on",
        "state",
        "needs_confirmation",
        "closed_on",
        "source_note",
    )
    column_labels = {  # noqa: RUF012
        "title": _l("Tên kế hoạch"),
        "key": _l("Mã trên địa chỉ"),
        "number": _l("Số hiệu"),
        "issuer": _l("Cơ quan ban hành"),
        "year_from": _l("Năm"),
        "year_to": _l("Đến năm"),
        "issued_on": _l("Ngày ban hành"),
        "state": _l("Trạng thái"),
        "needs_confirmation": _l("Cần xác nhận hoàn thành"),
        "closed_on": _l("Ngày khép"),
        "source_note": _l("Nguồn số liệu"),
    }
    column_kinds = {"issued_on": "d", "year_from": "n"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "issuer": lambda plan: plan.issuer.name,
        "state": lambda plan: str(STATE_WORDS[plan.state]),
    }
    column_sortable_list = {  # noqa: RUF012
        "title": Plan.sort_key,
        "year_from": (Plan.year_from, Plan.sort_key),
        "issued_on": Plan.issued_on,
        "state": (Plan.state, Plan.sort_key),
    }
    column_default_sort = "-year_from"
    column_select_related_list = (joinedload(Plan.issuer),)
    filters = (
        Filter("year", _l("Năm"), _plan_years, lambda value: Plan.year_from == int(value)),
        Filter(
            "state",
            _l("Trạng thái"),
            lambda: [(state.value, str(word)) for state, word in STATE_WORDS.items()],
            lambda value: Plan.state == PlanState(value),
        ),
    )
    bulk = (
        Bulk(
            name="close",
            label=_l("Khép"),
            question=_l("Khép những kế hoạch này? Sau khi khép, không sửa được gì nữa."),
            write=_close,
            icon="lock",
            form=CloseForm,
            done=_l("Đã khép."),
        ),
        Bulk(
            name="confirmation",
            label=_l("Cần xác nhận"),
            question=_l("Báo hoàn thành trong những kế hoạch này có cần xác nhận không?"),
            write=_set_confirmation,
            icon="check-circle",
            form=ConfirmationForm,
            done=_l("Đã đổi cách xác nhận."),
        ),
    )
    can_delete = True
    reason_form = ReasonForm

    def page_url(self, record: Any) -> str:
        """Lead to the plan."""
        return url_for("plans.show_plan", key=record.key)

    def remove(self, record: Any, reason: str) -> Write:
        """Delete a draft."""
        data = lifecycle.DeletePlan(record.id, record.version)
        return Write(lifecycle.delete_plan, data, reason)


# -- rows -------------------------------------------------------------------------------------


class AreaForm(ReasonForm):
    """The area to set, and why."""

    area_id = SelectField(
        _l("Lĩnh vực"), [Required()], coerce=optional_int, render_kw={"data-kind": "combobox"}
    )


def _offer_areas(view: SecureModelView, form: Any) -> None:
    form.area_id.choices = [("", ""), *area_options()]


def _set_area(view: SecureModelView, records: Sequence[Task], form: Any) -> Write:
    data = bulk.SetArea(tuple(task.id for task in records), form.area_id.data)
    return Write(bulk.set_area, data, form.reason.data)


def _plan_options() -> list[tuple[str, str]]:
    access = current().actor.access
    right = MANAGE if access.holds(MANAGE) else VIEW
    query = (
        select(Plan.id, Plan.title)
        .where(rights.visible(access, right, Plan))
        .order_by(Plan.year_from.desc(), Plan.sort_key)
    )
    return [(str(row.id), row.title) for row in db.session.execute(query)]


class TaskView(SecureModelView):
    """Rows of plans in bulk."""

    record = Task
    permission = VIEW
    writing = MANAGE
    label = ngettext("Nhiệm vụ", "Nhiệm vụ", 2)
    hint = _l("Tra cứu, xuất Excel; điều phối xếp nhiều dòng vào lĩnh vực một lần.")
    slug = "nhiem-vu"
    icon = "task"
    search_column = "folded"
    search_hint = _l("Tìm theo nội dung, sản phẩm")
    empty_text = _l("Nhiệm vụ được thêm trong từng kế hoạch.")
    column_list = ("title", "number", "plan", "area", "deadline_on")
    column_details_list = (
        "title",
        "number",
        "kind",
        "plan",
        "area",
        "product",
        "lead_text",
        "coordinator_text",
        "deadline_text",
        "deadline_on",
        "note",
    )
    column_labels = {  # noqa: RUF012
        "title": _l("Nội dung"),
        "number": _l("STT"),
        "kind": _l("Loại dòng"),
        "plan": _l("Kế hoạch"),
        "area": _l("Lĩnh vực"),
        "product": _l("Sản phẩm"),
        "lead_text": _l("Chủ trì"),
        "coordinator_text": _l("Phối hợp"),
        "deadline_text": _l("Hạn theo văn bản"),
        "deadline_on": _l("Hạn"),
        "note": _l("Ghi chú"),
    }
    column_kinds = {"deadline_on": "d"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "kind": lambda task: str(ROW_WORDS[task.kind]),
        "plan": lambda task: task.plan.title,
        "area": lambda task: _area_name(task.area),
    }
    column_sortable_list = {  # noqa: RUF012
        "plan": (Task.plan_id, Task.path),
        "title": Task.sort_key,
        "deadline_on": Task.deadline_on,
    }
    column_default_sort = "plan"
    column_select_related_list = (joinedload(Task.plan), joinedload(Task.area))
    filters = (
        Filter(
            "plan",
            _l("Kế hoạch"),
            _plan_options,
            lambda value: Task.plan_id == int(value),
            combobox=True,
        ),
        Filter(
            "area",
            _l("Lĩnh vực"),
            lambda: [(NONE, _("Chưa xếp lĩnh vực")), *area_options()],
            lambda value: Task.area_id.is_(None) if value == NONE else Task.area_id == int(value),
        ),
    )
    bulk = (
        Bulk(
            name="area",
            label=_l("Đổi lĩnh vực"),
            question=_l("Xếp những dòng này vào cùng một lĩnh vực."),
            write=_set_area,
            icon="branch",
            form=AreaForm,
            prepare=_offer_areas,
            done=_l("Đã đổi lĩnh vực."),
        ),
    )

    def page_url(self, record: Any) -> str:
        """Lead to the task."""
        return url_for("plans.show_task", task_id=record.id)


# -- shares -----------------------------------------------------------------------------------


class PersonForm(ReasonForm):
    """Who is to work on the picked shares, and why."""

    person_id = SelectField(
        _l("Người thực hiện"),
        coerce=optional_int,
        render_kw={"data-kind": "combobox"},
    )


def _offer_people(view: SecureModelView, form: Any) -> None:
    from tracker.plans.task_queries import person_choices

    form.person_id.choices = [("", _("Không ghi tên ai")), *person_choices()]


def _assign(view: SecureModelView, records: Sequence[Assignment], form: Any) -> Write:
    data = AssignPerson(tuple(one.id for one in records), form.person_id.data)
    return Write(progress.assign_person, data, form.reason.data)


class AssignmentView(SecureModelView):
    """Shares of tasks in bulk: which unit, which person, until when."""

    record = Assignment
    permission = VIEW
    writing = MANAGE
    label = _l("Phân công")
    hint = _l("Tra cứu, xuất Excel; điều phối giao người cho nhiều việc một lần.")
    slug = "phan-cong"
    icon = "user"
    empty_text = _l("Phân công có khi kế hoạch được ban hành.")
    column_list = ("task", "unit", "person", "reported", "due_on")
    column_details_list = ("task", "unit", "person", "reported", "original_due_on", "due_on")
    column_labels = {  # noqa: RUF012
        "task": _l("Nhiệm vụ"),
        "unit": _l("Đơn vị chủ trì"),
        "person": _l("Người thực hiện"),
        "reported": _l("Đã báo"),
        "original_due_on": _l("Hạn ban đầu"),
        "due_on": _l("Hạn"),
    }
    column_kinds = {"due_on": "d", "original_due_on": "d"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "task": lambda one: one.task.title,
        "unit": lambda one: one.unit.name,
        "person": lambda one: one.person.name if one.person else "",
        "reported": lambda one: str(REPORTED_WORDS[one.reported]),
    }
    column_sortable_list = {  # noqa: RUF012
        "due_on": Assignment.due_on,
        "reported": (Assignment.reported, Assignment.due_on),
    }
    column_default_sort = "due_on"
    column_select_related_list = (
        joinedload(Assignment.task),
        joinedload(Assignment.unit),
        joinedload(Assignment.person),
    )
    filters = (
        Filter(
            "reported",
            _l("Đã báo"),
            lambda: [(one.value, str(word)) for one, word in REPORTED_WORDS.items()],
            lambda value: Assignment.reported == Reported(value),
        ),
        Filter(
            "person",
            _l("Người thực hiện"),
            lambda: [(NONE, _("Chưa giao ai")), ("some", _("Đã giao người"))],
            lambda value: (
                Assignment.person_id.is_(None)
                if value == NONE
                else Assignment.person_id.in_(select(User.id))
            ),
        ),
    )
    bulk = (
        Bulk(
            name="person",
            label=_l("Giao người"),
            question=_l("Giao những việc này cho cùng một người."),
            write=_assign,
            icon="user",
            permission=REPORT,
            form=PersonForm,
            prepare=_offer_people,
            done=_l("Đã giao."),
        ),
    )

    def name_of(self, record: Any) -> str:
        """Name a share by task and unit."""
        return f"{record.task.title} · {record.unit.name}"

    def page_url(self, record: Any) -> str:
        """Lead to the task."""
        return url_for("plans.show_task", task_id=record.task_id)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="plans",
        label=PlanView.label,
        group="plans",
        permission=VIEW,
        view=PlanView,
        weight=30,
    ),
    AdminViewSpec(
        key="tasks",
        label=TaskView.label,
        group="plans",
        permission=VIEW,
        view=TaskView,
        weight=31,
    ),
    AdminViewSpec(
        key="assignments",
        label=AssignmentView.label,
        group="plans",
        permission=VIEW,
        view=AssignmentView,
        weight=32,
    ),
    AdminViewSpec(
        key="areas",
        label=AreaView.label,
        group="plans",
        permission=SETTINGS,
        view=AreaView,
        weight=33,
    ),
)
