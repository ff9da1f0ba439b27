"""Forms of inspections."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    MultipleFileField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import Optional

from tracker.accounts.forms import options
from tracker.inspections import labels
from tracker.inspections.models import MemberRole, Severity, VisitKind
from tracker.web.forms import Day, Form, Longest, Note, Required, Text, optional_int

CLOCK = re.compile(r"^([01]?\d|2[0-3])\s*[:hHgG.]\s*([0-5]\d)$")
KEY = re.compile(r"^[A-Za-z0-9-]{8,64}$")


class ClockTime(StringField):
    """A time of day typed as 7:15 or 7h15; `data` is a time."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with what to type instead."""
        self.data = None
        words = str(valuelist[0]).strip() if valuelist else ""
        if not words:
            return
        found = CLOCK.match(words)
        if found is None:
            raise ValueError(_("Giờ chưa đúng. Hãy gõ như 7:15."))
        self.data = time(int(found[1]), int(found[2]))

    def _value(self) -> str:
        if self.raw_data and self.data is None:
            return str(self.raw_data[0])
        return f"{self.data.hour}:{self.data.minute:02}" if isinstance(self.data, time) else ""


class SendKey(HiddenField):
    """The random key by which a second send of the same form is recognised."""

    data: str | None

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take the key; anything that is not one counts as none."""
        words = str(valuelist[0]) if valuelist else ""
        self.data = words if KEY.match(words) else None


class Whole(IntegerField):
    """A whole number that may be left out."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with what to type instead."""
        self.data = None
        words = str(valuelist[0]).strip() if valuelist else ""
        if not words:
            return
        if not (words.isascii() and words.isdigit() and len(words) <= 9):
            raise ValueError(_("Hãy nhập một số nguyên."))
        self.data = int(words)


def _select(label: Any, **more: Any) -> SelectField:
    return SelectField(
        label,
        coerce=optional_int,
        validators=[Optional()],
        validate_choice=True,
        **more,
    )


class VisitForm(Form):
    """A new visit, on one screen."""

    kind = RadioField(
        _l("Loại kiểm tra"),
        choices=options(labels.choices_of(labels.KINDS)),
        default=VisitKind.SURPRISE.value,
        validators=[Required()],
    )
    unit_id = SelectField(
        _l("Đơn vị được kiểm tra"),
        coerce=optional_int,
        validators=[Required(_l("Hãy chọn đơn vị."))],
        render_kw={"data-kind": "combobox"},
    )
    visited_on = Day(_l("Ngày kiểm tra"), validators=[Required()], render_kw={"data-kind": "date"})
    checklist_id = _select(_l("Bảng kiểm"))
    plan_item_id = _select(_l("Dòng của kế hoạch kiểm tra"), render_kw={"data-kind": "combobox"})
    finding_ids = SelectMultipleField(_l("Phát hiện cần kiểm tra lại"), coerce=optional_int)
    team_name = Text(_l("Tên đoàn, tổ kiểm tra"), validators=[Longest(500)])
    decision_number = Text(_l("Số quyết định"), validators=[Longest(80)])
    is_announced = BooleanField(_l("Có báo trước cho đơn vị"))
    member_ids = SelectMultipleField(_l("Thành viên có tài khoản"), coerce=optional_int)
    guests = Note(_l("Thành viên khác"), validators=[Longest(2000)])
    send_key = SendKey()


class EditVisitForm(Form):
    """The facts of an open visit."""

    visited_on = Day(_l("Ngày kiểm tra"), validators=[Required()], render_kw={"data-kind": "date"})
    checklist_id = _select(_l("Bảng kiểm"))
    team_name = Text(_l("Tên đoàn, tổ kiểm tra"), validators=[Longest(500)])
    decision_number = Text(_l("Số quyết định"), validators=[Longest(80)])
    is_announced = BooleanField(_l("Có báo trước cho đơn vị"))
    version = HiddenField()


class AskedAtTheEnd:
    """Marks what may stay empty while a record is written, but not when the visit ends."""

    field_flags = {"required": True}  # noqa: RUF012 - WTForms reads it from the class

    def __call__(self, form: Any, field: Any) -> None:
        """Accept whatever was typed: the end of the visit names what is missing."""


class HeadcountForm(Form):
    """Who was there."""

    present = Whole(_l("Có mặt"), [AskedAtTheEnd()], render_kw={"data-kind": "stepper"})
    absent_with_reason = Whole(
        _l("Vắng có lý do"), [AskedAtTheEnd()], render_kw={"data-kind": "stepper"}
    )
    absent_without_reason = Whole(
        _l("Vắng không lý do"), [AskedAtTheEnd()], render_kw={"data-kind": "stepper"}
    )
    counted_at = ClockTime(_l("Lúc mấy giờ"))
    note = Note(_l("Lý do vắng, ghi chú"), validators=[Longest(4000)])


class MemberForm(Form):
    """One more person of the team."""

    user_id = SelectField(
        _l("Người có tài khoản"),
        coerce=optional_int,
        validators=[Optional()],
        render_kw={"data-kind": "combobox"},
    )
    name = Text(_l("Hoặc họ tên người ngoài hệ thống"), validators=[Longest(200)])
    agency = Text(_l("Cơ quan"), validators=[Longest(500)])
    role = SelectField(
        _l("Vai trò"),
        choices=options(labels.choices_of(labels.ROLES)),
        default=MemberRole.MEMBER.value,
    )


