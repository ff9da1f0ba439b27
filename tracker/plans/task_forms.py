"""Forms of progress and of what is decided about it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    HiddenField,
    MultipleFileField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types
from wtforms.validators import StopValidation

from tracker.core.errors import BadRequest, ValidationFailed
from tracker.core.text import normalise
from tracker.files.services import PreparedFile
from tracker.plans.inputs import (
    AnswerUrge,
    AskExtension,
    AssignPerson,
    ConfirmReports,
    DecideDispute,
    DecideExtension,
    EvidenceInput,
    GrantExtensions,
    JudgeReport,
    OpenDispute,
    PostponeReview,
    RecordTrigger,
    ReportProgress,
    UrgeUnits,
)
from tracker.plans.labels import REPORTED_WORDS
from tracker.plans.models import Reported
from tracker.plans.task_queries import Share
from tracker.web.forms import Day, Form, Longest, Note, Required, Text, optional_int

LONGEST_KEY = 64


def options(pairs: Iterable[tuple[object, object]]) -> list[SelectChoice]:
    """Return (value, label) pairs as the choices of a field."""
    return [SelectChoice(value, label) for value, label in pairs]


class OneOf:
    """One of the choices has to be taken; WTForms' own check speaks English."""

    field_flags = {"required": True}  # noqa: RUF012 - WTForms reads it from the class

    def __call__(self, form: Any, field: Any) -> None:
        """Raise StopValidation for nothing and for what is not offered."""
        if field.data not in {choice.value for choice in field.choices}:
            raise StopValidation(_("Hãy chọn một mục."))


class Percent(StringField):
    """A whole percentage; `data` is a number from 0 to 100, what can't be read stays typed."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed, with or without the sign."""
        typed = normalise(str(valuelist[0])) if valuelist else ""
        self.data = None
        digits = typed.removesuffix("%").strip()
        if not digits:
            return
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 3 and int(digits) <= 100):
            raise ValueError(_("Tỷ lệ là số nguyên từ 0 đến 100."))
        self.data = int(digits)

    def _value(self) -> str:
        if self.raw_data and self.data is None:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)


def version_of(typed: str | None) -> int | None:
    """Return the version that a form carries. Raises BadRequest when it is no number."""
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 9):
        raise BadRequest
    return int(typed)


class ProgressForm(Form):
    """A unit's report: three taps for 'done with a document'."""

    reported = RadioField(
        _l("Tình hình"),
        choices=options((value.value, word) for value, word in REPORTED_WORDS.items()),
        validators=[OneOf()],
        validate_choice=False,
    )
    percent = Percent(_l("Tỷ lệ thực hiện"), render_kw={"data-kind": "percent"})
    done_on = Day(_l("Ngày hoàn thành"), render_kw={"data-kind": "date"})
    note = Note(_l("Kết quả, vướng mắc"), validators=[Longest(5000)])
    evidence_number = Text(_l("Số, ký hiệu"), validators=[Longest(80)])
    evidence_issued_on = Day(_l("Ngày văn bản"), render_kw={"data-kind": "date"})
    evidence_issuer = Text(_l("Cơ quan ban hành"), validators=[Longest(500)])
    evidence_title = Text(_l("Tên văn bản"), validators=[Longest(500)])
    evidence_files = MultipleFileField(_l("Tệp hoặc ảnh"), render_kw={"data-kind": "photo"})
    effective_on = Day(_l("Số liệu tính đến ngày"), render_kw={"data-kind": "date"})
    answers_urges = BooleanField(_l("Gửi nội dung này làm trả lời đôn đốc"))
    version = HiddenField()
    key = HiddenField(validators=[Longest(LONGEST_KEY)])

    @classmethod
    def of(cls, share: Share, today: date, issuer: str) -> ProgressForm:
        """Return the form as it opens: what was reported last, and today as the day it is done."""
        reported = share.reported
        if reported is Reported.NOT_STARTED:
            reported = Reported.IN_PROGRESS
        return cls(
            None,
            reported=reported.value,
            percent=share.row.percent,
            done_on=share.row.done_on or today,
            evidence_issuer=issuer,
            answers_urges=bool(share.urges),
            version=str(share.version),
            key=secrets.token_hex(16),
        )

    def to_input(self, assignment_id: int, files: Sequence[PreparedFile]) -> ReportProgress:
        """Return what the service takes; fields that the chosen state does not use are dropped."""
        reported = Reported(self.reported.data)
        is_done = reported is Reported.DONE
        percent = 100 if is_done else (self.percent.data or 0)
        issuer = self.evidence_issuer.data or ""
        evidence = EvidenceInput(
            number=self.evidence_number.data or "",
            issued_on=self.evidence_issued_on.data,
            title=self.evidence_title.data or "",
            files=tuple(files),
        )
        if not evidence.is_empty:
            # The issuer is offered filled in, and says nothing by itself.
            evidence = EvidenceInput(
                evidence.number, evidence.issued_on, issuer, evidence.title, evidence.files
            )
        return ReportProgress(
            assignment_id=assignment_id,
            reported=reported,
            percent=0 if reported is Reported.NOT_STARTED else percent,
            note=self.note.data or "",
            done_on=self.done_on.data if is_done else None,
            effective_on=self.effective_on.data,
            evidence=None if evidence.is_empty else evidence,
            idempotency_key=self.key.data or None,
            version=version_of(self.version.data),
            answers_urges=bool(self.answers_urges.data),
        )


