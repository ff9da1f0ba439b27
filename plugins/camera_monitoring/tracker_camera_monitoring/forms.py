"""Forms of the register, the watch log and the roster."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from typing import Any

from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.numbers import UnreadableNumber, format_number, parse_number
from tracker.api.web import (
    BooleanField,
    Day,
    Form,
    HiddenField,
    Longest,
    MultipleFileField,
    Note,
    Optional,
    PasswordField,
    RadioField,
    Required,
    SelectField,
    SelectMultipleField,
    Text,
    optional_int,
)
from tracker_camera_monitoring import labels

CLOCK = re.compile(r"^([01]?\d|2[0-3])\s*[:hHgG.]\s*([0-5]\d)?$")
KEY = re.compile(r"^[A-Za-z0-9-]{8,64}$")
SEEN = re.compile(r"^[dc][1-9]\d{0,8}$")
DATE = {"data-kind": "date"}
COMBOBOX = {"data-kind": "combobox"}


def options(pairs: Iterable[tuple[Any, Any]], empty: str | None = None) -> list[SelectChoice]:
    """Return (value, label) pairs as a select takes them; `empty` labels an option for nothing."""
    first = [] if empty is None else [SelectChoice("", empty)]
    return [*first, *(SelectChoice(value, label) for value, label in pairs)]


class Number(Text):
    """A whole number as people write it (88.490.000), which may be left out."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed. Raises ValueError with what to type instead."""
        self.data = None
        words = str(valuelist[0]).strip() if valuelist else ""
        if not words:
            return
        try:
            value = parse_number(words)
        except UnreadableNumber as error:
            raise ValueError(_("Hãy nhập một số nguyên.")) from error
        if value != value.to_integral_value() or abs(value) >= 10**15:
            raise ValueError(_("Hãy nhập một số nguyên."))
        self.data = int(value)

    def _value(self) -> str:
        if self.raw_data and self.data is None:
            return str(self.raw_data[0])
        return format_number(self.data) if isinstance(self.data, int) else ""


class Clock(Text):
    """A time of day typed as 7:15, 7h15 or 7h; `data` is a time."""

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
        self.data = time(int(found[1]), int(found[2] or 0))

    def _value(self) -> str:
        if self.raw_data and self.data is None:
            return str(self.raw_data[0])
        return f"{self.data:%H:%M}" if isinstance(self.data, time) else ""


class SendKey(HiddenField):
    """The random key by which a second send of the same form is recognised."""

    data: str | None

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take the key; anything that is not one counts as none."""
        words = str(valuelist[0]) if valuelist else ""
        self.data = words if KEY.match(words) else None


class Version(HiddenField):
    """The version of the record that the form was filled from."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take the number; anything else counts as none."""
        words = str(valuelist[0]) if valuelist else ""
        self.data = int(words) if words.isascii() and words.isdigit() and len(words) < 10 else None


def _select(label: Any, message: Any = None, **more: Any) -> SelectField:
    return SelectField(
        label,
        coerce=optional_int,
        validators=[Required(message) if message else Optional()],
        **more,
    )


class DeskForm(Form):
    """A desk."""

    unit_id = _select(_l("Đơn vị"), _l("Hãy chọn đơn vị."), render_kw=COMBOBOX)
    name = Text(_l("Tên bàn tiếp dân"), validators=[Required(), Longest(200)])
    place = Text(_l("Nơi đặt"), validators=[Longest(500)])
    opened_on = Day(_l("Hoạt động từ ngày"), validators=[Required()], render_kw=DATE)
    closed_on = Day(_l("Ngừng từ ngày"), render_kw=DATE)
    note = Note(_l("Ghi chú"), validators=[Longest(5000)])
    version = Version()


