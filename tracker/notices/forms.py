"""Forms of choices, the mail server and the ladder."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, PasswordField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.core.outgoing import LONGEST_URL
from tracker.notices.escalation_models import Audience
from tracker.notices.webhook_services import LONGEST_NAME
from tracker.settings.forms import Whole
from tracker.web.forms import Day, Form, Longest, Note, Required, Text

HOURS = [SelectChoice(str(hour), f"{hour:02d}:00") for hour in range(24)]
AUDIENCES = {
    Audience.OFFICER: _l("Người thực hiện"),
    Audience.HEAD: _l("Lãnh đạo đơn vị"),
    Audience.COORDINATOR: _l("Cơ quan thường trực"),
    Audience.LEADER: _l("Lãnh đạo cấp trên"),
}


class HoursForm(Form):
    """When a person wants to be reached."""

    digest_hour = SelectField(
        _l("Giờ nhận thư tổng hợp"),
        [Required()],
        choices=HOURS,
        description=_l("Mỗi ngày một thư, gồm những thông báo chưa đọc."),
    )
    quiet_from = SelectField(_l("Yên lặng từ"), [Required()], choices=HOURS)
    quiet_to = SelectField(
        _l("đến"),
        [Required()],
        choices=HOURS,
    )
    version = HiddenField()


class MailServerForm(Form):
    """The server by which e-mail leaves."""

    host = Text(
        _l("Máy chủ SMTP"),
        [Required(), Longest(253)],
        description=_l("Ví dụ: mail.tinh.gov.vn."),
    )
    security = SelectField(
        _l("Mã hóa đường truyền"),
        [Required()],
        choices=[
            SelectChoice("starttls", _l("STARTTLS (thường là cổng 587)")),
            SelectChoice("tls", _l("TLS ngay từ đầu (thường là cổng 465)")),
            SelectChoice("none", _l("Không mã hóa (chỉ khi máy chủ thư ở cùng máy)")),
        ],
    )
    port = Whole(_l("Cổng"), [Required()], render_kw={"inputmode": "numeric"})
    username = Text(
        _l("Tên đăng nhập"),
        [Longest(254)],
        description=_l("Để trống nếu máy chủ không cần đăng nhập."),
        render_kw={"autocomplete": "off"},
    )
    password = PasswordField(
        _l("Mật khẩu"),
        [Longest(500)],
        description=_l("Để trống thì giữ mật khẩu đang dùng. Mật khẩu được mã hóa khi lưu."),
        render_kw={"autocomplete": "new-password"},
    )
    sender = Text(
        _l("Địa chỉ người gửi"),
        [Required(), Longest(254)],
        description=_l("Ví dụ: cchc@tinh.gov.vn."),
    )
    sender_name = Text(_l("Tên người gửi"), [Longest(200)])
    is_active = BooleanField(_l("Gửi thư qua máy chủ này"))
    version = HiddenField()


class EndpointForm(Form):
    """A system that is told of notices; the kinds are boxes of their own on the page."""

    name = Text(
        _l("Tên nơi nhận"),
        [Required(), Longest(LONGEST_NAME)],
        description=_l("Ví dụ: Trung tâm điều hành thông minh của tỉnh."),
    )
    url = Text(
        _l("Địa chỉ nhận tin"),
        [Required(), Longest(LONGEST_URL)],
        description=_l("Ví dụ: https://dieuhanh.tinh.gov.vn/nhan-tin."),
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    is_active = BooleanField(_l("Đang gửi tới nơi này"))
    version = HiddenField()


class RungForm(Form):
    """One rung of the ladder."""

    offset_days = Whole(
        _l("Số ngày làm việc so với hạn"),
        [Required()],
        description=_l("Số âm: trước hạn. 0: đúng ngày đến hạn. Số dương: sau hạn."),
        render_kw={"inputmode": "text"},
    )
    audience = SelectField(
        _l("Báo cho"),
        [Required()],
        choices=[SelectChoice(key.value, label) for key, label in AUDIENCES.items()],
    )
    is_active = BooleanField(_l("Đang dùng"))
    version = HiddenField()


class PauseForm(Form):
    """Until when nobody is reminded, and why."""

    until = Day(_l("Tạm dừng đến hết ngày"), [Required()], render_kw={"data-kind": "date"})
    reason = Note(_l("Lý do"), [Required(), Longest(500)])


class FeedForm(Form):
    """Whose calendar an address shows."""

    unit_id = SelectField(_l("Lịch của ai"), choices=[], validate_choice=False)