class JudgeForm(Form):
    """Confirm or send back; which of the two is the button that was pressed."""

    note = Note(_l("Ý kiến"), validators=[Longest(5000)])
    version = HiddenField()

    def to_input(self, assignment_id: int) -> JudgeReport:
        """Return what the service takes."""
        return JudgeReport(assignment_id, self.note.data or "", version_of(self.version.data))


class ConfirmForm(Form):
    """Why several reports of 'done' are confirmed at once."""

    note = Note(_l("Căn cứ xác nhận"), validators=[Required(), Longest(5000)])

    def to_input(self, ids: Sequence[int]) -> ConfirmReports:
        """Return what the service takes."""
        return ConfirmReports(tuple(ids), self.note.data or "")


class DisputeForm(Form):
    """Why a row that shows as overdue is not."""

    reason = Note(_l("Lý do đề nghị tra soát"), validators=[Required(), Longest(5000)])

    def to_input(self, assignment_id: int) -> OpenDispute:
        """Return what the service takes."""
        return OpenDispute(assignment_id, self.reason.data or "")


class DisputeDecisionForm(Form):
    """The end of a dispute."""

    outcome = RadioField(
        _l("Kết luận"),
        choices=options(
            (
                ("done", _l("Đúng là đã hoàn thành")),
                ("due", _l("Hạn chưa đúng, sửa hạn")),
                ("refused", _l("Không chấp nhận, vẫn quá hạn")),
            )
        ),
        validators=[OneOf()],
        validate_choice=False,
    )
    done_on = Day(_l("Ngày hoàn thành"), render_kw={"data-kind": "date"})
    new_due_on = Day(_l("Hạn đúng"), render_kw={"data-kind": "date"})
    note = Note(_l("Nội dung kết luận"), validators=[Required(), Longest(5000)])

    def to_input(self, assignment_id: int) -> DecideDispute:
        """Return what the service takes; only the date that fits the outcome counts."""
        outcome = self.outcome.data
        return DecideDispute(
            assignment_id,
            accepted=outcome != "refused",
            note=self.note.data or "",
            done_on=self.done_on.data if outcome == "done" else None,
            new_due_on=self.new_due_on.data if outcome == "due" else None,
        )


class ExtensionForm(Form):
    """A request for a later deadline."""

    new_due_on = Day(_l("Hạn mới"), validators=[Required()], render_kw={"data-kind": "date"})
    reason = Note(_l("Lý do"), validators=[Required(), Longest(5000)])

    def to_input(self, assignment_id: int) -> AskExtension:
        """Return what the service takes."""
        return AskExtension(assignment_id, self.new_due_on.data, self.reason.data or "")

    def to_grant(self, ids: Sequence[int]) -> GrantExtensions:
        """Return what the service for several at once takes."""
        return GrantExtensions(tuple(ids), self.new_due_on.data, self.reason.data or "")


class ExtensionDecisionForm(Form):
    """The answer to a request for a later deadline; the button pressed says which."""

    note = Note(_l("Ý kiến"), validators=[Longest(5000)])
    version = HiddenField()

    def to_input(self, extension_id: int, approved: bool) -> DecideExtension:
        """Return what the service takes."""
        return DecideExtension(
            extension_id, approved, self.note.data or "", version_of(self.version.data)
        )


class UrgeForm(Form):
    """A leader's push."""

    message = Note(_l("Nội dung đôn đốc"), validators=[Required(), Longest(2000)])
    reply_by = Day(
        _l("Trả lời trước ngày"), validators=[Required()], render_kw={"data-kind": "date"}
    )

    def to_input(self, ids: Sequence[int]) -> UrgeUnits:
        """Return what the service takes."""
        return UrgeUnits(tuple(ids), self.message.data or "", self.reply_by.data)


class AnswerForm(Form):
    """A unit's answer to a push."""

    answer = Note(_l("Trả lời"), validators=[Required(), Longest(2000)])

    def to_input(self, urge_id: int) -> AnswerUrge:
        """Return what the service takes."""
        return AnswerUrge(urge_id, self.answer.data or "")


class TriggerForm(Form):
    """The day a conditional task was waiting for."""

    triggered_on = Day(
        _l("Ngày có điều kiện"),
        render_kw={"data-kind": "date"},
        description=_l("Để trống nếu điều kiện chưa có."),
    )
    review_on = Day(
        _l("Chưa có thì hỏi lại ngày"),
        render_kw={"data-kind": "date"},
        description=_l("Tới ngày này, việc lại hiện trong “Hôm nay” để hỏi."),
    )
    note = Note(_l("Căn cứ"), validators=[Longest(5000)])

    def to_input(self, task_id: int) -> RecordTrigger | PostponeReview:
        """Return what the service takes. Raises ValidationFailed when neither day is given."""
        if self.triggered_on.data is not None:
            return RecordTrigger(task_id, self.triggered_on.data, self.note.data or "")
        if self.review_on.data is None:
            raise ValidationFailed(
                {"triggered_on": _("Hãy ghi ngày có điều kiện, hoặc ngày hỏi lại.")}
            )
        return PostponeReview(task_id, self.review_on.data)


class PersonForm(Form):
    """Who in the unit works on the picked assignments."""

    person_id = SelectField(
        _l("Người thực hiện"),
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
    )
    reason = Note(_l("Lý do"), validators=[Required(), Longest(500)])

    def to_input(self, ids: Sequence[int]) -> AssignPerson:
        """Return what the service takes."""
        return AssignPerson(tuple(ids), self.person_id.data)
