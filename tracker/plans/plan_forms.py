"""The forms of plans, their documents and rows, and the way from them to the services' inputs."""

from __future__ import annotations

from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField, SelectMultipleField
from wtforms.validators import ValidationError

from tracker.core.errors import ValidationFailed
from tracker.core.numbers import read_whole
from tracker.plans.areas import AreaInput
from tracker.plans.assign import Deadline
from tracker.plans.deadline_forms import DeadlineFields, Needed, deadline_values
from tracker.plans.documents import DocumentChoice, NewDocument
from tracker.plans.lifecycle import PlanInput
from tracker.plans.models import DocumentKind, Plan, ReformArea, RowKind, Task
from tracker.plans.rows import LONGEST_LINE, LONGEST_TITLE, RowInput
from tracker.plans.task_forms import options
from tracker.web.forms import LONGEST_NOTE, Day, Form, Longest, Note, Required, Text, optional_int

DOCUMENT_LABELS: Final = {
    DocumentKind.PLAN: _l("Kế hoạch"),
    DocumentKind.DECISION: _l("Quyết định"),
    DocumentKind.OFFICIAL_LETTER: _l("Công văn"),
    DocumentKind.NOTICE: _l("Thông báo"),
    DocumentKind.PROGRAMME: _l("Chương trình"),
    DocumentKind.OTHER: _l("Văn bản khác"),
}
ROW_LABELS: Final = {
    RowKind.GROUP: _l("Nhóm"),
    RowKind.TASK: _l("Nhiệm vụ"),
    RowKind.STEP: _l("Hoạt động"),
}
NEW_DOCUMENT: Final = "new"
# The identity of a plan, which no longer changes once it is issued.
PRINTED: Final = ("issuer_id", "kind", "year_from", "year_to", "key", "number", "issued_on")
DOCUMENT_FIELDS: Final = (
    "document_id",
    "document_kind",
    "document_number",
    "document_issued_on",
    "document_summary",
)
DEADLINE_FIELDS: Final = (
    "deadline_text",
    "deadline_kind",
    "window_start",
    "deadline_on",
    "recurrence",
    "recurrence_weekday",
    "recurrence_day",
    "recurrence_dates",
    "trigger_text",
    "trigger_offset",
    "trigger_in_working_days",
    "review_on",
    "awaits_id",
)
Choices = list[tuple[int, str]]


def whole_number(value: Any) -> int:
    """Coerce to a whole number that a database can hold. Raises ValueError."""
    number = int(value)
    if not -(2**31) < number < 2**31:
        raise ValueError("number out of range")
    return number


class Year(Text):
    """A year as typed; `data` is a number, None for anything else."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; what is no year stays in the field with a message."""
        super().process_formdata(valuelist)
        typed = self.data or ""
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) == 4):
            raise ValueError(_("Hãy ghi năm bằng bốn chữ số."))

    @property
    def year(self) -> int:
        """Return the year; 0 when none was typed."""
        text = str(self.data or "")
        return int(text) if text.isascii() and text.isdigit() else 0