class CameraForm(Form):
    """A camera: what it is, and how it is asked whether it works."""

    desk_id = _select(_l("Bàn tiếp dân"), _l("Hãy chọn bàn tiếp dân."), render_kw=COMBOBOX)
    name = Text(_l("Tên camera"), validators=[Required(), Longest(120)])
    set_name = Text(_l("Bộ"), validators=[Longest(80)])
    model = Text(_l("Loại máy"), validators=[Longest(200)])
    place = Text(_l("Vị trí"), validators=[Longest(200)])
    state = RadioField(_l("Trạng thái"), default="in_use", validators=[Required()])
    bought_on = Day(_l("Ngày mua"), render_kw=DATE)
    retired_on = Day(_l("Ngày thôi dùng"), render_kw=DATE)
    cost = Number(_l("Giá (đồng)"), render_kw={"inputmode": "numeric", "autocomplete": "off"})
    retention_days = Number(
        _l("Lưu hình được (ngày)"), render_kw={"inputmode": "numeric", "autocomplete": "off"}
    )
    address = Text(
        _l("Địa chỉ để thăm dò"),
        validators=[Longest(700)],
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
    username = Text(
        _l("Tên đăng nhập của camera"),
        validators=[Longest(200)],
        render_kw={"autocomplete": "off", "autocapitalize": "none"},
    )
    secret = PasswordField(
        _l("Mật khẩu của camera"),
        validators=[Longest(200)],
        render_kw={"autocomplete": "new-password"},
    )
    forget_secret = BooleanField(_l("Xóa tên và mật khẩu đang giữ"))
    probe_minutes = Number(_l("Thăm dò mỗi (phút)"), render_kw={"inputmode": "numeric"})
    note = Note(_l("Ghi chú"), validators=[Longest(5000)])
    version = Version()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.state.choices = options(labels.choices_of(labels.STATES))


class CauseForm(Form):
    """What caused an incident."""

    cause = Note(_l("Nguyên nhân, cách xử lý"), validators=[Required(), Longest(2000)])
    version = Version()


class EntryForm(Form):
    """What was seen, on one screen of a phone."""

    # 'd12' names a desk, 'c34' a camera and with it its desk.
    seen = SelectField(
        _l("Bàn, camera đã xem"),
        validators=[Required(_l("Hãy chọn bàn hoặc camera."))],
        render_kw={**COMBOBOX, "data-recent": "camera-desk"},
    )
    day = Day(_l("Ngày"), validators=[Required()], render_kw=DATE)
    starts_at = Clock(_l("Từ"), validators=[Required()])
    ends_at = Clock(_l("Đến"), validators=[Required()])
    sight_ids = SelectMultipleField(_l("Đã thấy"), coerce=optional_int)
    severity = RadioField(_l("Mức độ"), default="")
    text = Note(_l("Mô tả"), validators=[Longest(4000)])
    shows_people = BooleanField(_l("Ảnh hoặc mô tả cho thấy người cụ thể"))
    files = MultipleFileField(_l("Ảnh, tệp kèm theo"))
    send_key = SendKey()
    version = Version()


class ShiftForm(Form):
    """Somebody's turn to watch."""

    day = Day(_l("Ngày"), validators=[Required()], render_kw=DATE)
    starts_at = Clock(_l("Từ"), validators=[Required()])
    ends_at = Clock(_l("Đến"), validators=[Required()])
    watcher_id = _select(_l("Người xem"), _l("Hãy chọn người xem."), render_kw=COMBOBOX)
    unit_id = _select(_l("Các camera của"), _l("Hãy chọn đơn vị."), render_kw=COMBOBOX)
    note = Text(_l("Ghi chú"), validators=[Longest(500)])


class SightForm(Form):
    """A line of the list of what may be seen."""

    name = Text(_l("Nội dung"), validators=[Required(), Longest(200)])
    name_en = Text(_l("Tên tiếng Anh"), validators=[Longest(200)])
    severity = RadioField(_l("Mức độ"), default="minor", validators=[Required()])
    position = Number(_l("Thứ tự"), render_kw={"inputmode": "numeric"})
    is_active = BooleanField(_l("Đang dùng"), default=True)
    version = Version()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.severity.choices = options(labels.choices_of(labels.SEVERITIES))
