"""Forms of the register and of the plans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.web import (
    BooleanField,
    Day,
    Form,
    HiddenField,
    IntegerField,
    Longest,
    Note,
    Optional,
    RadioField,
    Required,
    SelectField,
    Text,
    optional_int,
)
from tracker_position_rotation.labels import OUTCOMES
from tracker_position_rotation.models import Outcome

DAY = {"data-kind": "date"}
COMBOBOX = {"data-kind": "combobox"}


def options(pairs: Iterable[tuple[Any, Any]], empty: str | None = None) -> list[SelectChoice]:
    """Return (value, label) pairs as a select takes them; `empty` labels an option for nothing."""
    first = [] if empty is None else [SelectChoice("", empty)]
    return [*first, *(SelectChoice(value, label) for value, label in pairs)]


class Whole(IntegerField):
    """A whole number that may be left out."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with what to type instead."""
        self.data = None
        words = str(valuelist[0]).strip() if valuelist else ""
        if not words:
            return
        if not (words.isascii() and words.isdigit() and len(words) <= 6):
            raise ValueError(_("Hãy nhập một số nguyên."))
        self.data = int(words)


def _pick(label: Any, *, required: str = "", combobox: bool = True) -> SelectField:
    return SelectField(
        label,
        coerce=optional_int,
        validators=[Required(required)] if required else [Optional()],
        render_kw=COMBOBOX if combobox else {},
    )


class CategoryForm(Form):
    """A category of posts that rotate."""

    code = Text(_l("Mã"), [Required(), Longest(40)])
    title = Text(_l("Tên danh mục"), [Required(), Longest(300)])
    sector = Text(_l("Lĩnh vực"), [Longest(200)])
    months = Whole(_l("Thời hạn (tháng)"), [Required()])
    alert_months = Whole(_l("Nhắc từ tháng thứ"), [Required()])
    legal_basis = Text(_l("Căn cứ"), [Longest(500)])
    valid_from = Day(_l("Có hiệu lực từ"), [Required()], render_kw=DAY)
    valid_to = Day(_l("Hết hiệu lực từ"), render_kw=DAY)
    version = HiddenField()


class ReasonForm(Form):
    """A reason for deferral or exemption."""

    code = Text(_l("Mã"), [Required(), Longest(40)])
    name = Text(_l("Lý do"), [Required(), Longest(300)])
    name_en = Text(_l("Lý do bằng tiếng Anh"), [Longest(300)])
    counts_out = BooleanField(_l("Không phải chuyển đổi (thay vì tạm hoãn)"))
    is_private = BooleanField(_l("Lý do riêng: chỉ người có quyền hẹp mới xem được"))
    needs_end = BooleanField(_l("Phải ghi ngày kết thúc"))
    legal_basis = Text(_l("Căn cứ"), [Longest(500)])
    valid_from = Day(_l("Có hiệu lực từ"), [Required()], render_kw=DAY)
    valid_to = Day(_l("Hết hiệu lực từ"), render_kw=DAY)
    version = HiddenField()


class PostForm(Form):
    """A post of a unit."""

    unit_id = _pick(_l("Đơn vị"), required=_l("Hãy chọn đơn vị."))
    title = Text(_l("Tên vị trí"), [Required(), Longest(300)])
    profession = Text(_l("Chuyên môn"), [Required(), Longest(200)])
    category_id = _pick(_l("Danh mục phải chuyển đổi"), combobox=False)
    reach_unit_id = _pick(
        _l("Phạm vi điều động"), required=_l("Hãy chọn đơn vị của người có quyền điều động.")
    )
    seats = Whole(_l("Số biên chế"), [Required()])
    smallest = Whole(_l("Số người tối thiểu"), [Required()])
    ended_on = Day(_l("Kết thúc từ ngày"), render_kw=DAY)
    version = HiddenField()


class PersonForm(Form):
    """An official of the register."""

    staff_code = Text(_l("Mã số công chức"), [Required(), Longest(40)])
    name = Text(_l("Họ tên"), [Required(), Longest(200)])
    retires_on = Day(_l("Ngày đến tuổi nghỉ hưu"), render_kw=DAY)
    retirement_override = Text(_l("Lý do vẫn chuyển dù sắp nghỉ hưu"), [Longest(300)])
    post_id = _pick(_l("Vị trí đang giữ"))
    since = Day(_l("Giữ vị trí này từ ngày"), render_kw=DAY)
    since_in_category = Day(_l("Giữ loại vị trí này từ ngày"), render_kw=DAY)
    version = HiddenField()


