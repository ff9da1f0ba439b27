"""Forms of sign-in, accounts, grants and deputies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types
from wtforms.validators import StopValidation

from tracker.accounts import passwords, services
from tracker.accounts.permissions import ROLE_HINTS, ROLE_LABELS
from tracker.core.rights import Role
from tracker.units import labels
from tracker.web.forms import Day, Form, Longest, Required, Text, optional_int

LONGEST_TYPED = 200


class Secret(PasswordField):
    """A password: taken as typed, never sent back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Templates choose how to draw a field by this name.
        self.type = PasswordField.__name__

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was typed, but no more than could be one."""
        self.data = str(valuelist[0])[:LONGEST_TYPED] if valuelist else ""


class Pick(SelectField):
    """A select whose value is a record's number; '' is none."""

    def __init__(self, label: Any, **options: Any) -> None:
        super().__init__(label, coerce=optional_int, validate_choice=False, **options)
        self.type = SelectField.__name__

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was chosen. Raises ValueError for what is no number."""
        try:
            self.data = optional_int(valuelist[0]) if valuelist else None
        except ValueError as error:
            self.data = None
            raise ValueError(_("Hãy chọn một mục trong danh sách.")) from error


class Known:
    """A select's value must be one of its choices; says so in one plain sentence."""

    def __call__(self, form: Any, field: Any) -> None:
        """Raise StopValidation for anything else."""
        offered = {field.coerce(choice.value) for choice in field.choices}
        if field.data is not None and field.data not in offered:
            field.errors = []
            raise StopValidation(_("Hãy chọn một mục trong danh sách."))


def options(pairs: Iterable[tuple[Any, Any]], empty: str | None = None) -> list[SelectChoice]:
    """Return (value, label) pairs as a select takes them; `empty` labels an option for nothing."""
    first = [] if empty is None else [SelectChoice("", empty)]
    return [*first, *(SelectChoice(value, label) for value, label in pairs)]


def _unit_field(label: Any) -> Pick:
    return Pick(
        label,
        validators=[Required(), Known()],
        render_kw={"data-kind": "combobox", "data-recent": "unit"},
    )


class LoginForm(Form):
    """User name and password."""

    username = Text(
        _l("Tên đăng nhập"),
        [Required()],
        render_kw={
            "autocomplete": "username",
            "autocapitalize": "none",
            "spellcheck": "false",
            "maxlength": 100,
        },
    )
    password = Secret(_l("Mật khẩu"), [Required()], render_kw={"autocomplete": "current-password"})


class NewPassword(Form):
    """A new password, typed twice; `username_of` says whose it will be."""

    username_of = ""
    password = Secret(
        _l("Mật khẩu mới"),
        [Required()],
        description=_l(
            "Ít nhất 10 ký tự. Vài từ không liên quan nhau dễ nhớ và khó đoán hơn ký tự lạ."
        ),
        render_kw={"autocomplete": "new-password", "minlength": passwords.SHORTEST},
    )
    again = Secret(
        _l("Gõ lại mật khẩu mới"), [Required()], render_kw={"autocomplete": "new-password"}
    )

    def validate_password(self, field: Any) -> None:
        """Refuse what breaks the rules of passwords."""
        problem = passwords.fault(field.data or "", self.username_of)
        if problem:
            raise StopValidation(problem)

    def validate_again(self, field: Any) -> None:
        """Refuse a slip of the finger."""
        if field.data != self.password.data:
            raise StopValidation(_("Hai lần gõ chưa giống nhau."))

    def typed(self) -> str:
        """Return the password."""
        return self.password.data or ""


class ChangePasswordForm(NewPassword):
    """The current password and a new one."""

    current = Secret(
        _l("Mật khẩu hiện tại"), [Required()], render_kw={"autocomplete": "current-password"}
    )


class ContactFields(Form):
    """What is known of a person."""

    name = Text(_l("Họ và tên"), [Required(), Longest(200)], render_kw={"autocomplete": "name"})
    title = Text(_l("Chức vụ"), [Longest(200)], render_kw={"autocomplete": "organization-title"})
    email = Text(
        _l("Thư điện tử"),
        [Longest(254)],
        render_kw={"type": "email", "autocomplete": "email", "inputmode": "email"},
    )
    phone = Text(
        _l("Điện thoại"),
        [Longest(20)],
        render_kw={"type": "tel", "autocomplete": "tel", "inputmode": "tel"},
    )

    def contact(self) -> services.Contact:
        """Return what was typed."""
        return services.Contact(
            self.name.data or "",
            self.title.data or "",
            self.email.data or "",
            self.phone.data or "",
        )