class FindingForm(Form):
    """Something to put right."""

    item_id = _select(_l("Nội dung của bảng kiểm"))
    text = Note(_l("Nội dung cần khắc phục"), validators=[Required(), Longest(4000)])
    severity = RadioField(
        _l("Mức độ"),
        choices=options(labels.choices_of(labels.SEVERITIES)),
        default=Severity.MINOR.value,
        validators=[Required()],
    )
    remedy_due_on = Day(_l("Hạn khắc phục"), render_kw={"data-kind": "date"})
    photos = MultipleFileField(
        _l("Ảnh"),
        render_kw={"data-kind": "photo", "accept": "image/jpeg,image/png,image/webp"},
    )
    send_key = SendKey()
    version = HiddenField()


class FinishForm(Form):
    """The end of a visit."""

    conclusion = Note(_l("Kết luận của đoàn"), validators=[Longest(20000)])


class NoticeForm(Form):
    """Conclusion and notice, after the visit."""

    conclusion = Note(_l("Kết luận của đoàn"), validators=[Longest(20000)])
    notice_number = Text(_l("Số thông báo kết luận"), validators=[Longest(80)])
    notice_on = Day(_l("Ngày thông báo"), render_kw={"data-kind": "date"})


class RemedyForm(Form):
    """What the unit did."""

    text = Note(_l("Đã khắc phục thế nào"), validators=[Required(), Longest(4000)])
    done_on = Day(_l("Ngày xong"), validators=[Required()], render_kw={"data-kind": "date"})
    evidence_number = Text(_l("Số văn bản minh chứng"), validators=[Longest(80)])
    evidence_on = Day(_l("Ngày văn bản"), render_kw={"data-kind": "date"})
    evidence_issuer = Text(_l("Cơ quan ban hành"), validators=[Longest(500)])
    files = MultipleFileField(_l("Ảnh, tệp minh chứng"), render_kw={"data-kind": "photo"})


class RemedyDueForm(Form):
    """By when findings are to be remedied, and why this day."""

    due_on = Day(_l("Hạn khắc phục"), [Required()], render_kw={"data-kind": "date"})
    reason = Note(_l("Lý do"), validators=[Required(), Longest(2000)])


class VerifyForm(Form):
    """What the second person says."""

    verdict = RadioField(
        _l("Kết quả xác minh"),
        choices=options([("yes", _l("Đã khắc phục")), ("no", _l("Chưa đạt, trả lại"))]),
        validators=[Required()],
    )
    note = Note(_l("Nhận xét"), validators=[Longest(4000)])


class PlanForm(Form):
    """An annual inspection plan."""

    title = Text(_l("Tên kế hoạch"), validators=[Required(), Longest(500)])
    year = Whole(_l("Năm"), validators=[Required()])
    issuer_id = SelectField(
        _l("Cơ quan ban hành"),
        coerce=optional_int,
        validators=[Required()],
        render_kw={"data-kind": "combobox"},
    )
    number = Text(_l("Số, ký hiệu"), validators=[Longest(80)])
    issued_on = Day(_l("Ngày ban hành"), render_kw={"data-kind": "date"})
    version = HiddenField()


MONTHS = options((str(month), str(month)) for month in range(1, 13))


def _document() -> SelectField:
    """Return the choice of the amending document behind a change of an issued plan."""
    return _select(_l("Căn cứ điều chỉnh"), choices=options((), _l("Chọn văn bản")))


class AmendForm(Form):
    """A document that amends an issued plan."""

    number = Text(_l("Số, ký hiệu"), validators=[Required(), Longest(80)])
    issued_on = Day(_l("Ngày văn bản"), validators=[Required()], render_kw={"data-kind": "date"})
    summary = Note(_l("Nội dung điều chỉnh"), validators=[Longest(4000)])


class PlanItemForm(Form):
    """A row's months, contents and, once issued, the document behind the change."""

    month_from = SelectField(_l("Từ tháng"), validators=[Required()], choices=MONTHS, coerce=int)
    month_to = SelectField(_l("Đến tháng"), validators=[Required()], choices=MONTHS, coerce=int)
    scope = Text(_l("Nội dung kiểm tra"), validators=[Longest(2000)])
    document_id = _document()
    version = HiddenField()


class PlanItemsForm(Form):
    """Units for a plan."""

    document_id = _document()
    unit_ids = SelectMultipleField(_l("Đơn vị"), coerce=optional_int)
    unit_set_id = _select(_l("Nhóm đơn vị"))
    month_from = SelectField(
        _l("Từ tháng"), validators=[Required()], choices=MONTHS, default="1", coerce=int
    )
    month_to = SelectField(
        _l("Đến tháng"), validators=[Required()], choices=MONTHS, default="12", coerce=int
    )
    scope = Text(_l("Nội dung kiểm tra"), validators=[Longest(2000)])


class ChecklistForm(Form):
    """A new checklist."""

    title = Text(_l("Tên bảng kiểm"), validators=[Required(), Longest(200)])


class DraftForm(Form):
    """The note of a draft; its items are read from repeated fields."""

    note = Note(_l("Vì sao sửa"), validators=[Longest(2000)])