class MoveForm(Form):
    """A decision that moves somebody."""

    post_id = _pick(_l("Vị trí mới"))
    effective_on = Day(_l("Có hiệu lực từ ngày"), [Required()], render_kw=DAY)
    decision_number = Text(_l("Số quyết định"), [Longest(100)])
    decided_on = Day(_l("Ngày quyết định"), render_kw=DAY)
    keeps_clock = BooleanField(_l("Chỉ lập lại vị trí do sắp xếp đơn vị, thời gian giữ tính tiếp"))
    leaves = BooleanField(_l("Rời khỏi sổ (nghỉ hưu, chuyển cơ quan)"))
    version = HiddenField()


class DeferralForm(Form):
    """Why somebody is not moved from a day on."""

    reason_id = SelectField(
        _l("Lý do"), coerce=optional_int, validators=[Required(_l("Hãy chọn lý do."))]
    )
    start = Day(_l("Từ ngày"), [Required()], render_kw=DAY)
    end = Day(_l("Đến hết ngày"), render_kw=DAY)
    note = Note(_l("Ghi chú riêng"), [Longest(2000)])
    evidence_number = Text(_l("Số văn bản minh chứng"), [Longest(100)])
    evidence_on = Day(_l("Ngày của văn bản"), render_kw=DAY)


class EndForm(Form):
    """The last day of a deferral."""

    end = Day(_l("Đến hết ngày"), [Required()], render_kw=DAY)


class PlanForm(Form):
    """A new plan."""

    unit_id = _pick(_l("Đơn vị"), required=_l("Hãy chọn đơn vị."))
    year = Whole(_l("Năm"), [Required()])
    title = Text(_l("Tên kế hoạch"), [Longest(300)])
    task_id = _pick(_l("Nhiệm vụ của kế hoạch CCHC"))


class ApproveForm(Form):
    """The document that approves a plan."""

    number = Text(_l("Số kế hoạch"), [Required(), Longest(100)])
    issued_on = Day(_l("Ngày ban hành"), [Required()], render_kw=DAY)


class PublishForm(Form):
    """When and where a plan was made public."""

    published_on = Day(_l("Ngày công khai"), [Required()], render_kw=DAY)
    published_where = Text(_l("Nơi công khai"), [Required(), Longest(300)])


class PlanEditForm(Form):
    """What of a plan may be changed at any time."""

    title = Text(_l("Tên kế hoạch"), [Required(), Longest(300)])
    task_id = _pick(_l("Nhiệm vụ của kế hoạch CCHC"))
    version = HiddenField()


class RowForm(Form):
    """What a person decides about a row."""

    outcome = RadioField(
        _l("Phương án"),
        choices=options(
            (one.value, OUTCOMES[one])
            for one in (Outcome.PLANNED, Outcome.DEFERRED, Outcome.EXEMPT, Outcome.OPEN)
        ),
        validators=[Required()],
    )
    to_post_id = _pick(_l("Vị trí mới"))
    month = SelectField(_l("Tháng chuyển"), coerce=optional_int, validators=[Optional()])
    reason_id = SelectField(_l("Lý do"), coerce=optional_int, validators=[Optional()])
    deferred_until = Day(_l("Hoãn đến hết ngày"), render_kw=DAY)
    why = Note(_l("Vì sao chọn phương án này"), [Longest(1000)])
    reason = Text(_l("Lý do điều chỉnh"), [Longest(300)])
    version = HiddenField()


class FinishForm(Form):
    """The decision that carried a row out."""

    decision_number = Text(_l("Số quyết định"), [Required(), Longest(100)])
    decided_on = Day(_l("Ngày quyết định"), [Required()], render_kw=DAY)
    effective_on = Day(_l("Có hiệu lực từ ngày"), [Required()], render_kw=DAY)
    minutes_number = Text(_l("Số biên bản bàn giao"), [Longest(100)])
    minutes_on = Day(_l("Ngày bàn giao"), render_kw=DAY)
    version = HiddenField()