class ProfileForm(ContactFields):
    """One's own name, contact, language and theme."""

    locale = RadioField(
        _l("Ngôn ngữ"),
        choices=options([("vi", "Tiếng Việt"), ("en", "English")]),
        validators=[Required()],
    )
    theme = RadioField(
        _l("Giao diện"),
        choices=options(
            [("auto", _l("Theo máy")), ("light", _l("Nền sáng")), ("dark", _l("Nền tối"))]
        ),
        validators=[Required()],
    )


class UserForm(ContactFields):
    """An account as an administrator corrects it."""

    unit_id = _unit_field(_l("Đơn vị công tác"))


class NewUserForm(UserForm):
    """A new account with its first role."""

    username = Text(
        _l("Tên đăng nhập"),
        [Required(), Longest(64)],
        description=_l("Chữ không dấu và số, ví dụ: nguyenvanan. Sau này không đổi được."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    role = SelectField(_l("Vai trò"), validators=[Known()], validate_choice=False)

    def offer_roles(self) -> None:
        """Fill the roles in the reader's language."""
        self.role.choices = options(role_choices(), empty=_("Chưa cấp vai trò"))

    def account(self) -> services.CreateUser:
        """Return what was typed."""
        return services.CreateUser(self.username.data or "", self.contact(), self.unit_id.data)


class GrantForm(Form):
    """A role within a unit, from a date to a date."""

    role = RadioField(_l("Vai trò"), validators=[Required(), Known()], validate_choice=False)
    unit_id = _unit_field(_l("Phạm vi: đơn vị này và các đơn vị trực thuộc"))
    valid_from = Day(_l("Từ ngày"), [Required()], render_kw={"data-kind": "date"})
    valid_to = Day(
        _l("Đến hết ngày"),
        description=_l("Để trống nếu chưa biết ngày kết thúc."),
        render_kw={"data-kind": "date"},
    )
    note = Text(_l("Căn cứ"), [Longest(300)], description=_l("Ví dụ: Quyết định 12/QĐ-UBND."))

    def offer_roles(self) -> None:
        """Fill the roles in the reader's language."""
        self.role.choices = options(role_choices())


def role_choices() -> list[tuple[str, str]]:
    """Return the roles for a select."""
    return [(role.value, str(label)) for role, label in ROLE_LABELS.items()]


def role_hints() -> dict[str, str]:
    """Return what each role does."""
    return {role.value: str(hint) for role, hint in ROLE_HINTS.items()}


class DeputyForm(Form):
    """Who acts during a leave."""

    deputy_id = Pick(
        _l("Người thay"),
        validators=[Required(), Known()],
        render_kw={"data-kind": "combobox"},
    )
    valid_from = Day(_l("Nghỉ từ ngày"), [Required()], render_kw={"data-kind": "date"})
    valid_to = Day(_l("Đến hết ngày"), [Required()], render_kw={"data-kind": "date"})
    reason = Text(_l("Lý do"), [Longest(300)])

    def data_for(self, user_id: int) -> services.NameDeputy:
        """Return what was chosen for a person."""
        return services.NameDeputy(
            user_id,
            self.deputy_id.data,
            self.valid_from.data,
            self.valid_to.data,
            self.reason.data or "",
        )


class SetUpForm(ContactFields, NewPassword):
    """The first administrator and the agency at the top of the tree."""

    unit_name = Text(
        _l("Tên cơ quan"),
        [Required(), Longest(500)],
        description=_l("Đơn vị cao nhất, ví dụ: UBND xã Vĩnh Phước."),
    )
    unit_kind = SelectField(_l("Loại đơn vị"), validators=[Known()], validate_choice=False)
    username = Text(
        _l("Tên đăng nhập"),
        [Required(), Longest(64)],
        description=_l("Chữ không dấu và số, ví dụ: nguyenvanan. Sau này không đổi được."),
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )

    def offer_kinds(self) -> None:
        """Fill the kinds of units in the reader's language."""
        self.unit_kind.choices = options(labels.kind_choices())

    def validate_password(self, field: Any) -> None:
        """Refuse what breaks the rules, the user name just typed among them."""
        self.username_of = services.clean_username(self.username.data or "")
        super().validate_password(field)


def role_of(value: str) -> Role | None:
    """Return the role that a select or an address names, None for ''. Raises ValueError."""
    return Role(value) if value else None


def last_day_of(text: str, today: date) -> date:
    """Return the last day that a form names; without one it is yesterday: at once."""
    from tracker.core.numbers import parse_date

    return parse_date(text) if text.strip() else today - services.ONE_DAY