class PlanForm(Form):
    """The head of a plan."""

    version = HiddenField()
    title = Text(_l("Tên kế hoạch"), [Required(), Longest(500)])
    issuer_id = SelectField(
        _l("Cơ quan ban hành"),
        [Needed()],
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    kind = SelectField(
        _l("Loại văn bản"),
        [Needed()],
        choices=options((one.value, label) for one, label in DOCUMENT_LABELS.items()),
    )
    year_from = Year(_l("Năm đầu"), [Required()])
    year_to = Year(_l("Năm cuối"), description=_l("Để trống nếu kế hoạch chỉ trong một năm."))
    key = Text(
        _l("Mã trên địa chỉ"),
        [Longest(80)],
        description=_l("Như vinh-chau-2021. Để trống, hệ thống tự đặt."),
    )
    number = Text(
        _l("Số, ký hiệu"), [Longest(80)], description=_l("Ghi khi đã có, như 11/KH-UBND.")
    )
    issued_on = Day(_l("Ngày ban hành"))
    needs_confirmation = BooleanField(
        _l("Việc báo hoàn thành phải được cơ quan thường trực xác nhận")
    )
    source_note = Note(_l("Ghi chú nguồn"), [Longest(LONGEST_NOTE)])

    def to_input(self) -> PlanInput:
        """Return what was typed."""
        return PlanInput(
            title=self.title.data or "",
            issuer_id=self.issuer_id.data or 0,
            year_from=self.year_from.year,
            year_to=self.year_to.year or self.year_from.year,
            kind=DocumentKind(self.kind.data),
            key=self.key.data or "",
            number=self.number.data or "",
            issued_on=self.issued_on.data,
            needs_confirmation=bool(self.needs_confirmation.data),
            source_note=self.source_note.data or "",
        )

    def fix(self) -> None:
        """Take out what an issued plan keeps: it is printed."""
        for name in PRINTED:
            del self[name]

    def submitted(self) -> dict[str, object]:
        """Return what was typed by attribute of the plan; an empty key keeps the one there is."""
        if "issuer_id" in self:
            values = vars(self.to_input())
            return {name: value for name, value in values.items() if name != "key" or value}
        return {
            "title": self.title.data or "",
            "needs_confirmation": bool(self.needs_confirmation.data),
            "source_note": self.source_note.data or "",
        }


def plan_input(plan: Plan) -> PlanInput:
    """Return a stored plan as what would be typed to make it."""
    return PlanInput(
        title=plan.title,
        issuer_id=plan.issuer_id,
        year_from=plan.year_from,
        year_to=plan.year_to,
        kind=plan.kind,
        key=plan.key,
        number=plan.number,
        issued_on=plan.issued_on,
        needs_confirmation=plan.needs_confirmation,
        source_note=plan.source_note,
    )


def plan_values(plan: Plan) -> dict[str, object]:
    """Return a plan as the values of its form."""
    return {
        "version": plan.version,
        "title": plan.title,
        "issuer_id": plan.issuer_id,
        "kind": plan.kind.value,
        "year_from": str(plan.year_from),
        "year_to": str(plan.year_to) if plan.year_to != plan.year_from else "",
        "key": plan.key,
        "number": plan.number,
        "issued_on": plan.issued_on,
        "needs_confirmation": plan.needs_confirmation,
        "source_note": plan.source_note,
    }


class IssueForm(Form):
    """The document by which a draft is issued."""

    version = HiddenField()
    number = Text(_l("Số, ký hiệu"), [Required(), Longest(80)], description=_l("Như 11/KH-UBND."))
    issued_on = Day(_l("Ngày ban hành"), [Required()])
    summary = Note(_l("Trích yếu"), [Longest(LONGEST_NOTE)])


class DocumentForm(Form):
    """A document that amends a plan."""

    kind = SelectField(
        _l("Loại văn bản"),
        [Needed()],
        choices=options((one.value, label) for one, label in DOCUMENT_LABELS.items()),
        default=DocumentKind.DECISION.value,
    )
    number = Text(_l("Số, ký hiệu"), [Required(), Longest(80)])
    issued_on = Day(_l("Ngày văn bản"), [Required()])
    issuer = Text(_l("Cơ quan ban hành"), [Longest(500)])
    summary = Note(_l("Trích yếu"), [Longest(LONGEST_NOTE)])

    def to_input(self) -> NewDocument:
        """Return what was typed."""
        return NewDocument(
            kind=DocumentKind(self.kind.data),
            number=self.number.data or "",
            issued_on=self.issued_on.data,
            issuer=self.issuer.data or "",
            summary=self.summary.data or "",
        )


class CloseForm(Form):
    """The end of a plan."""

    version = HiddenField()
    closed_on = Day(_l("Ngày khép"), [Required()])


class DocumentFields:
    """The amending document behind a change: one that is known, or a new one typed here."""

    document_id = SelectField(
        _l("Căn cứ"), [Needed()], choices=[], validate_choice=False, default=""
    )
    document_kind = SelectField(
        _l("Loại văn bản"),
        [Needed()],
        choices=options((one.value, label) for one, label in DOCUMENT_LABELS.items()),
        default=DocumentKind.DECISION.value,
    )
    document_number = Text(_l("Số, ký hiệu"), [Longest(80)])
    document_issued_on = Day(_l("Ngày văn bản"))
    document_summary = Note(_l("Trích yếu"), [Longest(LONGEST_NOTE)])

    def document(self) -> DocumentChoice | None:
        """Return the document that was named. Raises ValidationFailed for half of a new one."""
        chosen = self.document_id.data or ""
        if chosen == NEW_DOCUMENT:
            if self.document_issued_on.data is None:
                raise ValidationFailed({"document_issued_on": _("Hãy ghi ngày văn bản.")})
            return DocumentChoice(
                new=NewDocument(
                    kind=DocumentKind(self.document_kind.data),
                    number=self.document_number.data or "",
                    issued_on=self.document_issued_on.data,
                    summary=self.document_summary.data or "",
                )
            )
        document_id = read_whole(chosen)
        return None if document_id is None else DocumentChoice(document_id=document_id)


class RowForm(DeadlineFields, DocumentFields, Form):
    """A row of a plan."""

    version = HiddenField()
    kind = SelectField(
        _l("Loại dòng"),
        [Needed()],
        choices=options((one.value, label) for one, label in ROW_LABELS.items()),
        default=RowKind.TASK.value,
    )
    parent_id = SelectField(
        _l("Nằm trong"),
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    number = Text(_l("Số thứ tự"), [Longest(40)], description=_l("Như trong văn bản: II, 1.2, a."))
    area_id = SelectField(_l("Lĩnh vực"), coerce=optional_int, validate_choice=False)
    title = Note(_l("Nội dung"), [Required(), Longest(LONGEST_TITLE)])
    product = Note(_l("Sản phẩm, kết quả"), [Longest(LONGEST_NOTE)])
    lead_unit_ids = SelectMultipleField(
        _l("Đơn vị chủ trì"),
        coerce=whole_number,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    unit_set_id = SelectField(
        _l("Hoặc một nhóm đơn vị"),
        coerce=optional_int,
        validate_choice=False,
        description=_l("Như “Tất cả các xã, phường”; xác định theo ngày ban hành."),
    )
    lead_text = Text(
        _l("Chủ trì, ghi như văn bản"),
        [Longest(LONGEST_NOTE)],
        description=_l("Để trống nếu trùng tên đơn vị đã chọn."),
    )
    coordinator_ids = SelectMultipleField(
        _l("Đơn vị phối hợp"),
        coerce=whole_number,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    coordinator_text = Text(_l("Phối hợp, ghi như văn bản"), [Longest(LONGEST_NOTE)])
    budget_text = Text(_l("Kinh phí"), [Longest(LONGEST_LINE)])
    note = Note(_l("Ghi chú"), [Longest(LONGEST_NOTE)])

    def to_input(self) -> RowInput:
        """Return what was typed."""
        kind = RowKind(self.kind.data)
        return RowInput(
            title=self.title.data or "",
            kind=kind,
            number=self.number.data or "",
            area_id=self.area_id.data,
            product=self.product.data or "",
            lead_text=self.lead_text.data or "",
            lead_unit_ids=tuple(self.lead_unit_ids.data or ()),
            unit_set_id=self.unit_set_id.data,
            coordinator_text=self.coordinator_text.data or "",
            coordinator_ids=tuple(self.coordinator_ids.data or ()),
            budget_text=self.budget_text.data or "",
            note=self.note.data or "",
            deadline=self.deadline() if kind is RowKind.TASK else Deadline(),
        )


def row_values(task: Task, leads: list[int], coordinators: list[int]) -> dict[str, object]:
    """Return a row as the values of its form."""
    return {
        "version": task.version,
        "kind": task.kind.value,
        "parent_id": task.parent_id,
        "number": task.number,
        "area_id": task.area_id,
        "title": task.title,
        "product": task.product,
        "lead_unit_ids": leads,
        "unit_set_id": task.unit_set_id,
        "lead_text": task.lead_text,
        "coordinator_ids": coordinators,
        "coordinator_text": task.coordinator_text,
        "budget_text": task.budget_text,
        "note": task.note,
        **deadline_values(Deadline.of(task)),
    }


class WithdrawForm(DocumentFields, Form):
    """Why and by which document a row is taken out."""

    version = HiddenField()
    reason = Note(_l("Lý do rút"), [Required(), Longest(LONGEST_NOTE)])


class MoveForm(Form):
    """A row's new place."""

    parent_id = SelectField(
        _l("Vào nhóm"),
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    before_id = SelectField(
        _l("Đứng trước"),
        coerce=optional_int,
        validate_choice=False,
        description=_l("Để trống thì xuống cuối nhóm."),
        render_kw={"data-kind": "combobox"},
    )


class CopyForm(Form):
    """The head of the draft that a plan is copied into."""

    title = Text(_l("Tên kế hoạch mới"), [Required(), Longest(500)])
    year = Year(_l("Năm"), [Required()])
    issuer_id = SelectField(
        _l("Cơ quan ban hành"),
        [Needed()],
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    key = Text(
        _l("Mã trên địa chỉ"),
        [Longest(80)],
        description=_l("Như vinh-chau-2021. Để trống, hệ thống tự đặt."),
    )


class AreaForm(Form):
    """A reform area."""

    version = HiddenField()
    code = Text(_l("Mã"), [Required(), Longest(20)])
    name = Text(_l("Tên lĩnh vực"), [Required(), Longest(500)])
    short_name = Text(_l("Tên ngắn"), [Longest(120)])
    name_en = Text(_l("Tên tiếng Anh"), [Longest(500)])
    short_name_en = Text(_l("Tên ngắn tiếng Anh"), [Longest(120)])
    position = Text(_l("Thứ tự"), [Longest(4)])
    valid_from = Day(_l("Có hiệu lực từ"), [Required()])
    valid_to = Day(_l("Hết hiệu lực sau ngày"))

    def validate_position(self, field: Any) -> None:
        """Raise ValidationError for what is no whole number."""
        if field.data and read_whole(field.data, 999) is None:
            raise ValidationError(_("Hãy ghi một số, như 3."))

    def to_input(self) -> AreaInput:
        """Return what was typed."""
        return AreaInput(
            code=self.code.data or "",
            name=self.name.data or "",
            short_name=self.short_name.data or "",
            name_en=self.name_en.data or "",
            short_name_en=self.short_name_en.data or "",
            position=int(self.position.data) if self.position.data else None,
            valid_from=self.valid_from.data,
            valid_to=self.valid_to.data,
        )


def area_values(area: ReformArea) -> dict[str, object]:
    """Return an area as the values of its form."""
    return {
        "version": area.version,
        "code": area.code,
        "name": area.name,
        "short_name": area.short_name,
        "name_en": area.name_en,
        "short_name_en": area.short_name_en,
        "position": str(area.position),
        "valid_from": area.valid_from,
        "valid_to": area.valid_to,
    }
