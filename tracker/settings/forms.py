"""Forms of settings, days off and reporting windows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, cast

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.plugins.descriptors import SettingSpec
from tracker.settings.models import DayKind
from tracker.settings.services import (
    LONGEST_DAY_NAME,
    LONGEST_DECISION,
    LONGEST_VALUE,
    LONGEST_WINDOW_NAME,
)
from tracker.web.forms import Day, Form, Longest, Note, Required, Text

DAY_KINDS = {
    DayKind.HOLIDAY: _l("Ngày nghỉ"),
    DayKind.SWAP_OFF: _l("Nghỉ hoán đổi"),
    DayKind.SWAP_WORK: _l("Làm bù"),
}


class Whole(StringField):
    """A whole number typed as text: what can't be read stays in the field with a message."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with the message to show."""
        self.typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if not self.typed:
            return
        if not re.fullmatch(r"[+-]?[0-9]{1,10}", self.typed):
            raise ValueError(_("Hãy gõ một số nguyên."))
        self.data = int(self.typed)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)


def field_name(key: str) -> str:
    """Return the form field of a setting: names of fields hold no dots."""
    return key.replace(".", "__")


def clear_name(key: str) -> str:
    """Return the form field that empties a secret setting."""
    return f"{field_name(key)}__clear"


def settings_form(specs: Iterable[SettingSpec], kept: Collection[str] = ()) -> type[Form]:
    """Return a form class with a field for each declared setting.

    `kept` are keys of secret settings that hold something: each has a further field to empty it.
    """
    fields: dict[str, Any] = {}
    for spec in specs:
        name = field_name(spec.key)
        # WTForms shows lazy texts too; its types speak of strings alone.
        label, hint = cast(str, spec.label), cast(str, spec.hint)
        if spec.secret:
            fields[name] = PasswordField(
                label,
                [Longest(LONGEST_VALUE)],
                description=hint,
                render_kw={
                    "autocomplete": "new-password",
                    "placeholder": _l("Để trống nếu không đổi"),
                },
            )
            if spec.key in kept:
                fields[clear_name(spec.key)] = BooleanField(_l("Xóa giá trị đang lưu"))
        elif spec.choices:
            may_be_empty = any(value == "" for value, _words in spec.choices)
            fields[name] = SelectField(
                label,
                [] if may_be_empty else [Required()],
                choices=[SelectChoice(value, words) for value, words in spec.choices],
                description=hint,
            )
        elif spec.kind is bool:
            fields[name] = BooleanField(label, description=hint)
        elif spec.kind is int:
            fields[name] = Whole(
                label,
                [Required()],
                description=hint,
                render_kw={"inputmode": "numeric", "autocomplete": "off"},
            )
        else:
            fields[name] = Text(label, [Longest(LONGEST_VALUE)], description=hint)
    return type("SettingsForm", (Form,), fields)


class DayForm(Form):
    """One day of the calendar."""

    day = Day(_l("Ngày"), [Required()], render_kw={"data-kind": "date"})
    kind = SelectField(
        _l("Loại"),
        [Required()],
        choices=[SelectChoice(kind.value, label) for kind, label in DAY_KINDS.items()],
    )
    name = Text(
        _l("Tên ngày nghỉ hoặc lý do"),
        [Required(), Longest(LONGEST_DAY_NAME)],
        description=_l("Ví dụ: Nghỉ Tết Nguyên đán, Làm bù cho ngày 02/01/2026."),
    )
    decision = Text(
        _l("Văn bản quyết định"),
        [Longest(LONGEST_DECISION)],
        description=_l("Số, ngày của văn bản cho nghỉ hoặc hoán đổi."),
    )
    version = HiddenField()


class RemoveForm(Form):
    """Why a day is taken out."""

    reason = Note(_l("Lý do"), [Required(), Longest(LONGEST_DECISION)])


class ProposalForm(Form):
    """What goes with the days that were picked from a proposal."""

    decision = Text(_l("Văn bản quyết định"), [Longest(LONGEST_DECISION)])


class WindowForm(Form):
    """From which day to which day a report's figures run, and when it is due."""

    name = Text(_l("Tên kỳ"), [Required(), Longest(LONGEST_WINDOW_NAME)])
    name_en = Text(_l("Tên tiếng Anh"), [Longest(LONGEST_WINDOW_NAME)])
    from_day = Whole(_l("Từ ngày"), [Required()], render_kw={"inputmode": "numeric"})
    from_month = Whole(_l("Từ tháng"), [Required()], render_kw={"inputmode": "numeric"})
    from_year_offset = SelectField(
        _l("Năm bắt đầu"),
        [Required()],
        choices=[
            SelectChoice("0", _l("Cùng năm báo cáo")),
            SelectChoice("-1", _l("Năm trước năm báo cáo")),
        ],
    )
    to_day = Whole(_l("Đến ngày"), [Required()], render_kw={"inputmode": "numeric"})
    to_month = Whole(_l("Đến tháng"), [Required()], render_kw={"inputmode": "numeric"})
    due_day = Whole(_l("Hạn gửi: ngày"), [Required()], render_kw={"inputmode": "numeric"})
    due_month = Whole(_l("Hạn gửi: tháng"), [Required()], render_kw={"inputmode": "numeric"})
    is_cumulative = BooleanField(
        _l("Lũy kế"), description=_l("Số liệu gồm cả các kỳ trước trong năm, nên không cộng thêm.")
    )
    version = HiddenField()
